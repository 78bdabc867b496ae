"""How findings agree with what cardiologists stated, as tables."""

from __future__ import annotations

from typing import Any

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
            "Finding": in_words(one["findings"]),
            "Stated as": ", ".join(one["statements"]),
            "With it": f"{one['n_with']:,}",
            "Sensitivity": with_limits(one, "sensitivity"),
            "Without it": f"{one['n_without']:,}",
            "Specificity": with_limits(one, "specificity"),
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
        {"Finding": title}
        | {
            f"{source}, {of_source['n']:.0f} normal": f"{of_source.get(code, 0.0):.1%}"
            for source, of_source in found.items()
        }
        for code, title in [("any", "any"), *((code, in_words([code])) for code in order)]
    ]


def swap_rows(report: dict[str, Any]) -> Rows:
    """Lay out which exchanged electrodes are found."""
    return [
        {
            "Exchanged": one["electrodes"],
            "Found": with_limits(one, "found"),
            "Named rightly": with_limits(one, "named"),
        }
        for one in report["electrode_swaps"]["swaps"].values()
    ]


def swap_text(report: dict[str, Any]) -> str:
    """Say on what exchanged electrodes were simulated, and how often they are found for nothing."""
    found = report["electrode_swaps"]
    low, high = found["false_alarms_95"]
    return (
        f"n = {found['n']:,} records of PTB-XL's fold 9. Of the same records as they stand "
        f"{found['false_alarms']:.1%} ({100 * low:.1f}\u2013{100 * high:.1f}) are taken for "
        "exchanged. The left arm with the left leg, and V5 with V6, look too much like another "
        "healthy heart and are not looked for."
    )


def in_words(codes: list[str]) -> str:
    """Write findings' codes as words: ``WIDE_QRS_LBBB`` becomes ``wide QRS LBBB``."""
    return " or ".join(
        " ".join(part if part in _ABBREVIATIONS else part.lower() for part in code.split("_"))
        for code in codes
    )


_ABBREVIATIONS = frozenset(
    {"QRS", "LBBB", "RBBB", "IVCD", "PR", "QTC", "ST", "T", "R", "Q", "LVH", "V1", "V2"}
)


def with_limits(found: dict[str, Any], figure: str) -> str:
    """Write a share with its interval from ``FIGURE`` and ``FIGURE_95``; a dash where none is."""
    if found[figure] is None:
        return "\u2013"
    low, high = (round(100 * limit) for limit in found[f"{figure}_95"])
    return f"{percent(found[figure])} ({low}\u2013{high})"
