"""A diagnosis in the format of PhysioNet's tools (WFDB): leads, beats, what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ecgapp.ecg import DISCLAIMER
from ecgapp.io.wfdb_record import (
    NORMAL_BEAT,
    UNCLASSIFIED_BEAT,
    write_wfdb,
    write_wfdb_beats,
)
from ecgapp.measure.r_peaks import UNLIKE_OTHERS, find_beats
from ecgapp.report.by_hand import by_hand_line
from ecgapp.report.headline import headline
from ecgapp.report.json_and_csv import MEASUREMENTS
from ecgapp.report.zip_file import zipped

if TYPE_CHECKING:
    from ecgapp.ecg import Signals
    from ecgapp.pipeline import Diagnosis

# Nothing of an upload's name becomes a file's.
_RECORD_NAME = "ecg_reading"


def to_wfdb_zip(diagnosis: Diagnosis) -> bytes:
    """Pack what was read into a ZIP of one WFDB record with its beats.

    Parameters
    ----------
    diagnosis : Diagnosis
        One that has a verdict.

    Returns
    -------
    bytes
        ``ecg_reading.hea``, with measurements, findings and verdict as comments, ``.dat`` and,
        where there are clear beats, ``.qrs``.

    Raises
    ------
    ValueError
        If the diagnosis has no verdict.
    """
    if diagnosis.verdict is None or diagnosis.signals is None:
        raise ValueError("a refused file has nothing to report")
    return zipped(record_with_beats(diagnosis.signals, _RECORD_NAME, _comments(diagnosis)))


def record_with_beats(
    signals: Signals, record_name: str, comments: Iterable[str] = ()
) -> dict[str, bytes]:
    """Write signals as a WFDB record, and the beats that are found in them.

    Parameters
    ----------
    signals : Signals
        At 500 Hz.
    record_name : str
        As :func:`ecgapp.io.wfdb_record.write_wfdb` takes it.
    comments : iterable of str
        What the header says below the leads.

    Returns
    -------
    dict of str to bytes
        The files by their names. Beats whose shape is unlike that of most are of no class (Q), all
        others stand as the format's detectors write any beat (N).
    """
    files = write_wfdb(signals, record_name, comments)
    beats = find_beats(signals)
    codes = [UNCLASSIFIED_BEAT if kind == UNLIKE_OTHERS else NORMAL_BEAT for kind in beats.kinds]
    if codes:
        marks = list(zip(beats.peaks.tolist(), codes, strict=True))
        files[f"{record_name}.qrs"] = write_wfdb_beats(marks)
    return files


def _comments(diagnosis: Diagnosis) -> Iterator[str]:
    for name, (title, decimals) in MEASUREMENTS.items():
        if (measured := diagnosis.measurements.get(name)) is not None:
            yield f"{title}: {measured.value:.{decimals}f} {measured.unit}".rstrip()
    said = headline(diagnosis)
    texts = (finding.text for finding in diagnosis.findings)
    yield from filter(
        None, (*texts, said.title, *said.notes, by_hand_line(diagnosis.correction), DISCLAIMER)
    )
