"""The models' cards, after the headings of TRIPOD+AI (Collins et al., BMJ 2024;385:e078378)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ecgapp.evaluation.calibration import (
    VERDICT_PREDICTIONS,
    expected_calibration_error,
    read_verdicts,
)
from ecgapp.evaluation.cards import CARD
from ecgapp.evaluation.predictions import Predictions, read_predictions
from ecgapp.inference.verdict import (
    SET_COVERAGE,
    TARGET_ACCURACY,
    ConfidenceRule,
    read_rule,
)
from ecgapp.training import twelve_lead_card
from ecgapp.training.card_rows import (
    DATA_LIMITS,
    KHAN_PARTICIPANTS,
    MISSING_DATA,
    NOTE,
    SAMPLE_SIZE,
    by_layout,
    calibration,
    performance,
)

WHAT = {
    "cnn": "A convolutional network that reads one lead at a time: three blocks of 3x3\n"
    "convolutions (32, 64, 128 filters), the lead's name, and a dense head.",
    "crnn": "A convolutional recurrent network that reads one lead at a time: three blocks of 3x3\n"
    "convolutions (32, 64, 128 filters), a sequence along time through two LSTM layers, the\n"
    "lead's name, and a dense head.",
}


def write_card(folder: Path) -> None:
    """Write ``README.md`` of a model folder from its metadata and out-of-fold predictions.

    Parameters
    ----------
    folder : Path
        Holds ``metadata.json`` and ``predictions.csv``.
    """
    metadata = json.loads((folder / "metadata.json").read_text())
    leads = read_predictions(folder / "predictions.csv")
    if metadata["name"] == "twelve_lead":
        text = twelve_lead_card.text(folder, metadata, leads)
    else:
        text = _of_lead_network(metadata, leads)
    (folder / CARD).write_text(text)


def write_verdict_card(models: Path) -> None:
    """Write ``README.md`` of the models' folder: the card of the verdict that weighs them all.

    Parameters
    ----------
    models : Path
        Holds ``verdict.json`` and the out-of-fold verdicts.
    """
    rule = read_rule(models)
    sheets = read_verdicts(models / VERDICT_PREDICTIONS).predictions
    error = expected_calibration_error(sheets)
    weights = ", ".join(f"{name} {weight:.2f}" for name, weight in rule.weights.items())
    (models / CARD).write_text(f"""# The verdict

{NOTE}

## Purpose and intended use

One answer for a sheet, with a probability, from the networks in these folders, or the
statement that it cannot be relied on. For teaching, and for research on reading scanned sheets. Not
for deciding anything about a patient.

## Participants and data

Those of the networks; see their cards. What follows is of sheets of the machine that cnn, crnn
and twelve_lead learnt from. {KHAN_PARTICIPANTS}

## Outcome

Which of {", ".join(sheets.classes)} the sheet is labelled with.

## Predictors

The networks' log probabilities, those of cnn and crnn averaged over the leads.

## Sample size

{SAMPLE_SIZE}

## Missing data

{MISSING_DATA}

## Development

Stacking (Wolpert 1992): weights ({weights}) and a bias a class, of least
cross-entropy on out-of-fold predictions; the figures are from weights that were fitted on four
folds and judged on the fifth.

## Performance

{performance(sheets)}

## Calibration and abstention

Expected calibration error over 15 bins: {error:.3f}. A verdict is confident from a
probability of {rule.min_probability:.1%} on, fitted for {TARGET_ACCURACY:.0%} right:
{rule.confident_share:.0%} of the sheets, of which {rule.expected_accuracy:.1%} are right, fitted
and judged on different folds. Whatever the probability, no verdict is confident where curves were
followed in part only, show too few heartbeats, or are thicker, as noise makes them, or wander more
than on 99 of 100 development sheets; and none of normal where a rate, a rhythm, premature beats or
a QRS complex were measured that do not fit it.
The share counts all that. {_not_normal(rule)}
Beside the verdict the app names the classes that are not to be ruled out
at {SET_COVERAGE:.0%} coverage of each class (conformal prediction).

