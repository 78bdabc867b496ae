"""A model's card, after the headings of TRIPOD+AI (Collins et al., BMJ 2024;385:e078378)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ecgapp.evaluation import PROTOCOL, Summary, summarize
from ecgapp.predictions import read_predictions
from ecgapp.study import fusion_card
from ecgapp.study.card_rows import class_row, percent

WHAT = {
    "cnn": "A convolutional network that reads one lead at a time: three blocks of 3x3 "
    "convolutions (32, 64, 128 filters), the lead's name, and a dense head.",
    "crnn": "A convolutional recurrent network that reads one lead at a time: three blocks of 3x3 "
    "convolutions (32, 64, 128 filters), a sequence along time through two LSTM layers, the "
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
    every = summarize(leads.by_sheet())
    only_3x4 = summarize(leads.where(leads.layout == "3x4").by_sheet())
    if metadata["name"] == "fusion":
        text = fusion_card.text(folder, metadata, every, only_3x4)
    else:
        text = _text(metadata, every, only_3x4)
    (folder / "README.md").write_text(text)


def _text(metadata: dict[str, Any], every: Summary, only_3x4: Summary) -> str:
    training, name = metadata["training"], metadata["name"]
    classes = "\n".join(class_row(label, every, only_3x4) for label in metadata["classes"])
    return f"""# {name}, version {metadata["version"]}

**Research and teaching only. Not a medical device; it makes no diagnosis.**

## What it is

{WHAT[name]} Input: a lead of a printed 12-lead ECG, cut out, binary, 150 x 150 pixels for 2.5 s
(10 s for a rhythm strip) and plus and minus 2.4 mV. Output: a probability for each of
{", ".join(metadata["classes"])}. The sheet's verdict is the sum over its leads.

## Intended use

Teaching what single leads show, and research on reading scanned sheets. Not for deciding anything
about a patient, and not for sheets of machines, populations or labels other than those below.

## Data

{metadata["data_source"]}. {training["sheets"]} sheets of {training["sessions"]} recording sessions,
{training["windows"]} windows; every different image once. Age, sex and outcome are not known. One
hospital's machine printed all of them. Preprocessing version {metadata["preprocessing_version"]}.

## How it was judged

{PROTOCOL} Intervals: 95%, bootstrap over sessions. Nothing was chosen on the fold that a figure
comes from; the recipe as a whole was chosen among about a dozen on the same folds, so the figures
are a little hopeful.

| | all {every.n} sheets | 3x4 alone, {only_3x4.n} sheets |
|---|---|---|
| accuracy | {percent(every.accuracy)} | {percent(only_3x4.accuracy)} |
| macro-F1 | {percent(every.macro_f1)} | {percent(only_3x4.macro_f1)} |

| class | precision | recall | specificity | F1 | F1, 3x4 alone |
|---|---|---|---|---|---|
{classes}

## Known limits

- One lead cannot count beats over ten seconds; rates near 90 are often misjudged.
- Acute infarction rests on 60 sheets; a third or more of them are missed.
- Labels are noisy: some sheets labelled normal show bundle branch block or a rate above 100.
- The 6x2 layout never occurs with the label normal. The windows hide the layout, but not whatever
  else those recordings have in common; the column for 3x4 alone is the one to trust.
- Where neighbouring curves cross (narrow 6x2 rows) a window may hold a piece of a neighbour.

## Training

`python -m ecgapp crossval {name} --data DIR`, then `python -m ecgapp export`. Keras
{metadata["keras_version"]}, {training["backend"]} backend, {training["seconds_in_all"]} s in all
for five folds and the shipped model; one to two hours on two CPU cores (estimated from single
epochs). Training data SHA-256: `{training["data_sha256"]}`.
"""
