"""How findings agree with what cardiologists stated, as tables."""

from __future__ import annotations

from typing import Any

from ecgapp.report.language import _, localized, marked, told
from ecgapp.report.words import percent

Rows = list[dict[str, str]]


def agreement_rows(report: dict[str, Any], source: str) -> Rows:
    """Lay out one row a finding, of one source.

    Parameters
    ----------
    report : dict
        Content of ``models/study/findings.json``.
    source : str
        A key of its ``records``.

    Returns
    -------
    list of dict of str to str
    """
    return [
        {
            _("Finding"): in_words(one["findings"]),
            _("Stated as"): ", ".join(one["statements"]),
            _("With it"): localized(f"{one['n_with']:,}"),
            _("Sensitivity"): with_limits(one, "sensitivity"),
            _("Without it"): localized(f"{one['n_without']:,}"),
            _("Specificity"): with_limits(one, "specificity"),
        }
        for one in report["agreement"]
        if one["source"] == source
    ]


def normal_rows(report: dict[str, Any]) -> Rows:
    """Lay out how often recordings that are stated to be normal have each finding."""
    found = report["false_alarms_on_normal"]
    codes = {code for of_source in found.values() for code in of_source} - {"n", "any"}
    first = next(iter(found.values()))
    order = sorted(codes, key=lambda code: (-first.get(code, 0.0), code))
    return [
        {_("Finding"): title}
        | {
            _("{source}, {n:,.0f} normal", source=told(source), n=of_source["n"]): localized(
                f"{of_source.get(code, 0.0):.1%}"
            )
            for source, of_source in found.items()
        }
        for code, title in [("any", _("any")), *((code, in_words([code])) for code in order)]
    ]


def swap_rows(report: dict[str, Any]) -> Rows:
    """Lay out which exchanged electrodes are found."""
    return [
        {
            _("Exchanged"): told(one["electrodes"]),
            _("Found"): with_limits(one, "found"),
            _("Named rightly"): with_limits(one, "named"),
        }
        for one in report["electrode_swaps"]["swaps"].values()
    ]


def swap_text(report: dict[str, Any]) -> str:
    """Say on what exchanged electrodes were simulated, and how often they are found for nothing."""
    found = report["electrode_swaps"]
    low, high = found["false_alarms_95"]
    return _(
        "n = {n:,} records of PTB-XL's fold 9. Of the same records as they "
        "stand {false_alarms:.1%} ({low:.1f}\u2013{high:.1f}) are taken for "
        "exchanged. The left arm with the left leg, and V5 with V6, look too "
        "much like another healthy heart and are not looked for.",
        n=found["n"],
        false_alarms=found["false_alarms"],
        low=100 * low,
        high=100 * high,
    )


def in_words(codes: list[str]) -> str:
    """Write findings' codes as words: ``WIDE_QRS_LBBB`` becomes ``wide QRS LBBB``."""
    return _(" or ").join(_(_NAMES.get(code, code)) for code in codes)


_NAMES = {
    "BRADYCARDIA": marked("bradycardia"),
    "ELECTRODE_SWAP": marked("electrode swap"),
    "IRREGULAR_RHYTHM": marked("irregular rhythm"),
    "LEFT_AXIS": marked("left axis"),
    "LONG_PR": marked("long PR"),
    "LONG_QTC": marked("long QTc"),
    "LOW_VOLTAGE": marked("low voltage"),
    "LVH_VOLTAGE": marked("LVH voltage"),
    "PACED": marked("paced"),
    "POOR_R_PROGRESSION": marked("poor R progression"),
    "PREMATURE_ATRIAL": marked("premature atrial"),
    "PREMATURE_VENTRICULAR": marked("premature ventricular"),
    "Q_WAVES": marked("Q waves"),
    "RIGHT_AXIS": marked("right axis"),
    "SHORT_PR": marked("short PR"),
    "ST_DEPRESSION": marked("ST depression"),
    "ST_ELEVATION": marked("ST elevation"),
    "TACHYCARDIA": marked("tachycardia"),
    "TALL_R_V1_V2": marked("tall R in V1 and V2"),
    "T_INVERSION": marked("T inversion"),
    "WIDE_QRS_IVCD": marked("wide QRS IVCD"),
    "WIDE_QRS_LBBB": marked("wide QRS LBBB"),
    "WIDE_QRS_RBBB": marked("wide QRS RBBB"),
}


def with_limits(found: dict[str, Any], figure: str) -> str:
    """Write a share with its interval from ``FIGURE`` and ``FIGURE_95``; a dash where none is."""
    if found[figure] is None:
        return "\u2013"
    low, high = (round(100 * limit) for limit in found[f"{figure}_95"])
    return f"{percent(found[figure])} ({low}\u2013{high})"
