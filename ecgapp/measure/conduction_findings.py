"""Axis, PR, QRS width with its pattern, and QT."""

from __future__ import annotations

from collections.abc import Iterator

from ecgapp.measure.finding import (
    CONDUCTION_2009,
    REPOLARIZATION_2009,
    SURAWICZ_KNILANS,
    Finding,
    Values,
    listed,
)

# Limits of the sources that each finding and `ecgapp.measure.normal_ranges` name: axis and QRS from
# Surawicz 2009, PR from Surawicz and Knilans 2008, QTc from Rautaharju 2009 (all in adults).
AXIS_DEG = (-30, 90)
PR_MS = (120, 200)
WIDE_QRS_MS = 120
# From so wide on a bundle branch block is strong: wide enough for resynchronization (Glikson et
# al., ESC guidelines on cardiac pacing, 2021).
_STRONG_QRS_MS = 150
QTC_MALE_MS, QTC_FEMALE_MS = 450, 460
SEX_MALE, SEX_FEMALE = "male", "female"

# What lies within the error of measurement of a limit is not said. Chosen on PTB-XL's training
# folds so that at most one normal record in twenty has the finding (`ecgapp bench findings`).
_AXIS_MARGIN_DEG = 5
_SHORT_PR_MARGIN_MS = 10
_QTC_MARGIN_MS = 10

# R in V1, of whatever beat of rsR', is at least this part of S in a right bundle branch block; S
# in I or V6 is at least so deep, and in a left bundle branch block R there is so many times S. The
# criteria (Surawicz 2009) speak of shapes; the numbers were set by hand.
_LEAST_R_PART_V1 = 0.5
_LEAST_S_MV = 0.1
_LEAST_R_TO_S = 2.0


def conduction_findings(values: Values, sex: str | None) -> Iterator[Finding]:
    """Apply the rules on how the excitation spreads and ends."""
    axis = values.get("axis_deg")
    if axis is not None:
        yield from _axis(axis)
    pr = values.get("pr_ms")
    if pr is not None and round(pr) > PR_MS[1]:
        text = f"The PR interval is long, {pr:.0f} ms."
        yield Finding("LONG_PR", text, (), pr, "ms", PR_MS[1], SURAWICZ_KNILANS)
    if pr is not None and pr < PR_MS[0] - _SHORT_PR_MARGIN_MS:
        text = f"The PR interval is short, {pr:.0f} ms."
        yield Finding("SHORT_PR", text, (), pr, "ms", PR_MS[0], SURAWICZ_KNILANS)
    yield from _wide_qrs(values)
    yield from _long_qtc(values, sex)


def bundle_branch(values: Values) -> str | None:
    """Name the pattern of a wide QRS: ``LBBB``, ``RBBB`` or ``IVCD``; None for a narrow one."""
    qrs = values.get("qrs_ms")
    if qrs is None or qrs < WIDE_QRS_MS:
        return None
    r, s = values.at("r_mv", "V1"), values.at("s_mv", "V1")
    if r is None or s is None:
        return "IVCD"
    if r > _LEAST_R_PART_V1 * s:
        return "RBBB" if _goes_right_last(values) else "IVCD"
    return "LBBB" if _goes_left(values) else "IVCD"


def _goes_right_last(values: Values) -> bool:
    """Tell whether QRS ends to the right: R in V1 and S in I or V6."""
    return any((values.at("s_mv", lead) or 0) >= _LEAST_S_MV for lead in ("I", "V6"))


def _goes_left(values: Values) -> bool:
    """Tell whether all of QRS goes to the left: hardly any S in I or V6."""
    return any(
        (values.at("r_mv", lead) or 0) > _LEAST_R_TO_S * (values.at("s_mv", lead) or 0)
        for lead in ("I", "V6")
    )


def _axis(axis: float) -> Iterator[Finding]:
    left, right = AXIS_DEG
    if -90 <= axis < left - _AXIS_MARGIN_DEG:
        text = f"The electrical axis points to the left, {axis:.0f} degrees."
        yield Finding("LEFT_AXIS", text, (), axis, "deg", left, CONDUCTION_2009)
    elif axis > right + _AXIS_MARGIN_DEG or axis < -90:
        text = f"The electrical axis points to the right, {axis:.0f} degrees."
        yield Finding("RIGHT_AXIS", text, (), axis, "deg", right, CONDUCTION_2009)


_PATTERNS = {
    "LBBB": ("the pattern of a left bundle branch block", ("I", "V1", "V6")),
    "RBBB": ("the pattern of a right bundle branch block", ("I", "V1", "V6")),
    "IVCD": ("no pattern of a bundle branch block", ()),
}


def _wide_qrs(values: Values) -> Iterator[Finding]:
    pattern = bundle_branch(values)
    if pattern is None:
        return
    qrs = values.get("qrs_ms")
    described, leads = _PATTERNS[pattern]
    text = f"The QRS complex is wide, {qrs:.0f} ms, with {described}."
    if leads:
        text = f"The QRS complex is wide, {qrs:.0f} ms, with {described} (in {listed(leads)})."
    yield Finding(
        f"WIDE_QRS_{pattern}",
        text,
        leads,
        qrs,
        "ms",
        WIDE_QRS_MS,
        CONDUCTION_2009,
        strong=qrs is not None and qrs >= _STRONG_QRS_MS,
    )


def _long_qtc(values: Values, sex: str | None) -> Iterator[Finding]:
    # A wide QRS makes QT longer by itself.
    qtc = values.get("qtc_fridericia_ms")
    if qtc is None or bundle_branch(values) is not None:
        return
    limit = QTC_MALE_MS if sex == SEX_MALE else QTC_FEMALE_MS
    if qtc > limit + _QTC_MARGIN_MS:
        text = f"The QT interval is long for the rate, {qtc:.0f} ms (QTc, Fridericia)."
        yield Finding("LONG_QTC", text, (), qtc, "ms", limit, REPOLARIZATION_2009)
