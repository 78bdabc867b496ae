"""A visitor's own sheets as a table, one row a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecgapp.datasets.user_data import VERDICT
from ecgapp.report.words import CLASS_STYLES, leading_class

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecgapp.datasets.user_data import BadEntry, UserReading


def file_rows(
    readings: Sequence[UserReading], bad: Sequence[BadEntry]
) -> list[dict[str, str | float | bool | None]]:
    """List every file with what was read from it, or why nothing was.

    Parameters
    ----------
    readings : sequence of UserReading
    bad : sequence of BadEntry

    Returns
    -------
    list of dict
        The readings in their order, then what was left out.
    """
    rows: list[dict[str, str | float | bool | None]] = []
    for reading in readings:
        label = CLASS_STYLES[reading.label].name
        if reading.refusal is not None:
            rows.append(_row(reading.path, label, "refused", why=reading.refusal.message))
            continue
        verdict = reading.probabilities[VERDICT]
        said = leading_class(verdict)
        rows.append(
            _row(reading.path, label, CLASS_STYLES[said].name)
            | {
                "Right": said == reading.label,
                "Probability": round(100 * verdict[said]),
                "Confident": reading.confident,
                "Layout": reading.layout,
            }
        )
    return rows + [_row(entry.path, "", "left out", why=entry.reason) for entry in bad]


def _row(
    path: str, label: str, read_as: str, why: str = ""
) -> dict[str, str | float | bool | None]:
    return {
        "File": path, "Label": label, "Read as": read_as, "Right": None, "Probability": None,
        "Confident": None, "Layout": "", "Why": why,
    }  # fmt: skip
