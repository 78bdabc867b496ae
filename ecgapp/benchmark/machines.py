"""How well sheets of machines that nobody has seen are read: ``ecgapp bench machines``.

Machines are drawn at random (`ecgapp.synthesis.machines`), each prints one recording, and what is
read from the picture is compared with the truth: layout, scale, gain, speed, seconds, every lead.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from ecgapp.benchmark.reading import snr_db
from ecgapp.datasets.ptbxl import load_records, to_signals
from ecgapp.digitize.leads import cut_leads
from ecgapp.digitize.quality import keep_reliable, reading_quality
from ecgapp.digitize.trace import digitize
from ecgapp.ecg import LEADS, PX_PER_MV, PX_PER_S, Signals
from ecgapp.errors import Refusal
from ecgapp.io.pages import read_pages
from ecgapp.pipeline import require_plausible_speed
from ecgapp.sheet.first_sheet import first_readable
from ecgapp.sheet.locate import locate
from ecgapp.sheet.located import LocatedSheet
from ecgapp.synthesis.draw import DrawnSheet, SheetTruth, as_png
from ecgapp.synthesis.machines import Machine, print_sheet, random_machine
from ecgapp.synthesis.simulate import PatientModel, simulate

RIGHT, PARTLY, WRONG, REFUSED = "right", "partly", "wrong", "refused"
OUTCOMES = (RIGHT, PARTLY, WRONG, REFUSED)

# What makes a reading wrong, set by us: a scale this far off, and a lead with less signal to error.
MAX_SCALE_ERROR = 0.03
MIN_SNR_DB = 8.0
# A traced curve may lie this far beside the true one.
MAX_SHIFT_S = 0.06


@dataclass(frozen=True)
class MachineReading:
    """What became of one machine's sheet.

    Attributes
    ----------
    machine : Machine
        The printer.
    outcome : str
        ``right``; ``partly``, where what was read is right and leads were left out; ``wrong``;
        ``refused``.
    faults : tuple of str
        What is wrong, or the refusal's code.
    snr_db : dict of str to float
        Signal to error of each lead that was read.
    bridged_snr_db : dict of str to float
        The same with straight lines over what is not known of the lead: a lost QRS complex, which
        the former passes over, is an error here.
    """

    machine: Machine
    outcome: str
    faults: tuple[str, ...]
    snr_db: dict[str, float] = field(default_factory=dict)
    bridged_snr_db: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Put the reading in plain Python types."""
        return {
            "seed": self.machine.seed,
            "outcome": self.outcome,
            "faults": list(self.faults),
            "snr_db": self.snr_db,
            "bridged_snr_db": self.bridged_snr_db,
            "properties": dict(self.machine.properties),
        }


def read_machine(seed: int, judging: bool = False, data: Path | None = None) -> MachineReading:
    """Draw a machine, print a recording on it, and read the sheet back.

    Parameters
    ----------
    seed : int
        Which machine, and which recording.
    judging : bool
        Whether it is one of the machines that are kept for judging.
    data : Path, optional
        The data folder, for recordings of people; without it simulated ones are printed.

    Returns
    -------
    MachineReading
    """
    machine = random_machine(seed, judging)
    signals = recording(seed, judging, data)
    drawn = print_sheet(machine, signals)
    try:
        sheet, found = read(drawn)
    except Refusal as refusal:
        return MachineReading(machine, REFUSED, (refusal.code,))
    return judge(machine, signals, drawn.truth, sheet, found)


def read(drawn: DrawnSheet) -> tuple[LocatedSheet, Signals]:
    """Read a drawn sheet as a file is read, but for models.

    Raises
    ------
    Refusal
        As `diagnose` would refuse it.
    """
    page = first_readable(read_pages(as_png(drawn.image)))
    sheet = locate(page)
    leads = cut_leads(sheet)
    signals = digitize(sheet, leads)
    quality = reading_quality(sheet, leads, signals)
    sheet, _, signals = keep_reliable(sheet, leads, signals, quality)
    require_plausible_speed(sheet, signals)
    return sheet, signals


