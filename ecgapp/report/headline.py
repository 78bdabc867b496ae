"""What is said first of a reading: the verdict, the classes still possible, or a finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ecgapp.inference.verdict import NORMAL
from ecgapp.measure.findings import against_normal
from ecgapp.report.words import CLASS_STYLES, one_of, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecgapp.inference.verdict import Verdict
    from ecgapp.pipeline import Diagnosis


@dataclass(frozen=True)
class Headline:
    """The first lines of a reading.

    Attributes
    ----------
    title : str
        A few words.
    label : str or None
        The class whose colour the headline carries; None for a neutral one: the verdict is not
        sure, a finding takes its place, or there is none.
    notes : tuple of str
        Sentences that stand below it: how sure, and why not.
    """

    title: str
    label: str | None
    notes: tuple[str, ...]


def headline(diagnosis: Diagnosis) -> Headline:
    """Choose what is said first.

    Parameters
    ----------
    diagnosis : Diagnosis
        Read or refused.

    Returns
    -------
    Headline
        A confident verdict in its class's colour; the classes that are still possible where it is
        not confident; what was measured where that contradicts a verdict of normal.
    """
    if diagnosis.refusal is not None:
        return Headline("No verdict", None, (diagnosis.refusal.message,))
    verdict = diagnosis.verdict
    if verdict is None:
        return Headline("No verdict", None, ())
    found = [finding.text for finding in diagnosis.findings if against_normal([finding])]
    if verdict.label == NORMAL and found:
        return _instead_of_normal(found, verdict)
    name, likely = CLASS_STYLES[verdict.label].name, percent(verdict.probabilities[verdict.label])
    if verdict.defined_by is not None:
        return Headline(verdict.defined_by, None, (verdict.reason or "",))
    if verdict.reason is None:
        return Headline(name, verdict.label, (f"Confident: {likely} likely.",))
    possible = [one for one in verdict.prediction_set if one != NORMAL or not found]
    if len(possible) > 1:
        title = one_of(possible)
        likeliest = f"Likeliest: {name.lower()}, {likely}."
        return Headline(title[0].upper() + title[1:], None, (likeliest, verdict.reason))
    return Headline(f"Most like {name.lower()}", None, (f"{likely} likely.", verdict.reason))


def _instead_of_normal(found: Sequence[str], verdict: Verdict) -> Headline:
    more = f" And {len(found) - 1} more, below." if len(found) > 1 else ""
    return Headline(
        found[0].rstrip(".") + ".",
        None,
        (
            f"This was measured, and a normal ECG does not show it.{more}",
            f"The networks find the sheet most like normal "
            f"({percent(verdict.probabilities[verdict.label])}); that is not to be relied on.",
        ),
    )
