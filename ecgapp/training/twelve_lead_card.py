"""The twelve-lead network's card, after the headings of TRIPOD+AI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ecgapp.evaluation.out_of_fold import Estimate
from ecgapp.evaluation.predictions import Predictions
from ecgapp.training.card_rows import (
    DATA_LIMITS,
    KHAN_PARTICIPANTS,
    MISSING_DATA,
    NOTE,
    SAMPLE_SIZE,
    by_layout,
    calibration,
    percent,
    performance,
)

LEARNING_CURVE = "learning_curve.json"

# Found while the recipe was sought; by all folds where it does not say otherwise.
TRIED = """| tried | found |
|---|---|
| rhythm strip as an input (lead II, 5 s) | nothing: PTB-XL 0.932 with it, 0.933 without |
| features left as pretrained, linear head | accuracy 0.77, macro-F1 0.56 at best |
| heart rate, irregularity and kinds of beats beside such features | nothing: 0.75, 0.58 |
| the same beside the fine-tuned network's logits | nothing: 0.80, 0.74 |
| a third of the learning rate (fold 0, 269 sheets) | 0.818 instead of 0.814: nothing to tell |
| the same, 8 epochs, labels smoothed by 0.1 (fold 0) | 0.796 |
| the same with mixup of 0.4 (fold 0) | 0.796 |
| gradient boosting on 47 measurements of the traced sheet | 0.755, 0.64 |
| 0.7 of this network and 0.3 of that, with the statements | 0.817, 0.76 |
| averaged with cnn and crnn, 3 to 1 to 1 | 0.825, 0.77; 3x4 alone 0.84, 0.78 |
| all four averaged | 0.823, 0.77; infarction found at 97% specificity 0.78 |
| each of the three nets alone | 0.81, 0.80, 0.81; 0.76, 0.74, 0.76; verdict 0.824, 0.824, 0.826 |
| their verdicts' calibration error, confident share (averaged: 0.013, 28%) | \
0.030, 0.024, 0.019; 23%, 24%, 27% |
| two of them, averaged | 0.82, 0.77; verdict 0.827; 0.018, 25% |
| three, averaged as logarithms | 0.82, 0.77; verdict 0.828; 0.019, 26% |
| the weights of three trainings, averaged ("soup") | 0.75, 0.57: they lie too far apart |
| both 2.5 s of each lead of a 6x2 sheet learnt from, and averaged | 0.81, 0.76; 6x2 0.74 |"""


def text(folder: Path, metadata: dict[str, Any], sheets: Predictions) -> str:
    """Write the card.

    Parameters
    ----------
    folder : Path
        Holds ``pretrained.json``, ``checks.json`` and ``learning_curve.json``.
    metadata : dict
        Content of ``metadata.json``.
    sheets : Predictions
        Out of fold.

    Returns
    -------
    str
    """
    training = metadata["training"]
    pretrained = json.loads((folder / "pretrained.json").read_text())
    checks = json.loads((folder / "checks.json").read_text())
    return f"""# twelve_lead, version {metadata["version"]}

{NOTE}

## Purpose and intended use

Three residual networks in one dimension, trained alike from different seeds, that read all twelve
leads and the rhythm together; their probabilities are averaged. For teaching, and for research on
reading scanned sheets. Not for deciding anything about a patient, and not for sheets of machines,
populations or labels other than those below.

## Participants and data

