"""LUDB, as the data folder holds it: 12-lead signals whose waves cardiologists marked.

Kalyakulina et al., LUDB: A New Open-Access Validation Tool for Electrocardiogram Delineation
Algorithms, IEEE Access 8 (2020) 186181.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import LEADS, SAMPLING_RATE_HZ, Signals
from ecgapp.io.text_table import read_rows

RATE = "heart_rate_bpm"
# Marks of one beat lie this close together over the leads; a beat is marked in at least so many.
# Set by hand.
_SAME_BEAT_SAMPLES = 60
_LEAST_LEADS_OF_BEAT = 4


class Wave(NamedTuple):
    """One marked wave of one lead, samples; None where the reader set no mark."""

    kind: str
    onset: int | None
    peak: int
    offset: int | None


@dataclass(frozen=True)
class LudbRecord:
    """One recording of LUDB with its marks.

    Attributes
    ----------
    name : str
        Its number.
    signals : Signals
        Ten seconds.
    waves : dict of str to list of Wave
        Marks of each lead, by time.
    """

    name: str
    signals: Signals
    waves: dict[str, list[Wave]]

    @property
    def beats(self) -> NDArray[np.float64]:
        """Samples of the marked QRS peaks, median over the leads that mark the beat."""
        peaks = sorted(wave.peak for waves in self.waves.values() for wave in _of(waves, "QRS"))
        beats: list[list[int]] = []
        for peak in peaks:
            if beats and peak - beats[-1][-1] < _SAME_BEAT_SAMPLES:
                beats[-1].append(peak)
            else:
                beats.append([peak])
        return np.array([np.median(b) for b in beats if len(b) >= _LEAST_LEADS_OF_BEAT])

    @property
    def truth(self) -> dict[str, float]:
        """What `measure` should find; a key is absent where the readers marked no such wave."""
        truth = {RATE: 60 * SAMPLING_RATE_HZ / float(np.diff(self.beats).mean())}
        by_lead = [_durations_ms(waves) for waves in self.waves.values()]
        for key in ("p_duration_ms", "pr_ms", "qrs_ms", "qt_ms"):
            medians = [np.median(durations[key]) for durations in by_lead if durations[key]]
            # One stray mark is no wave: half of the leads have it.
            if 2 * len(medians) >= len(by_lead):
                truth[key] = float(np.median(medians))
        return truth


def ludb_records(folder: Path) -> Iterator[LudbRecord]:
    """Read the recordings.

    Parameters
    ----------
    folder : Path
        Holds ``signals_500hz_uV.npz`` and ``waves.csv``.

    Yields
    ------
    LudbRecord
        In the file's order.
    """
    names = {name.lower(): name for name in LEADS}
    waves: dict[tuple[str, str], list[Wave]] = defaultdict(list)
    for row in read_rows(folder / "waves.csv"):
        onset, offset = (int(row[key]) if row[key] else None for key in ("onset", "offset"))
        wave = Wave(row["wave"], onset, int(row["peak"]), offset)
        waves[row["record"], names[row["lead"]]].append(wave)
    stored = np.load(folder / "signals_500hz_uV.npz", allow_pickle=False)
    order = [names[str(lead).lower()] for lead in stored["leads"]]
    for number, microvolts in zip(stored["record"], stored["signal"], strict=True):
        millivolts = (microvolts / 1000).astype(np.float32)
        leads = {lead: millivolts[:, column] for column, lead in enumerate(order)}
        marks = {lead: sorted(waves[str(number), lead], key=lambda w: w.peak) for lead in LEADS}
        yield LudbRecord(str(number), Signals(SAMPLING_RATE_HZ, leads), marks)


def _of(waves: list[Wave], kind: str) -> list[Wave]:
    return [wave for wave in waves if wave.kind == kind]


def _durations_ms(waves: list[Wave]) -> dict[str, list[float]]:
    """Durations and intervals of one lead, beat by beat."""
    qrs, t, p = (_of(waves, kind) for kind in ("QRS", "T", "P"))
    borders = [-np.inf, *(wave.peak for wave in qrs), np.inf]
    pairs: dict[str, list[tuple[int | None, int | None]]] = {
        "p_duration_ms": [(wave.onset, wave.offset) for wave in p],
        "qrs_ms": [(wave.onset, wave.offset) for wave in qrs],
        "pr_ms": [],
        "qt_ms": [],
    }
    # Each beat's last P since the beat before, and its first T until the next one.
    for wave, (last, here), (_, following) in zip(
        qrs, pairwise(borders[:-1]), pairwise(borders[1:]), strict=True
    ):
        before = [other for other in p if last < other.peak < here]
        after = [other for other in t if here < other.peak < following]
        if before:
            pairs["pr_ms"].append((before[-1].onset, wave.onset))
        if after:
            pairs["qt_ms"].append((wave.onset, after[0].offset))
    return {
        key: [
            1000 * (end - start) / SAMPLING_RATE_HZ
            for start, end in some
            if start is not None and end is not None
        ]
        for key, some in pairs.items()
    }