def recording(seed: int, judging: bool, data: Path | None) -> Signals:
    """Ten seconds of some patient; those of judging machines are others'."""
    if data is None:
        rate = 50 + seed * 7 % 60
        return simulate(PatientModel(heart_rate_bpm=rate, seed=seed + 10_000 * judging))
    steps = _recordings(data)
    return to_signals(steps[(2 * 7919 * seed + judging) % (len(steps) // 2 * 2)])


@cache
def _recordings(data: Path) -> NDArray[np.int16]:
    return load_records(data, "val").steps


def judge(
    machine: Machine, signals: Signals, truth: SheetTruth, sheet: LocatedSheet, found: Signals
) -> MachineReading:
    """Compare what was read with the truth.

    Parameters
    ----------
    machine : Machine
    signals : Signals
        What was printed.
    truth : SheetTruth
        Where it was printed.
    sheet : LocatedSheet
        Where it was found.
    found : Signals
        What was traced.

    Returns
    -------
    MachineReading
    """
    shown = [name for name in LEADS if np.isfinite(found.leads[name]).any()]
    ratios = _ratios_db(signals, {name: found.leads[name] for name in shown})
    bridged = _ratios_db(signals, {name: _bridged(truth, sheet, found, name) for name in shown})
    faults = list(_faults(machine, truth, sheet))
    poor = [name for name, ratio in ratios.items() if ratio < MIN_SNR_DB]
    if poor:
        faults.append("leads " + " ".join(poor))
    whole = RIGHT if len(ratios) == len(LEADS) else PARTLY
    return MachineReading(machine, WRONG if faults else whole, tuple(faults), ratios, bridged)


def _ratios_db(signals: Signals, curves: Mapping[str, NDArray[np.float32]]) -> dict[str, float]:
    """Signal to error of each curve of which enough is known to tell."""
    ratios = {n: snr_db(signals.leads[n], curve, MAX_SHIFT_S) for n, curve in curves.items()}
    return {name: ratio for name, ratio in ratios.items() if np.isfinite(ratio)}


def _bridged(
    truth: SheetTruth, sheet: LocatedSheet, found: Signals, name: str
) -> NDArray[np.float32]:
    """Bridge what is not known of a lead, where the sheet prints it, by straight lines.

    Where a column's pen lifts early there is nothing to know.
    """
    shown = sheet.samples_of(name, found.sampling_rate_hz)
    whole = np.full(found.n_samples, np.nan, np.float32)
    known = np.flatnonzero(np.isfinite(found.leads[name]))
    samples = np.arange(found.n_samples)[shown]
    whole[samples] = np.interp(samples, known, found.leads[name][known])
    begin, end = (round(second * found.sampling_rate_hz) for second in truth.shown_s[name])
    whole[:begin] = whole[end:] = np.nan
    return whole


def _faults(machine: Machine, truth: SheetTruth, sheet: LocatedSheet) -> Iterator[str]:
    if sheet.layout.name != truth.layout.name:
        yield f"layout {sheet.layout.name}"
    if len(sheet.rhythm_strips) != len(truth.rhythm_strips):
        yield f"{len(sheet.rhythm_strips)} strips"
    if sheet.seconds != truth.seconds:
        yield f"{sheet.seconds:g} seconds"
    across, down = _scale_errors(truth, sheet)
    if across > MAX_SCALE_ERROR:
        yield f"time scale off by {across:.0%}"
    if down > MAX_SCALE_ERROR:
        yield f"voltage scale off by {down:.0%}"
    # Without a grid nobody can tell the paper's speed and gain, only seconds and millivolts.
    if machine.style.grid is not None:
        if sheet.speed_mm_per_s != truth.speed_mm_per_s:
            yield f"speed {sheet.speed_mm_per_s:g}"
        if sheet.gain_mm_per_mv != truth.gain_mm_per_mv:
            yield f"gain {sheet.gain_mm_per_mv:g}"


def _scale_errors(truth: SheetTruth, sheet: LocatedSheet) -> tuple[float, float]:
    """How far a second, and a millivolt, are from what they should be on the located page.

    They are measured by the room of all curves on the paper, the room between columns included:
    the located page has it, too.
    """
    to_page = np.linalg.inv(sheet.to_upload)

    def on_page(points_mm: list[tuple[float, float]]) -> NDArray[np.float64]:
        image = truth.to_image(np.array(points_mm))
        places = np.column_stack([image, np.ones(len(image))]) @ to_page.T
        return np.asarray(places[:, :2] / places[:, 2:])

    left, top, right, bottom = truth.curves_mm
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    as_wide_as_s = (right - left) / truth.speed_mm_per_s
    ends = on_page([(left, middle_y), (right, middle_y)])
    across = float(ends[1, 0] - ends[0, 0]) / (as_wide_as_s * PX_PER_S)
    heights = on_page([(middle_x, top), (middle_x, bottom)])
    millivolts = (bottom - top) / truth.gain_mm_per_mv
    down = float(heights[1, 1] - heights[0, 1]) / (millivolts * PX_PER_MV)
    return abs(across - 1), abs(down - 1)


def summarize(readings: Sequence[MachineReading]) -> list[str]:
    """Say in a few lines how many were read rightly, wrongly, in part, or not at all.

    Parameters
    ----------
    readings : sequence of MachineReading

    Returns
    -------
    list of str
    """
    counts = Counter(one.outcome for one in readings)
    n_read = len(readings) - counts[REFUSED]
    lines = [", ".join(f"{outcome} {counts[outcome]}" for outcome in OUTCOMES)]
    if n_read:
        lines.append(f"wrong of what was read: {counts[WRONG] / n_read:.1%} of {n_read}")
        leads = [ratio for one in readings for ratio in one.bridged_snr_db.values()]
        poor = sum(ratio < MIN_SNR_DB for ratio in leads)
        lines.append(
            f"under {MIN_SNR_DB:g} dB if what is not known is bridged: {poor} of {len(leads)} leads"
        )
    for condition in sorted({one.machine.condition for one in readings}):
        ratios = [
            median(one.snr_db.values())
            for one in readings
            if one.machine.condition == condition and one.outcome == RIGHT
        ]
        if ratios:
            lines.append(f"{condition}: {median(ratios):.1f} dB in the median of {len(ratios)}")
    return lines


def property_table(readings: Sequence[MachineReading]) -> Table:
    """Lay out what each value of each property costs, for a terminal.

    Parameters
    ----------
    readings : sequence of MachineReading

    Returns
    -------
    Table
    """
    table = Table("property", "value", "n", *OUTCOMES)
    by_value: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for one in readings:
        for name, value in one.machine.properties.items():
            by_value[name, value][one.outcome] += 1
    names = list(readings[0].machine.properties) if readings else []
    for (name, value), counts in sorted(
        by_value.items(), key=lambda item: (names.index(item[0][0]), item[0][1])
    ):
        n = counts.total()
        table.add_row(name, value, str(n), *(f"{counts[o] / n:.0%}" for o in OUTCOMES))
    return table
