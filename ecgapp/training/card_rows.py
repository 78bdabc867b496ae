"""Sections that the cards of all models share, from out-of-fold predictions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ecgapp.evaluation import metrics
from ecgapp.evaluation.calibration import calibrated, expected_calibration_error
from ecgapp.evaluation.out_of_fold import PROTOCOL, Estimate, Summary, summarize
from ecgapp.evaluation.predictions import Predictions
from ecgapp.evaluation.summary import MI_SPECIFICITY
from ecgapp.report.words import CLASS_STYLES
from ecgapp.training.stacking import fit_fold_temperatures

LAYOUTS = ("3x4", "6x2")

NOTE = "**Research and teaching only. Not a medical device; it makes no diagnosis.**"
KHAN_PARTICIPANTS = """One hospital's machine printed all sheets. Age, sex, outcome and how the
labels were made are not known; labels are taken as published. Sheets of other machines, sheets that
are no 12-lead ECG, the COVID-19 class and byte-identical copies are left out. Recording sessions,
not patients, are kept together, since the header's number need not be one patient's."""
SAMPLE_SIZE = """All sheets there are; no sample size was reckoned beforehand. The 60 sheets of
acute infarction are too few for a narrow interval, and the intervals below say so."""
MISSING_DATA = """A sheet on which a lead is missing or cut off gets no verdict. Gaps of a traced
curve up to 0.04 s are bridged by a straight line; longer ones stay unknown."""
DATA_LIMITS = """- Acute infarction rests on 60 sheets of one hospital, 30 of each layout.
- Labels are noisy: of the sheets whose labels the verdicts contradict most, a third look as if
  their label were wrong (`models/study/suspicious_sheets.csv`; looked at, but not by physicians):
  labelled normal with what looks like bundle branch block, complete heart block or a rate above
  100, or labelled abnormal with nothing to be seen but wander or an artefact.
- The 6x2 layout never occurs with the label normal. The input hides the layout, but not whatever
  else those recordings have in common; the column for 3x4 alone is the one to trust.
- What would make it fail: another machine's filter, paper speed or gain that is not read from the
  sheet, paced rhythm, swapped electrodes, children, and any disease that none of the four labels
  names. On sheets of other machines the statement network has the say (`models/statements`)."""


def performance(leads: Predictions) -> str:
    """Write how a model was judged, its figures as a whole and by class.

    Parameters
    ----------
    leads : Predictions
        Out of fold, by lead or by sheet.

    Returns
    -------
    str
        Markdown.
    """
    sheets = leads.by_sheet()
    every, only_3x4 = summarize(sheets), summarize(sheets.where(sheets.layout == "3x4"))
    rows = "\n".join(_class_row(label, every, only_3x4) for label in sheets.classes)
    return f"""{PROTOCOL} Intervals: 95%, bootstrap over sessions. Nothing was chosen on the
fold that a figure comes from; the recipe as a whole was chosen among about a dozen on the same
folds, so the figures are a little hopeful.

| | all {every.n} sheets | 3x4 alone, {only_3x4.n} sheets |
|---|---|---|
| accuracy | {percent(every.accuracy)} | {percent(only_3x4.accuracy)} |
| macro-F1 | {percent(every.macro_f1)} | {percent(only_3x4.macro_f1)} |
{_by_threshold(sheets)}

| class | precision | recall | specificity | F1 | F1, 3x4 alone |
|---|---|---|---|---|---|
{rows}"""


def by_layout(leads: Predictions) -> str:
    """Write accuracy, and each class's recall, in either layout."""
    sheets = leads.by_sheet()
    header = "| | " + " | ".join(LAYOUTS) + " |\n|---|---|---|"
    parts = [sheets.where(sheets.layout == layout) for layout in LAYOUTS]
    summaries = [summarize(part) for part in parts]
    rows = [("sheets", [str(one.n) for one in summaries])]
    rows.append(("accuracy", [percent(one.accuracy) for one in summaries]))
    for number, label in enumerate(sheets.classes):
        found = [
            percent(one.by_class[label]["recall"]) if (part.true == number).any() else "no sheet"
            for one, part in zip(summaries, parts, strict=True)
        ]
        rows.append((f"recall, {CLASS_STYLES[label].name}", found))
    return _table(header, rows)


def calibration(leads: Predictions) -> str:
    """Say how far probabilities lie from how often they are right, temperatures cross-fitted."""
    sheets = leads.by_sheet()
    scaled = calibrated(sheets, fit_fold_temperatures(sheets))
    before, after = (expected_calibration_error(some) for some in (sheets, scaled))
    return (
        f"Expected calibration error over 15 bins: {before:.3f} as the network gives its "
        f"probabilities, {after:.3f} scaled by a\ntemperature that was fitted on the other folds "
        "(Guo et al., ICML 2017), as the app shows them.\nThe areas above are of the unscaled ones."
    )


def percent(figure: Estimate) -> str:
    """Write a share with its interval."""
    return f"{figure.value:.0%} ({100 * figure.low:.0f}-{100 * figure.high:.0f})"


def _class_row(label: str, every: Summary, only_3x4: Summary) -> str:
    """Write a class's row: precision, recall, specificity, F1, and F1 for 3x4 alone."""
    figures = every.by_class[label]
    cells = [figures[name] for name in ("precision", "recall", "specificity", "f1")]
    cells.append(only_3x4.by_class[label]["f1"])
    return f"| {CLASS_STYLES[label].name} | " + " | ".join(map(percent, cells)) + " |"


def _by_threshold(sheets: Predictions) -> str:
    """Write rows of figures that do not depend on which class is the likeliest."""
    parts = (sheets, sheets.where(sheets.layout == "3x4"))
    normal, mi, history = (sheets.classes.index(name) for name in ("normal", "mi", "history_of_mi"))
    rows: dict[str, list[float]] = {
        "area under ROC, normal against the rest": [
            metrics.auroc(part.true == normal, part.probabilities[:, normal]) for part in parts
        ],
        "area under ROC, infarction or its history against the rest": [
            metrics.auroc(
                np.isin(part.true, (mi, history)), part.probabilities[:, [mi, history]].sum(axis=1)
            )
            for part in parts
        ],
    }
    rows[f"recall of infarction at a specificity of {MI_SPECIFICITY:.0%}"] = [
        float(
            metrics.recall_at_specificity(
                part.true == mi, part.probabilities[:, mi], part.session, MI_SPECIFICITY
            )[0]
        )
        for part in parts
    ]
    return "\n".join(f"| {name} | {one:.3f} | {other:.3f} |" for name, (one, other) in rows.items())


def _table(header: str, rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    return "\n".join([header, *(f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows)])
