"""How well sheets are read that are not the known machine's: ``python -m ecgapp bench trace``.

Recordings of other people's are drawn in every layout, clean and photographed, and read back from
the picture alone; real sheets are checked against what is printed on them; pictures that are no
ECG must be refused.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from ecgapp.benchmark import not_ecg
from ecgapp.benchmark.measuring import (
    PRINTED_RATE_TOLERANCE_BPM,
    RATE,
    TOLERANCES,
    Comparison,
    LudbRecord,
    compare_ludb,
    compare_printed_rates,
)
from ecgapp.datasets.khan import image_workers
from ecgapp.datasets.ludb import ludb_records
from ecgapp.datasets.ptbxl import load_records, to_signals
from ecgapp.ecg import LAYOUTS, LEADS, SAMPLING_RATE_HZ, Signals
from ecgapp.pipeline import Diagnosis, diagnose
from ecgapp.report import overlays
from ecgapp.synthesis.degrade import Degradation, degrade, photograph
from ecgapp.synthesis.draw import DrawnSheet, as_png, draw_sheet
from ecgapp.synthesis.samples import draw_sample
from ecgapp.synthesis.vendors import VENDORS

T = TypeVar("T")

# Layouts that recordings are drawn in, with the leads of their strips.
ARRANGEMENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "3x4": ("3x4", ()),
    "3x4 + II": ("3x4", ("II",)),
    "3x4 + V1, II, V5": ("3x4", ("V1", "II", "V5")),
    "6x2": ("6x2", ()),
    "6x2 + II": ("6x2", ("II",)),
    "12x1": ("12x1", ()),
    "3x4 Cabrera + II": ("3x4-cabrera", ("II",)),
}
CLEAN, PHOTOGRAPHED = "clean", "photographed"

# The traced curve may lie this far beside the true one; the rest of the error is its shape.
_MAX_SHIFT_S = 0.02


@dataclass(frozen=True)
class Recording:
    """Signals to draw, with what is known about them.

    Attributes
    ----------
    name : str
        Source and number.
    signals : Signals
        Ten seconds, twelve leads, 500 Hz.
    marked : LudbRecord or None
        The same with cardiologists' marks, where there are any.
    """

    name: str
    signals: Signals
    marked: LudbRecord | None = None


@dataclass(frozen=True)
class SheetReading:
    """What became of one drawn sheet.

    Attributes
    ----------
    recording, arrangement, condition, vendor : str
        What was drawn, and how.
    refusal : str
        Code of the refusal, empty when there was none.
    layout_right : bool
        Whether layout and number of strips were found.
    snr_db : float
        Median over the twelve leads of signal to error; NaN when none was traced.
    unshifted_snr_db : float
        The same with every shift in time counted as error.
    measured : list of Comparison
        Measurements of the traced curves beside the marks.
    label : str
        The verdict's, empty when there is none.
    """

    recording: str
    arrangement: str
    condition: str
    vendor: str
    refusal: str
    layout_right: bool
    snr_db: float
    unshifted_snr_db: float
    measured: list[Comparison]
    label: str


def snr_db(
    true: NDArray[np.float32], found: NDArray[np.float32], max_shift_s: float = _MAX_SHIFT_S
) -> float:
    """Ratio of a signal's power to its error's, dB, over the samples that both have.

    An offset in voltage and a small shift in time are not counted, as in the George B. Moody
    PhysioNet Challenge 2024.

    Parameters
    ----------
    true, found : ndarray of float32, (n,)
        mV at 500 Hz, NaN where not known.
    max_shift_s : float
        The largest shift that is not counted, seconds.

    Returns
    -------
    float
        NaN when fewer than half a second is known of both.
    """
    most = round(max_shift_s * SAMPLING_RATE_HZ)
    return max(_ratio_db(true, np.roll(found, shift)) for shift in range(-most, most + 1))


def _ratio_db(true: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    both = np.isfinite(true) & np.isfinite(found)
    if both.sum() < SAMPLING_RATE_HZ // 2:
        return float("nan")
    signal = true[both] - true[both].mean()
    error = found[both] - found[both].mean() - signal
    return float(10 * np.log10(max(np.mean(signal**2), 1e-9) / max(np.mean(error**2), 1e-9)))


def _median_snr_db(true: Signals, found: Signals | None, max_shift_s: float) -> float:
    """Median over the leads; NaN when none was traced."""
    if found is None:
        return float("nan")
    n = min(true.n_samples, found.n_samples)
    ratios = [snr_db(true.leads[k][:n], found.leads[k][:n], max_shift_s) for k in LEADS]
    known = [ratio for ratio in ratios if np.isfinite(ratio)]
    return median(known) if known else float("nan")


def read_drawn(
    recording: Recording, conditions: Sequence[str] = (CLEAN, PHOTOGRAPHED)
) -> list[SheetReading]:
    """Draw one recording in every arrangement and read it back.

    Parameters
    ----------
    recording : Recording
    conditions : sequence of str
        ``clean``, ``photographed``.

    Returns
    -------
    list of SheetReading
    """
    readings = []
    for number, arrangement in enumerate(ARRANGEMENTS):
        # The same for every run, and another vendor for every sheet.
        seed = sum(map(ord, recording.name)) * len(ARRANGEMENTS) + number
        vendor = list(VENDORS)[seed % len(VENDORS)]
        layout_name, strips = ARRANGEMENTS[arrangement]
        drawn = draw_sheet(recording.signals, LAYOUTS[layout_name], strips, vendor=VENDORS[vendor])
        for condition in conditions:
            shown = drawn if condition == CLEAN else photograph(drawn, seed)
            diagnosis = diagnose(_as_file(shown, condition))
            readings.append(_judge(recording, arrangement, condition, vendor, drawn, diagnosis))
    return readings


def _as_file(drawn: DrawnSheet, condition: str) -> bytes:
    if condition == CLEAN:
        return as_png(drawn.image)
    file = io.BytesIO()
    drawn.image.save(file, "JPEG", quality=90)
    return file.getvalue()


def _judge(
    recording: Recording,
    arrangement: str,
    condition: str,
    vendor: str,
    drawn: DrawnSheet,
    diagnosis: Diagnosis,
) -> SheetReading:
    sheet, truth = diagnosis.sheet, drawn.truth
    return SheetReading(
        recording=recording.name,
        arrangement=arrangement,
        condition=condition,
        vendor=vendor,
        refusal=diagnosis.refusal.code if diagnosis.refusal else "",
        layout_right=sheet is not None
        and sheet.layout.name == truth.layout.name
        and len(sheet.rhythm_strips) == len(truth.rhythm_strips),
        snr_db=_median_snr_db(recording.signals, diagnosis.signals, _MAX_SHIFT_S),
        unshifted_snr_db=_median_snr_db(recording.signals, diagnosis.signals, 0.0),
        measured=compare_ludb(
            [recording.marked] if recording.marked else [], lambda _: diagnosis.signals
        ),
        label=diagnosis.verdict.label if diagnosis.verdict else "",
    )


@dataclass(frozen=True)
class Figure:
    """One figure of the benchmark.

    Attributes
    ----------
    quantity : str
        What was measured, and on what.
    found : str
        The figure, with its unit.
    wanted : str
        What it should be.
    reached : bool
    n : int
        How many sheets, leads or pictures stand behind it.
    """

    quantity: str
    found: str
    wanted: str
    reached: bool
    n: int


def summarize(readings: Sequence[SheetReading]) -> list[Figure]:
    """Put the readings of drawn sheets into figures.

    Parameters
    ----------
    readings : sequence of SheetReading

    Returns
    -------
    list of Figure
    """
    figures = []
    for condition, least_db in ((CLEAN, 20.0), (PHOTOGRAPHED, 15.0)):
        shown = [reading for reading in readings if reading.condition == condition]
        if not shown:
            continue
        figures.append(
            _share(f"Sheets read to a verdict, {condition}", [bool(r.label) for r in shown], 0.95)
        )
        figures.append(_share(f"Layout found, {condition}", [r.layout_right for r in shown], 1.0))
        for quantity, values in (
            (f"Signal to error, {condition}", [r.snr_db for r in shown]),
            (
                f"Signal to error with shifts counted, {condition}",
                [r.unshifted_snr_db for r in shown],
            ),
        ):
            known = [value for value in values if np.isfinite(value)]
            found = median(known) if known else float("nan")
            figures.append(
                Figure(
                    quantity, f"{found:.1f} dB", f"{least_db:.0f} dB", found >= least_db, len(known)
                )
            )
        figures += _measured(shown, condition)
    figures += _agreement(readings)
    return figures


_MEDIAN_LIMITS = {"qrs_ms": "QRS duration", "qt_ms": "QT interval"}


def _measured(readings: Sequence[SheetReading], condition: str) -> list[Figure]:
    """Judge what was measured; what could not be measured counts as wrong for the rate alone."""
    every = [one for reading in readings if not reading.refusal for one in reading.measured]
    figures = []
    rates = [one for one in every if one.measurement == RATE]
    if rates:
        within = [
            one.found is not None and abs(one.found - one.true) <= TOLERANCES[RATE] for one in rates
        ]
        figures.append(_share(f"Heart rate within 2 bpm of the marks, {condition}", within, 0.98))
    for name, title in _MEDIAN_LIMITS.items():
        errors = [
            abs(one.found - one.true)
            for one in every
            if one.measurement == name and one.found is not None
        ]
        if errors:
            found, most = median(errors), TOLERANCES[name]
            quantity = f"{title}, median distance from the marks, {condition}"
            figures.append(
                Figure(quantity, f"{found:.0f} ms", f"{most:.0f} ms", found <= most, len(errors))
            )
    return figures


def _agreement(readings: Sequence[SheetReading]) -> list[Figure]:
    """How often 3x4 and 6x2 of one recording get the same verdict."""
    figures = []
    for condition in (CLEAN, PHOTOGRAPHED):
        labels = {
            (r.recording, r.arrangement): r.label for r in readings if r.condition == condition
        }
        same = [
            label == labels[recording, "6x2 + II"]
            for (recording, arrangement), label in labels.items()
            if arrangement == "3x4 + II" and label and labels.get((recording, "6x2 + II"))
        ]
        if same:
            figures.append(_share(f"Same verdict as 3x4 and as 6x2, {condition}", same, 0.95))
    return figures


def _share(quantity: str, hits: Sequence[bool], least: float) -> Figure:
    share = sum(hits) / len(hits)
    found = f"{share:.1%} ({sum(hits)} of {len(hits)})"
    return Figure(quantity, found, f"{least:.0%}", bool(share >= least), len(hits))


@dataclass(frozen=True)
class PhotoReading:
    """What became of one real photograph.

    Attributes
    ----------
    name : str
        The file's.
    found : str
        Layout and strips, with the heart rate, or the refusal's message.
    read : bool
        Whether it was located with all its leads.
    """

    name: str
    found: str
    read: bool


def read_photos(folder: Path, overlay_folder: Path | None = None) -> list[PhotoReading]:
    """Read every picture of a folder.

    Parameters
    ----------
    folder : Path
        Of photographs and scans.
    overlay_folder : Path, optional
        Where to write each located picture with its boxes and curves, to be looked at.

    Returns
    -------
    list of PhotoReading
        By name.
    """
    readings = []
    for path in sorted(folder.iterdir()):
        diagnosis = diagnose(path.read_bytes())
        readings.append(
            PhotoReading(path.name, _outcome_text(diagnosis), diagnosis.refusal is None)
        )
        if overlay_folder and diagnosis.page and diagnosis.sheet:
            page, sheet = diagnosis.page, diagnosis.sheet
            boxes = overlays.upload_with_leads(page, sheet, diagnosis.lead_probabilities)
            boxes.save(overlay_folder / f"{path.stem}_boxes.png")
            curves = overlays.upload_with_curves(page, sheet, diagnosis.leads)
            curves.save(overlay_folder / f"{path.stem}_curves.png")
    return readings


def _outcome_text(diagnosis: Diagnosis) -> str:
    if diagnosis.refusal is not None:
        return f"{diagnosis.refusal.code}: {diagnosis.refusal.message}"
    assert diagnosis.sheet is not None  # there is neither a refusal nor a sheet otherwise
    sheet = diagnosis.sheet
    words = f"{sheet.layout.name}, {len(sheet.rhythm_strips)} strips"
    rate = diagnosis.measurements.get("heart_rate_bpm")
    return words if rate is None else f"{words}, {rate.value:.0f} bpm"


def refuse_pictures(n: int) -> list[tuple[str, str]]:
    """Show pictures that are no ECG.

    Parameters
    ----------
    n : int
        How many.

    Returns
    -------
    list of (str, str)
        Kind of each picture, and the code of its refusal; empty where it got a verdict.
    """
    return _in_parallel(_refuse, range(n), "Refusing pictures")


def _refuse(number: int) -> tuple[str, str]:
    kind, rgb = not_ecg.picture(number)
    diagnosis = diagnose(as_png(Image.fromarray(rgb)))
    return kind, diagnosis.refusal.code if diagnosis.refusal else ""


def read_recordings(recordings: Sequence[Recording]) -> list[SheetReading]:
    """Draw recordings in every arrangement, clean and photographed, and read them back.

    Parameters
    ----------
    recordings : sequence of Recording

    Returns
    -------
    list of SheetReading
    """
    every = _in_parallel(read_drawn, recordings, "Reading drawn sheets")
    return [reading for of_one in every for reading in of_one]


def _in_parallel(function: Callable[..., T], items: Sequence[object], title: str) -> list[T]:
    """Apply a function to items on every core, with a progress bar."""
    with image_workers() as pool:
        results: Iterator[T] = pool.map(function, items)
        return list(track(results, title, len(items), console=Console(stderr=True)))


def compare_costs(photo: bytes, repeats: int = 5) -> list[Figure]:
    """Time a photograph, and tracing, against the reading of a clean native sheet.

    Parameters
    ----------
    photo : bytes
        File of a photograph of 12 million pixels.
    repeats : int
        Readings of each, in turns.

    Returns
    -------
    list of Figure
        Ratios of medians; milliseconds would hold for one machine only.
    """
    from ecgapp.digitize.trace import digitize
    from ecgapp.measure.measurements import measure

    native = draw_sample("Normal rhythm")
    reading = diagnose(native)
    assert reading.sheet is not None  # the sample is one of our own
    sheet, leads = reading.sheet, reading.leads
    seconds = np.array(
        [
            (
                _seconds(lambda: diagnose(native)),
                _seconds(lambda: measure(digitize(sheet, leads))),
                _seconds(lambda: diagnose(photo)),
            )
            for _ in range(repeats)
        ]
    )
    whole, tracing, photographed = np.median(seconds, axis=0)
    with_tracing, by_photo = whole / (whole - tracing), photographed / whole
    return [
        Figure(
            "Warm reading with tracing against without",
            f"{with_tracing:.2f} times",
            "2 times",
            bool(with_tracing <= 2),
            repeats,
        ),
        Figure(
            "Photograph of 12 megapixels against a native sheet",
            f"{by_photo:.1f} times",
            "10 times",
            bool(by_photo < 10),
            repeats,
        ),
    ]


def _seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def recordings_of(data: Path, n_each: int) -> list[Recording]:
    """Take recordings at even distances from LUDB and from PTB-XL's validation part.

    Parameters
    ----------
    data : Path
        The data folder.
    n_each : int
        How many of each.

    Returns
    -------
    list of Recording
    """
    marked = _evenly(list(ludb_records(data / "ludb")), n_each)
    recordings = [Recording(f"LUDB {one.name}", one.signals, one) for one in marked]
    steps = load_records(data, "val").steps
    for number in _evenly(range(len(steps)), n_each):
        recordings.append(Recording(f"PTB-XL {number}", to_signals(steps[number])))
    return recordings


def _evenly(items: Sequence[T], n: int) -> list[T]:
    return [items[round(k)] for k in np.linspace(0, len(items) - 1, min(n, len(items)))]


def judge_printed_rates(data: Path, per_group: int) -> Figure:
    """Compare real sheets' heart rates with those in their footers.

    Parameters
    ----------
    data : Path
        The data folder.
    per_group : int
        At most so many sheets of each label and layout.

    Returns
    -------
    Figure
    """
    within = [
        one.found is not None and abs(one.found - one.true) <= PRINTED_RATE_TOLERANCE_BPM
        for one in compare_printed_rates(data, per_group)
    ]
    return _share("Real sheets: heart rate within 3 bpm of the printed one", within, 0.98)


def judge_refusals(n: int) -> Figure:
    """Show pictures that are no ECG; none may get a verdict."""
    return _share(
        "Pictures that are no ECG, refused", [bool(code) for _, code in refuse_pictures(n)], 1.0
    )


def run(data: Path, n_each: int) -> list[Figure]:
    """Measure everything but the real photographs.

    Parameters
    ----------
    data : Path
        The data folder.
    n_each : int
        Recordings of each source; 25 times as many pictures that are no ECG are shown, and twice
        as many real sheets of each label and layout.

    Returns
    -------
    list of Figure
    """
    recordings = recordings_of(data, n_each)
    figures = summarize(read_recordings(recordings))
    figures.append(judge_printed_rates(data, 2 * n_each))
    figures.append(judge_refusals(25 * n_each))
    sheet = draw_sheet(recordings[0].signals, LAYOUTS["3x4"], ("II",), px_per_mm=12)
    view = Degradation(tilt_deg=4, perspective_deg=12, shadow=0.2, width_px=4000)
    return figures + compare_costs(_as_file(degrade(sheet, view, 0), PHOTOGRAPHED))


def to_table(figures: Sequence[Figure]) -> Table:
    """Lay figures out for a terminal."""
    table = Table("", "found", "wanted", "n")
    for one in figures:
        style = "" if one.reached else "bold"
        table.add_row(one.quantity, one.found, one.wanted, str(one.n), style=style)
    return table


def photo_table(readings: Sequence[PhotoReading]) -> Table:
    """Lay the photographs' readings out for a terminal."""
    table = Table("photograph", "found")
    for one in readings:
        table.add_row(one.name, one.found)
    return table
