"""A model card of the shipped models on a visitor's own sheets, in Markdown."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ecgapp import __version__
from ecgapp.ecg import DISCLAIMER
from ecgapp.report.words import CLASS_STYLES, class_legend, class_rows, interval_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from ecgapp.datasets.user_data import BadEntry, UserReading
    from ecgapp.evaluation.out_of_fold import Summary


def own_card(
    readings: Sequence[UserReading],
    bad: Sequence[BadEntry],
    summaries: Mapping[str, Summary],
    warnings: Sequence[str],
    intervals: str,
    made_on: date,
) -> str:
    """Write the card.

    Parameters
    ----------
    readings : sequence of UserReading
        At least one of them read.
    bad : sequence of BadEntry
        Files that were left out.
    summaries : mapping of str to Summary
        What was judged, as people call it -> its figures on these sheets.
    warnings : sequence of str
        What the audit found.
    intervals : str
        How the intervals were made, in a sentence.
    made_on : date

    Returns
    -------
    str
        No file's name stands in it.
    """
    read = [reading for reading in readings if reading.refusal is None]
    refused = Counter(r.refusal.code for r in readings if r.refusal is not None)
    labels, layouts = (Counter(texts) for texts in zip(*((r.label, r.layout) for r in read),
                                                       strict=True))  # fmt: skip
    n_confident = sum(reading.confident for reading in read)
    lines = [
        "# Model card: ecgapp on sheets of one's own",
        "",
        f"Made by ecgapp {__version__} on {made_on:%Y-%m-%d}. {DISCLAIMER}",
        "",
        "## Sheets",
        "",
        f"- Read: {len(read)} ({_counted({CLASS_STYLES[k].name: n for k, n in labels.items()})}).",
        f"- Layouts: {_counted(layouts)}.",
        f"- Refused: {sum(refused.values())}{_in_brackets(refused)}. Left out before reading: "
        f"{len(bad)}.",
        f"- Confident verdicts: {n_confident} of {len(read)}.",
        *(f"- {warning}" for warning in warnings),
        "",
        "Labels are taken as given. Whether these sheets stand for those of a hospital, which of "
        "them are of one patient, and who labelled them, is not known to the app.",
        "",
        "## Figures",
        "",
        intervals,
    ]
    for title, summary in summaries.items():
        classes = list(summary.by_class)
        short = [CLASS_STYLES[name].short for name in classes]
        lines += [
            "",
            f"### {title}",
            "",
            f"n = {summary.n} sheets, {summary.n_sessions} different pictures. Accuracy "
            f"{interval_text(summary.accuracy)}, macro-F1 {interval_text(summary.macro_f1)}.",
            "",
            *_table(["Labelled, read as", *short],
                    [[name, *map(str, row)]
                     for name, row in zip(short, summary.confusion, strict=True)]),
            "",
            *_table(["", *short],
                    [list(row.values()) for row in class_rows(summary, classes)]),
            "",
            class_legend(classes),
        ]  # fmt: skip
    lines += [
        "",
        "## Limits",
        "",
        "The models were made from sheets of one public collection and from recordings of "
        "another; their own cards say how. Sheets of the public collection were seen by them, and "
        "figures on such sheets are too good. A figure here holds for sheets like these alone.",
        "",
    ]
    return "\n".join(lines)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in sorted(counts.items()))


def _in_brackets(counts: Mapping[str, int]) -> str:
    return f" ({_counted(counts)})" if counts else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