Pretrained on {pretrained["records"]} records of PTB-XL (Wagner et al. 2020, PhysioNet, CC BY 4.0;
folds 1-8; 18,885 patients of one German institute's recordings in the whole set), presented as
sheets, to tell {len(pretrained["statements"])} statements. Then fine-tuned on:
{metadata["data_source"]}. {KHAN_PARTICIPANTS}

## Outcome

A probability for each of {", ".join(metadata["classes"])}.

## Predictors

Of every lead the 2.5 s that a 3x4 sheet shows, traced from the sheet, 100 Hz, mV about their
median, and how sharply the curves bend at each instant of the ten seconds. Every layout is
presented alike, and neither header, footer, grid nor rhythm strip is read. Preprocessing version
{metadata["preprocessing_version"]}, input version {metadata["input"]["version"]}.

## Sample size

{training["sheets"]} sheets of {training["sessions"]} recording sessions; every different image
once. {SAMPLE_SIZE}
Fine-tuned on sheets of some sessions only, chosen at random, judged on the same folds as below:

{_learning_curve(folder)}

## Missing data

{MISSING_DATA} Leads that are not shown are masked, and were hidden at random in training.

## Development

Each has a stem that all leads share, an encoder for each column of simultaneous leads, one head.
The number of epochs was fixed beforehand. What was tried (all but the last six rows with one
network before its last training, of accuracy 0.807 and macro-F1 0.757):

{TRIED}

## Performance

{performance(sheets)}

Of the network before fine-tuning, on the 2,183 records of PTB-XL's fold 9 (area under the receiver
operating characteristic, in sheet windows):

{_auroc_table(checks["ptbxl_val_auroc"], _WAYS)}

## Calibration

{calibration(sheets)}

## Fairness: layout, sex and age

{by_layout(sheets)}

{_layout_probe(checks)}

Sex and age are not known for these sheets. Of the network before fine-tuning, on PTB-XL's fold 9,
from the signals:

{_auroc_table(checks["ptbxl_val_auroc_by_group"], {})}

## Limitations, known failures, and what would make it fail

{DATA_LIMITS}
- Where neighbouring curves cross, tracing may cut a tall beat.
- A premature beat or a pacing spike in an otherwise normal sheet is often not enough.

## Availability and cost

`python -m ecgapp pretrain twelve_lead --data DIR`, `python -m ecgapp crossval twelve_lead --data
DIR`, then `python -m ecgapp export`. Keras {metadata["keras_version"]}, {training["backend"]}
backend: {pretrained["seconds"]} s to pretrain and {training["seconds_in_all"]} s for five folds
and the shipped model, on two CPU cores that others used too. Training data
SHA-256: `{training["data_sha256"]}`.
"""


_WAYS = {
    "signals": "from the signals",
    "drawn_and_traced": "from drawn sheets, located and traced",
    "the_same_from_signals": "the same records from the signals",
}


def _learning_curve(folder: Path) -> str:
    """Write accuracy and macro-F1 by how many sheets the network learnt from."""
    curve = json.loads((folder / LEARNING_CURVE).read_text())["curve"]
    rows = [
        f"| {point['sheets_learnt_from']} | "
        + " | ".join(percent(Estimate(**point[name])) for name in ("accuracy", "macro_f1"))
        + " |"
        for point in curve
    ]
    header = "| sheets learnt from, about | accuracy | macro-F1 |\n|---|---|---|"
    return "\n".join([header, *rows])


def _auroc_table(found: dict[str, dict[str, float]], names: dict[str, str]) -> str:
    """Write a row a group, with its records and the AUROC of each superclass."""
    kinds = ("macro", "NORM", "MI", "STTC", "CD", "HYP")
    rows = [
        f"| {names.get(key, key)}, {of_group['records']} | "
        + " | ".join(f"{of_group[kind]:.3f}" for kind in kinds)
        + " |"
        for key, of_group in found.items()
    ]
    return "\n".join(["| | " + " | ".join(kinds) + " |\n|---|" + "---|" * len(kinds), *rows])


def _layout_probe(checks: dict[str, Any]) -> str:
    probes = "; ".join(
        f"{label} {found['auroc']:.2f} ({found['3x4']} and {found['6x2']} sheets)"
        for label, found in checks["layout_probe"].items()
    )
    return (
        "Whether a linear classifier can tell 3x4 from 6x2 within a class by the fine-tuned\n"
        f"network's features, area under ROC (0.5 is chance): {probes}."
    )
