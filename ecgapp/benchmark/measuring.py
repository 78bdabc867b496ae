"""Check the measurements against cardiologists' marks and against what a machine printed.

Two truths. LUDB: 12-lead recordings in which cardiologists marked P, QRS and T beat by beat in
every lead. The marks of one beat differ from lead to lead by some 10 ms to both sides, so that the
earliest onset and the latest offset over twelve leads lie outside all that a reader would call the
beat (28 ms in the median QRS, 33 ms in QT). The truth taken here is the middle: the median over
the beats of a lead, then over the leads. And the real sheets: the heart rate in their footer.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ecgapp.datasets.khan import image_workers, manifest_path
from ecgapp.datasets.ludb import RATE, LudbRecord
from ecgapp.datasets.printed_rate import printed_rate_bpm
from ecgapp.digitize.leads import cut_leads
from ecgapp.digitize.trace import digitize
from ecgapp.ecg import Layout, Signals
from ecgapp.errors import Refusal
from ecgapp.io.pages import read_page
from ecgapp.io.text_table import read_rows
from ecgapp.measure.measurements import Measurement, measure
from ecgapp.sheet.locate import locate

SHEET_LAYOUT_PREFIX = "edan_"
# How far a measurement may be off to count as right; set by us.
TOLERANCES = {RATE: 2.0, "qrs_ms": 10.0, "qt_ms": 20.0, "pr_ms": 20.0, "p_duration_ms": 20.0}
PRINTED_RATE_TOLERANCE_BPM = 3.0

# So much before the first and after the last marked beat is kept when rates are compared.
_MARGIN_SAMPLES = 125


@dataclass(frozen=True)
class Comparison:
    """One measurement beside its truth.

    Attributes
    ----------
    source : str
        Record or sheet.
    group : str
        What it is summarized with.
    measurement : str
        Key of `measure`.
    true : float
        The truth, in the measurement's unit.
    found : float or None
        What was measured; None where it was not measurable.
    """

    source: str
    group: str
    measurement: str
    true: float
    found: float | None


@dataclass(frozen=True)
class ToleranceSummary:
    """How well one measurement agrees with the truth.

    Attributes
    ----------
    n, n_found : int
        Truths, and how many of them were measured.
    bias, median_error, high_error : float
        Median of the errors, and median and 90th percentile of their sizes, over what was
        measured.
    right : float
        Part of all truths that were met within the tolerance; what is not measured is not right.
    """

    n: int
    n_found: int
    bias: float
    median_error: float
    high_error: float
    right: float


def as_shown(signals: Signals, layout: Layout, strips: Sequence[str] = ()) -> Signals:
    """Hide what a sheet would not show.

    Parameters
    ----------
    signals : Signals
        Ten seconds.
    layout : Layout
        Each lead is kept in its own column's seconds.
    strips : sequence of str
        Leads that are kept throughout.
    """
    width = signals.n_samples // len(layout.columns)
    leads = {}
    for lead, values in signals.leads.items():
        start = layout.place(lead)[1] * width
        kept = slice(None) if lead in strips else slice(start, start + width)
        leads[lead] = np.full_like(values, np.nan)
        leads[lead][kept] = values[kept]
    return Signals(signals.sampling_rate_hz, leads)


def compare_ludb(
    records: Iterable[LudbRecord], show: Callable[[Signals], Signals | None], group: str = ""
) -> list[Comparison]:
    """Measure recordings the way a sheet shows them, and compare with the marks.

    Parameters
    ----------
    records : iterable of LudbRecord
        The recordings.
    show : callable
        Recording to what is measured: the identity, `as_shown`, or drawn, photographed and traced
        again; None for a sheet that was refused.
    group : str
        Name for what `show` does.

    Returns
    -------
    list of Comparison
        The heart rate is that of the seconds from the first to the last marked beat: the readers
        left out the outermost beats.
    """
    comparisons = []
    for record in records:
        shown = show(record.signals)
        found: dict[str, Measurement] = {}
        if shown is not None:
            found = measure(shown)
            found.pop(RATE, None)
            marked = measure(_between(shown, record.beats[0], record.beats[-1]))
            found |= {key: value for key, value in marked.items() if key == RATE}
        for key, true in record.truth.items():
            value = found[key].value if key in found else None
            comparisons.append(Comparison(record.name, group, key, true, value))
    return comparisons


def compare_printed_rates(data: Path, per_group: int, seed: int = 0) -> list[Comparison]:
    """Compare the heart rate of real sheets with the one in their footer.

    The machine prints a mean of its own. In an irregular rhythm it is another one than that of
    the intervals on the sheet, and now and then it has counted T waves or pacing spikes.

    Parameters
    ----------
    data : Path
        The data folder.
    per_group : int
        At most so many sheets of each label and layout, chosen at random.
    seed : int
        Seed of that choice.

    Returns
    -------
    list of Comparison
        One for each sheet whose footer can be read, grouped by label and layout.

    Raises
    ------
    FileNotFoundError
        If the folder holds no manifest.
    """
    manifest = manifest_path(data)
    groups: dict[str, list[Path]] = defaultdict(list)
    for row in read_rows(manifest):
        if row["layout"].startswith(SHEET_LAYOUT_PREFIX):
            layout = row["layout"].removeprefix(SHEET_LAYOUT_PREFIX)
            groups[f"{row['label']} {layout}"].append(manifest.parent / "sheets" / row["file"])
    chance = random.Random(seed)
    chosen = [
        (group, path)
        for group, paths in sorted(groups.items())
        for path in chance.sample(paths, min(per_group, len(paths)))
    ]
    with image_workers() as pool:
        rates = pool.map(_rates, [path for _, path in chosen], chunksize=4)
        return [
            Comparison(path.stem, group, RATE, printed, found)
            for (group, path), (printed, found) in zip(chosen, rates, strict=True)
            if printed is not None
        ]


def summarize(
    comparisons: Iterable[Comparison], tolerances: Mapping[str, float] = TOLERANCES
) -> dict[tuple[str, str], ToleranceSummary]:
    """Summarize comparisons by group and measurement, in the order of their first appearance."""
    sorted_out: dict[tuple[str, str], list[Comparison]] = defaultdict(list)
    for comparison in comparisons:
        sorted_out[comparison.group, comparison.measurement].append(comparison)
    return {key: _summary(some, tolerances[key[1]]) for key, some in sorted_out.items()}


def to_text(summaries: Mapping[tuple[str, str], ToleranceSummary]) -> str:
    """Lay summaries out, one a line."""
    head = f"{'':40}{'n':>6}{'found':>7}{'bias':>8}{'median':>8}{'90th':>8}{'right':>8}"
    lines = [
        f"{f'{group} {measurement}':40}{s.n:6}{s.n_found:7}{s.bias:8.1f}{s.median_error:8.1f}"
        f"{s.high_error:8.1f}{s.right:8.1%}"
        for (group, measurement), s in summaries.items()
    ]
    return "\n".join([head, *lines])


def _between(signals: Signals, first: float, last: float) -> Signals:
    """Hide what lies before the first beat or after the last one."""
    kept = slice(max(0, round(first) - _MARGIN_SAMPLES), round(last) + _MARGIN_SAMPLES)
    leads = {}
    for lead, values in signals.leads.items():
        leads[lead] = np.full_like(values, np.nan)
        leads[lead][kept] = values[kept]
    return Signals(signals.sampling_rate_hz, leads)


def _rates(path: Path) -> tuple[float | None, float | None]:
    """Heart rate in a sheet's footer, and the measured one."""
    page = read_page(path.read_bytes())
    printed = printed_rate_bpm(page.gray)
    try:
        sheet = locate(page)
    except Refusal:
        return printed, None
    measured = measure(digitize(sheet, cut_leads(sheet)))
    return printed, measured[RATE].value if RATE in measured else None


def _summary(comparisons: list[Comparison], tolerance: float) -> ToleranceSummary:
    errors = np.array([c.found - c.true for c in comparisons if c.found is not None])
    sizes = np.abs(errors)
    some = len(errors) > 0
    return ToleranceSummary(
        n=len(comparisons),
        n_found=len(errors),
        bias=float(np.median(errors)) if some else np.nan,
        median_error=float(np.median(sizes)) if some else np.nan,
        high_error=float(np.quantile(sizes, 0.9)) if some else np.nan,
        right=float((sizes <= tolerance).sum() / len(comparisons)),
    )