## Sheets of other machines, photographs and recordings

There the statement network alone makes the verdict (`statements/README.md`), since the other three
learnt from one machine's sheets.{_elsewhere(rule)}

## Fairness: layout, sex and age

{by_layout(sheets)}

Sex and age are not known for these sheets.

## Limitations, known failures, and what would make it fail

{DATA_LIMITS}
- The networks miss premature beats, raised ST, Q waves, bundle branch blocks and pacing in
  simulated patients. What is measured strongly, and stated too, gives such sheets the label that
  they have by definition (`ecgapp/inference/definitions.py`); it is never confident, since on these
  sheets, some of which are labelled normal with a bundle branch block or atrial fibrillation, it
  agrees with the label in four of ten. `docs/figures.md` has what follows a
  change in simulated patients.

## Availability and cost

`python -m ecgapp stack` learns it from the networks' predictions in seconds.
""")


def _not_normal(rule: ConfidenceRule) -> str:
    assert rule.not_normal is not None  # fitted with the rest of the rule
    (judged,) = rule.not_normal.judged.values()
    return f"""That an ECG is not normal, whichever of the other labels
it has, is confident from {rule.not_normal.min_probability:.1%} on, likewise fitted:
{judged["share"]:.0%} of the sheets, of which {judged["accuracy"]:.1%} are right."""


def _elsewhere(rule: ConfidenceRule) -> str:
    if rule.elsewhere is None:
        return " No verdict is confident there: how often it is right was not measured."
    judged = "\n".join(
        f"| {name} | {one['sheets']:.0f} | {one['confident_share']:.0%} | {one['accuracy']:.0%} |"
        for name, one in rule.elsewhere.judged.items()
    )
    return f"""
It is confident from {rule.elsewhere.min_probability:.1%} on, fitted on PTB-XL's fold 9 for
{rule.elsewhere.target_accuracy:.0%} right. On drawn sheets that it was not fitted on:

| source | sheets | confident | of these right |
|---|---|---|---|
{judged}"""


def _of_lead_network(metadata: dict[str, Any], leads: Predictions) -> str:
    training, name = metadata["training"], metadata["name"]
    return f"""# {name}, version {metadata["version"]}

{NOTE}

## Purpose and intended use

{WHAT[name]} For teaching what single leads show, and for research on reading scanned sheets. Not
for deciding anything about a patient, and not for sheets of machines, populations or labels other
than those below.

## Participants and data

{metadata["data_source"]}. {KHAN_PARTICIPANTS}

## Outcome

A probability for each of {", ".join(metadata["classes"])}. The sheet's is the mean over its leads.

## Predictors

A lead of a printed 12-lead ECG, cut out, binary, 150 x 150 pixels for 2.5 s (10 s for a rhythm
strip) and plus and minus 2.4 mV, and its name. No header, grid or layout. Preprocessing version
{metadata["preprocessing_version"]}.

## Sample size

{training["sheets"]} sheets of {training["sessions"]} recording sessions, {training["windows"]}
windows; every different image once. {SAMPLE_SIZE}

## Missing data

{MISSING_DATA}

## Performance

{performance(leads)}

## Calibration

{calibration(leads)}

## Fairness: layout, sex and age

{by_layout(leads)}

Sex and age are not known for these sheets.

## Limitations, known failures, and what would make it fail

- One lead cannot count beats over ten seconds; rates near 90 are often misjudged.
{DATA_LIMITS}
- Where neighbouring curves cross (narrow 6x2 rows) a window may hold a piece of a neighbour.

## Availability and cost

`python -m ecgapp crossval {name} --data DIR`, then `python -m ecgapp export`. Keras
{metadata["keras_version"]}, {training["backend"]} backend, {training["seconds_in_all"]} s in all
for five folds and the shipped model; one to two hours on two CPU cores (estimated from single
epochs). Training data SHA-256: `{training["data_sha256"]}`.
"""
