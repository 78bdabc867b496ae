"""A visitor's own sheets as a table, one row a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecgapp.datasets.user_data import VERDICT
from ecgapp.report.language import _, told
from ecgapp.report.words import class_name, leading_class

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
        label = class_name(reading.label)
        if reading.refusal is not None:
            rows.append(_row(reading.path, label, _("refused"), why=told(reading.refusal.message)))
            continue
        verdict = reading.probabilities[VERDICT]
        said = leading_class(verdict)
        rows.append(
            _row(reading.path, label, class_name(said))
            | {
                _("As labelled"): said == reading.label,
                _("Probability"): round(100 * verdict[said]),
                _("Confident"): reading.confident,
                _("Layout"): reading.layout,
            }
        )
    return rows + [_row(entry.path, "", _("left out"), why=told(entry.reason)) for entry in bad]


def _row(
    path: str, label: str, read_as: str, why: str = ""
) -> dict[str, str | float | bool | None]:
    return {
        _("File"): path,
        _("Label"): label,
        _("Read as"): read_as,
        _("As labelled"): None,
        _("Probability"): None,
        _("Confident"): None,
        _("Layout"): "",
        _("Why"): why,
    }
