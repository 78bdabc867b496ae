"""Signals in the format of PhysioNet's tools (WFDB): a header in text, the samples, the beats."""

from __future__ import annotations

import re
import struct
import textwrap
from collections.abc import Iterable, Sequence

import numpy as np

from ecgapp.ecg import LEADS, Signals
from ecgapp.io.signals_csv import in_microvolts

RECORD_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

_ADC_UNITS_PER_MV = 1000  # one microvolt a step, as PTB-XL has
# What the format's readers take for a value that is not known, at 16 bits.
_INVALID = -(2**15)
# Characters a line of comment; the format's readers take 255 a line of the header.
_COMMENT_WIDTH = 200

# Codes of the format for a beat as most of the record are, and for one that is of no class.
NORMAL_BEAT, UNCLASSIFIED_BEAT = 1, 13
# Says that the next beat is further off than the ten bits that a beat has for it can tell.
_SKIP = 59
_MOST_SAMPLES = 2**10 - 1


def write_wfdb(
    signals: Signals, record_name: str, comments: Iterable[str] = ()
) -> dict[str, bytes]:
    """Write signals as a WFDB record of format 16 at 1 microvolt a step.

    Parameters
    ----------
    signals : Signals
        Signals of any length.
    record_name : str
        Name of the record: letters, digits, ``_`` and ``-``.
    comments : iterable of str
        What the header says below the leads.

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
    for comment in comments:
        lines += [f"# {line}" for line in textwrap.wrap(comment, _COMMENT_WIDTH)]
    header = "\n".join(lines) + "\n"
    return {
        f"{record_name}.hea": header.encode("ascii", "replace"),
        f"{record_name}.dat": microvolts.tobytes(),
    }


def write_wfdb_beats(beats: Sequence[tuple[int, int]]) -> bytes:
    """Write beats in the format of annotations of the MIT-BIH databases.

    Parameters
    ----------
    beats : sequence of (int, int)
        Sample, and `NORMAL_BEAT` or `UNCLASSIFIED_BEAT`; ascending.

    Returns
    -------
    bytes
        To be kept beside the record as ``NAME.qrs``, the name that WFDB's own detectors give.
    """
    written, last = [], 0
    for sample, code in beats:
        since, last = sample - last, sample
        if since > _MOST_SAMPLES:
            # The upper half of the 32 bits comes first.
            written.append(struct.pack("<HHH", _SKIP << 10, since >> 16, since & 0xFFFF))
            since = 0
        written.append(struct.pack("<H", code << 10 | since))
    return b"".join(written) + bytes(2)
