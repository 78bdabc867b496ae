"""Measurements beside their normal ranges, flagged, for tables of any kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ecgapp.measure.normal_ranges import NormalRange, normal_range
from ecgapp.report.json_and_csv import MEASUREMENTS
from ecgapp.report.language import _, localized, marked

if TYPE_CHECKING:
    from ecgapp.measure.measurements import Measurement

_FLAGS = {"low": marked("low"), "normal": marked("normal"), "high": marked("high")}
# What a clinician reads first; the others fold away.
FIRST_MEASUREMENTS = ("heart_rate_bpm", "pr_ms", "qrs_ms", "qt_ms", "qtc_bazett_ms", "axis_deg")


class FlaggedRow(NamedTuple):
    """One measurement as a table shows it; `flag` is ``low``, ``normal``, ``high`` or empty."""

    title: str
    value: str
    normal: str
    flag: str


def flagged_rows(
    measurements: Mapping[str, Measurement], names: Sequence[str] = FIRST_MEASUREMENTS
) -> Iterator[FlaggedRow]:
    """Lay out measurements beside their normal ranges; what was not measurable is left out.

    Parameters
    ----------
    measurements : mapping of str to Measurement
    names : sequence of str
        Which, in which order.

    Yields
    ------
    FlaggedRow
    """
    for name in names:
        if (measured := measurements.get(name)) is None:
            continue
        title, decimals = MEASUREMENTS[name]
        value = round(measured.value, decimals)
        unit = "\N{DEGREE SIGN}" if measured.unit == "deg" else f" {measured.unit}".rstrip()
        normal = normal_range(name)
        text = localized(f"{value:.{decimals}f}") + unit
        yield FlaggedRow(_(title), text, _range_text(normal), flag(value, normal))


def flag(value: float, normal: NormalRange | None) -> str:
    """Say in a word where a value lies against its normal range; empty where it has none."""
    if normal is None:
        return ""
    if normal.holds(value):
        return "normal"
    return "low" if normal.low is not None and value < normal.low else "high"


def flag_word(flag: str) -> str:
    """Say a flag in the reader's language."""
    return _(_FLAGS[flag]) if flag else ""


def _range_text(normal: NormalRange | None) -> str:
    if normal is None:
        return ""
    low, high, _source = normal
    if low is None:
        return _("up to {high:g}", high=high)
    if high is None:
        return _("from {low:g}", low=low)
    return _("{low:g} to {high:g}", low=low, high=high)
