"""What changes of simulated hearts do to what is read, as a table."""

from __future__ import annotations

from typing import Any

_PARTS = ("finding", "statement", "verdict")


def counterfactual_rows(report: dict[str, Any]) -> list[dict[str, str]]:
    """Lay out one row a change and way of drawing.

    Parameters
    ----------
    report : dict
        Content of ``models/study/counterfactuals.json``.

    Returns
    -------
    list of dict of str to str
    """
    return [
        {"Change": one["change"], "Drawn as": one["sheets"], "Patients": str(one["n"])}
        | {part.capitalize(): _share(one, part) for part in _PARTS}
        for one in report["changes"]
    ]


def _share(one: dict[str, Any], part: str) -> str:
    low, high = (round(100 * limit) for limit in one[f"{part}_95"])
    return f"{one[part]} ({low}\u2013{high}%)"
