"""What is said first of a reading: the verdict, the classes still possible, or a finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ecgapp.inference.verdict import NORMAL
from ecgapp.measure.findings import against_normal
from ecgapp.report.language import ENGLISH, _, speaking, told
from ecgapp.report.words import class_name, class_within, one_of, percent

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
        return Headline(_("No verdict"), None, (told(diagnosis.refusal.message),))
    verdict = diagnosis.verdict
    if verdict is None:
        return Headline(_("No verdict"), None, ())
    found = [told(finding.text) for finding in diagnosis.findings if against_normal([finding])]
    if verdict.label == NORMAL and found:
        return _instead_of_normal(found, verdict)
    name, likely = class_name(verdict.label), percent(verdict.probabilities[verdict.label])
    reason = told(verdict.reason or "")
    if verdict.defined_by is not None:
        return Headline(told(verdict.defined_by), None, (reason,))
    if verdict.reason is None:
        return Headline(name, verdict.label, (_("Confident: {likely} likely.", likely=likely),))
    sure: tuple[str, ...] = ()
    if verdict.not_normal:
        not_normal = percent(verdict.not_normal_probability)
        sure = (_("Confident that it is not normal: {likely} likely.", likely=not_normal),)
    possible = [one for one in verdict.prediction_set if one != NORMAL or not found]
    if len(possible) > 1:
        title = one_of(possible)
        likeliest = _(
            "Likeliest: {name}, {likely}.", name=class_within(verdict.label), likely=likely
        )
        return Headline(title[0].upper() + title[1:], None, (*sure, likeliest, reason))
    return Headline(
        _("Most like {name}", name=class_within(verdict.label)),
        None,
        (*sure, _("{likely} likely.", likely=likely), reason),
    )


def summary(diagnosis: Diagnosis) -> str:
    """Say a reading in one line, in English; a page says it in each reader's language (`told`)."""
    with speaking(ENGLISH):
        return headline(diagnosis).title


def _instead_of_normal(found: Sequence[str], verdict: Verdict) -> Headline:
    more = f" {_('And {n} more, below.', n=len(found) - 1)}" if len(found) > 1 else ""
    return Headline(
        found[0].rstrip(".") + ".",
        None,
        (
            _("This was measured, and a normal ECG does not show it.") + more,
            _(
                "The networks find the sheet most like normal ({percent}); that is not to be "
                "relied on.",
                percent=percent(verdict.probabilities[verdict.label]),
            ),
        ),
    )
