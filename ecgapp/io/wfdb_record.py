"""Signals in the format of PhysioNet's tools (WFDB): a header in text and the samples."""

from __future__ import annotations

import re

import numpy as np

from ecgapp.ecg import LEADS, Signals
from ecgapp.io.signals_csv import in_microvolts

RECORD_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

_ADC_UNITS_PER_MV = 1000  # one microvolt a step, as PTB-XL has
# What the format's readers take for a value that is not known, at 16 bits.
_INVALID = -(2**15)


def write_wfdb(signals: Signals, record_name: str) -> dict[str, bytes]:
    """Write signals as a WFDB record of format 16 at 1 microvolt a step.

    Parameters
    ----------
    signals : Signals
        Signals of any length.
    record_name : str
        Name of the record: letters, digits, ``_`` and ``-``.

    Returns
    -------
    dict of str to bytes
        The two files by their names, ``NAME.hea`` and ``NAME.dat``, to be kept side by side.
    """
    if not RECORD_NAME.fullmatch(record_name):
        raise ValueError(f"{record_name!r} cannot name a WFDB record")
    microvolts = in_microvolts(signals, _INVALID)
    lines = [f"{record_name} {len(LEADS)} {signals.sampling_rate_hz} {signals.n_samples}"]
    for lead, values in zip(LEADS, microvolts.T, strict=True):
        checksum = int(values.sum(dtype=np.int64)) & 0xFFFF
        signed = checksum - 0x10000 if checksum & 0x8000 else checksum
        lines.append(
            f"{record_name}.dat 16 {_ADC_UNITS_PER_MV}(0)/mV 16 0 {values[0]} {signed} 0 {lead}"
        )
    header = "\n".join(lines) + "\n"
    return {f"{record_name}.hea": header.encode(), f"{record_name}.dat": microvolts.tobytes()}
