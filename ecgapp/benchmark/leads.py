"""Check, over a whole data folder, that every lead was found, named rightly and cut whole.

Nobody has marked the leads in the data, so the check uses what must hold on any true sheet:
the layout is the manifest's; limb leads that are printed over the same seconds obey Einthoven's
law (II = I + III) and Goldberger's (aVR + aVL + aVF = 0), which a wrong name or a lost curve
breaks; and the byte-exact original of a sheet gets the same verdict as its compressed copy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from ecgapp import diagnose
from ecgapp.datasets.khan import image_workers, manifest_path
from ecgapp.digitize.leads import SEPARATOR_HALF_PX, NamedLead, cut_leads
from ecgapp.digitize.trace import trace
from ecgapp.errors import Refusal
from ecgapp.io.pages import read_page
from ecgapp.io.text_table import read_rows
from ecgapp.sheet.locate import locate

MANIFEST_LAYOUT_PREFIX = "edan_"


# Stands for the code of the refusal that a reading of such a sheet ends with.
LEADS_MISSING = "leads_missing"


@dataclass(frozen=True)
class SheetCheck:
    """What was found on one sheet of the manifest.

    Attributes
    ----------
    expected_layout : str
        The manifest's.
    layout : str
        The one found, with ``+rhythm`` for a rhythm strip; empty when the sheet was refused.
    refusal : str
        Code; empty when the sheet was read.
    curve_coverage : float
        Least part of a lead's columns that hold its curve.
    einthoven_mv, goldberger_mv : float
        Median distance between II and I + III, and of aVR + aVL + aVF from 0, each about its
        median, mV.
    """

    expected_layout: str
    layout: str
    refusal: str
    curve_coverage: float
    einthoven_mv: float
    goldberger_mv: float


def check_sheets(data: Path) -> list[SheetCheck]:
    """Check every sheet that the manifest lists.

    Parameters
    ----------
    data : Path
        The data folder.

    Returns
    -------
    list of SheetCheck
        In the manifest's order.

    Raises
    ------
    FileNotFoundError
        If the folder holds no manifest.
    """
    manifest = manifest_path(data)
    rows = read_rows(manifest)
    paths = [manifest.parent / "sheets" / row["file"] for row in rows]
    with image_workers() as pool:
        checks = pool.map(_check_sheet, paths, [row["layout"] for row in rows], chunksize=8)
        return list(track(checks, description="Checking sheets", total=len(rows)))


def compare_originals(data: Path) -> tuple[int, list[str]]:
    """Read originals and their compressed copies, and compare layout, verdict and refusal code.

    Returns
    -------
    n : int
        Pairs compared.
    differing : list of str
        Originals of which the copy got another answer.
    """
    folder = manifest_path(data).parent
    pairs = [
        (original, folder / "sheets" / original.parent.name / f"{original.stem}.webp")
        for original in sorted((folder / "originals").glob("*/*.jpg"))
    ]
    pairs = [pair for pair in pairs if pair[1].exists()]
    differing = [
        str(original.relative_to(folder))
        for original, copy in track(pairs, description="Comparing originals")
        if _answer(original) != _answer(copy)
    ]
    return len(pairs), differing


def to_text(checks: list[SheetCheck], n_originals: int, differing: list[str]) -> str:
    """Summarize the checks, one group of sheets a line."""
    lines = ["manifest layout -> found (sheets)"]
    found = [(check.expected_layout, check.layout or check.refusal) for check in checks]
    lines += [
        f"  {expected:9} -> {what:16} {found.count((expected, what)):5}"
        for expected, what in sorted(set(found))
    ]
    read = [check for check in checks if check.layout]
    known = [c for c in read if c.expected_layout.startswith(MANIFEST_LAYOUT_PREFIX)]
    right = sum(c.layout.startswith(c.expected_layout.split("_")[1]) for c in known)
    n_known = sum(c.expected_layout.startswith(MANIFEST_LAYOUT_PREFIX) for c in checks)
    lines.append(f"layout right on {right} of {n_known} twelve-lead sheets")
    for layout in sorted({check.layout for check in read}):
        group = [check for check in read if check.layout == layout]
        lines.append(f"{layout}, {len(group)} sheets: median, 95th and 99th percentile")
        lines.append(_quantiles(group, "  columns without curve, %", _gap_percent))
        lines.append(_quantiles(group, "  |II - (I + III)|, mV", lambda c: c.einthoven_mv))
        lines.append(_quantiles(group, "  |aVR + aVL + aVF|, mV", lambda c: c.goldberger_mv))
    same = n_originals - len(differing)
    lines.append(f"original and compressed copy agree on {same} of {n_originals} sheets")
    lines += [f"  differs: {name}" for name in differing]
    return "\n".join(lines)


def _gap_percent(check: SheetCheck) -> float:
    return 100 * (1 - check.curve_coverage)


def _quantiles(group: list[SheetCheck], title: str, value: Callable[[SheetCheck], float]) -> str:
    middle, high, highest = np.quantile([value(check) for check in group], [0.5, 0.95, 0.99])
    return f"{title:28} {middle:7.3f} {high:7.3f} {highest:7.3f}"


def _check_sheet(path: Path, expected_layout: str) -> SheetCheck:
    try:
        sheet = locate(read_page(path.read_bytes()))
    except Refusal as refusal:
        return SheetCheck(expected_layout, "", refusal.code, np.nan, np.nan, np.nan)
    if sheet.missing:
        return SheetCheck(expected_layout, "", LEADS_MISSING, np.nan, np.nan, np.nan)
    leads = cut_leads(sheet)
    return SheetCheck(
        expected_layout,
        sheet.layout.name + ("+rhythm" if sheet.has_rhythm_strip else ""),
        "",
        min(float(np.isfinite(_inner(lead)).mean()) for lead in leads.values()),
        _residual_mv([leads["II"]], [leads["I"], leads["III"]]),
        _residual_mv([leads["aVR"], leads["aVL"], leads["aVF"]], []),
    )


def _inner(lead: NamedLead) -> NDArray[np.float32]:
    """Trace a lead between the separators, which are left out of it."""
    return trace(lead)[SEPARATOR_HALF_PX:-SEPARATOR_HALF_PX]


def _residual_mv(added: list[NamedLead], taken_away: list[NamedLead]) -> float:
    """Median distance from 0 of a sum of simultaneous leads, each about its median."""
    signals = [_inner(lead) for lead in added] + [-_inner(lead) for lead in taken_away]
    width = min(map(len, signals))
    total = sum(signal[:width] - np.nanmedian(signal) for signal in signals)
    return float(np.nanmedian(np.abs(total)))


def _answer(path: Path) -> tuple[str, ...]:
    diagnosis = diagnose(path.read_bytes())
    if diagnosis.refusal is not None:
        return (diagnosis.refusal.code,)
    assert diagnosis.sheet is not None
    assert diagnosis.verdict is not None
    return (diagnosis.sheet.layout.name, diagnosis.verdict.label)
