"""The statement network's card, after the headings of TRIPOD+AI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ecgapp.datasets.drawn_sheets import SOURCES_FILE
from ecgapp.evaluation.cards import CARD
from ecgapp.inference.statements import TITLES
from ecgapp.inference.verdict import LEAST_NOT_NORMAL_ACCURACY, ElsewhereRule, read_rule
from ecgapp.training.card_rows import NOTE

# Found while the recipe was sought. Areas under ROC are of fold 9, from the signals: superclasses
# (macro), normal and infarction; accuracy and macro-F1 of the other hospital's first fold.
TRIED = (
    ("**body as pretrained, linear heads (shipped)**", "0.934, 0.954, 0.936"),
    (
        "body fine-tuned on both hospitals' sheets at once (half of each batch from either, one "
        "head for both hospitals' labels, the pretrained network's statements as targets there)",
        "0.923, 0.917, 0.890; there 0.82, 0.79 (twelve_lead: 0.82, 0.77)",
    ),
    ("the same with a head of its own for that hospital", "there 0.82, 0.77: nothing"),
    ("weights halfway between these two", "0.929, 0.944, 0.921; there 0.70, 0.61"),
    ("the shipped network on that hospital's sheets", "0.54: the labels mean something else there"),
    (
        "its verdict beside the three networks' in the stack for that hospital",
        "weight 0.00; accuracy over all folds 0.820 instead of 0.824",
    ),
)


def write_card(folder: Path) -> None:
    """Write ``README.md`` of ``models/statements`` from its metadata and ``sources.json``.

    Parameters
    ----------
    folder : Path
        Lies beside ``verdict.json``.
    """
    metadata = json.loads((folder / "metadata.json").read_text())
    found = json.loads((folder / SOURCES_FILE).read_text())
    rule = read_rule(folder.parent).elsewhere
    assert rule is not None  # the benchmark that wrote the sources fitted it
    training = metadata["training"]
    (folder / CARD).write_text(f"""# statements, version {metadata["version"]}

{NOTE}

## Purpose and intended use

States what a sheet of any machine shows, in PTB-XL's codes, each with a probability, and gives the
verdict on sheets that are not the one machine's that the other networks learnt from. For teaching,
and for research on reading scanned sheets. Not for deciding anything about a patient.

## Participants and data

Learnt from {training["records"]} records of PTB-XL (Wagner et al. 2020, PhysioNet, CC BY 4.0; folds
1-8; recordings of one German institute), presented as sheets. Judged on sheets drawn from PTB-XL's
fold 9, LUDB (Kalyakulina et al. 2020, ODC-By) and 85 records of Chapman-Ningbo, Georgia, CPSC,
CPSC-Extra and PTB (PhysioNet challenges 2020 and 2021, CC BY 4.0); nothing was learnt from these,
but that calibration, thresholds and the rule of confidence are fitted on fold 9.

## Outcome

{len(metadata["shipped"])} statements, below, and a probability for each of
{", ".join(metadata["classes"])}, which are defined by statements: *normal* is the statement NORM
with nothing abnormal beside it; *mi* an infarction of acute or recent stage or with injury current;
*history_of_mi* one of old stage, or of a stage that was asked for and is not known;
*abnormal_heartbeat* anything else that is abnormal (`ecgapp/datasets/statements.py`).

## Predictors

As the twelve-lead network's (its card), and for some statements the measurement that defines them:
{_measured(metadata)}.

## Development

The body of the twelve-lead network as it was pretrained, before any fine-tuning, and two linear
heads on its features. What was tried (areas of fold 9 from the signals: superclasses, normal,
infarction; accuracy and macro-F1 on the first fold of the other networks' hospital):

{_tried()}

## Performance on PTB-XL's fold 9

From the signals, shown as sheets; calibration and threshold from one half, judged on the other.
*Right* is the share that has the statement among those of whom it is called present.

{_statement_rows(metadata)}

## Performance on sheets of other machines, from pixels

{found["protocol"]} `{found["command"]}`. Not read: {_refused(found)}.

{_source_rows(found)}

Statements that three or more records of a source have, area under ROC (records that have it):

{_by_source(found)}

## Calibration and abstention

Platt's scaling a statement, fitted on fold 9 since the network is surer on what it learnt from.
A verdict on another machine's sheet is confident from a probability of {rule.min_probability:.1%}
on, an infarction's of any age taken together, fitted on fold 9's signals for
{rule.target_accuracy:.0%} right. On sheets that it was not fitted on:

{_confident_rows(rule.judged)}

Where labels were made by other habits a probability means something else: LUDB's readers state a
hypertrophy or an overload of some chamber in 89 of 120 records, PTB-XL's in one of eight, and most
of what is called normal with confidence there and counted wrong is that.

{_not_normal(rule, found)}

## Left out, and why

{_left_out(metadata)}

## Limitations, known failures, and what would make it fail

- The verdict tells an acute infarction from an old one by PTB-XL's few staged records; it hardly
  ever says mi. Its prediction set then names both.
- Records of fold 9 are of the institute that it learnt from; the other sources are small, and
  their intervals wide.
- Photographs are simulated.
- Swapped electrodes, children, and what no statement names.

## Availability and cost

`ecgapp statements --data DIR`, then `{found["command"]}`.
Keras {metadata["keras_version"]}; about ten minutes and twenty on two CPU cores.
""")


def _tried() -> str:
    rows = [f"| {what} | {result} |" for what, result in TRIED]
    return "\n".join(["| tried | found |", "|---|---|", *rows])


def _measured(metadata: dict[str, Any]) -> str:
    return ", ".join(
        f"{code} by {entry['measured']['name']}"
        for code, entry in metadata["shipped"].items()
        if entry.get("measured")
    )


def _statement_rows(metadata: dict[str, Any]) -> str:
    rows = [
        "| statement | records | with it | AUROC | from | right | found |",
        "|---|" * 1 + "---|" * 6,
    ]
    for code, entry in metadata["shipped"].items():
        figures = entry["fold_9"]
        rows.append(
            f"| {code}, {TITLES.get(code, code).lower()} | {figures['records']} | "
            f"{figures['positives']} | {figures['auroc']:.3f} | {entry['threshold']:.2f} | "
            f"{figures['precision']:.0%} | {figures['sensitivity']:.0%} |"
        )
    return "\n".join(rows)


def _estimate(figures: dict[str, Any] | None) -> str:
    if not figures:
        return ""
    low, high = figures["auroc_95"]
    return f"{figures['auroc']:.3f} ({low:.2f}-{high:.2f})"


def _source_rows(found: dict[str, Any]) -> str:
    rows = [
        "| source | sheets | photographed | superclasses, macro | mean over statements | normal | "
        "infarction or its history |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, source in found["sources"].items():
        if "statements" not in source:
            continue
        mean = source["mean_auroc"]
        over = f"{mean:.3f} of {source['statements_in_mean']}" if mean else ""
        rows.append(
            f"| {name} | {source['sheets']} | {source['photographed']} | "
            f"{_estimate(source.get('superclass_macro_auroc'))} | {over} | "
            f"{_estimate(source['verdict'].get('normal'))} | "
            f"{_estimate(source['verdict'].get('infarction_or_history'))} |"
        )
    return "\n".join(rows)


def _by_source(found: dict[str, Any]) -> str:
    sources = {
        name: source["statements"]
        for name, source in found["sources"].items()
        if "statements" in source and "photographed" not in name
    }
    codes = list(dict.fromkeys(code for statements in sources.values() for code in statements))
    rows = [f"| | {' | '.join(sources)} |", "|---|" + "---|" * len(sources)]
    for code in codes:
        cells = [
            f"{statements[code]['auroc']:.2f} ({statements[code]['positives']})"
            if code in statements
            else ""
            for statements in sources.values()
        ]
        rows.append(f"| {code} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _confident_rows(judged: dict[str, dict[str, float]]) -> str:
    rows = ["| source | sheets | confident | of these right |", "|---|---|---|---|"]
    rows += [
        f"| {name} | {one['sheets']:.0f} | {one['confident_share']:.0%} | {one['accuracy']:.0%} |"
        for name, one in judged.items()
    ]
    return "\n".join(rows)


def _not_normal(rule: ElsewhereRule, found: dict[str, Any]) -> str:
    assert rule.not_normal is not None  # fitted with the rest of the rule
    rows = [
        "| source | sheets | confidently not normal | of these not normal | normal | of these "
        "called not normal |",
        "|---|---|---|---|---|---|",
    ]
    for name, source in found["sources"].items():
        one = source["verdict"]["not_normal"]
        if one["right"] is None:
            continue
        low, high = one["right_95"]
        rows.append(
            f"| {name} | {one['sheets']} | {one['share']:.0%} | {one['right']:.1%} "
            f"({low:.0%}-{high:.0%}) | {one['normal']} | {one['normal_called_not_normal']} |"
        )
    table = "\n".join(rows)
    return f"""Which label an ECG has depends on habits; whether it is normal much less. That it is
not normal is confident from a probability of {rule.not_normal.min_probability:.1%} on, fitted on
fold 9's signals for {rule.not_normal.target_accuracy:.0%} right, if at least
{LEAST_NOT_NORMAL_ACCURACY:.0%} of each source below are right. Few of the records of LUDB and the
five are normal, which makes it right more often than among healthy people: the last column says
how many normal ones are called so. Records of which it is open whether they are normal are left
out.

{table}"""


def _refused(found: dict[str, Any]) -> str:
    return ", ".join(f"{n} of {name}" for name, n in found["refused"].items()) or "none"


def _left_out(metadata: dict[str, Any]) -> str:
    return "\n".join(
        f"- {code}: {why}." for code, why in metadata["left_out"].items() if ":" not in code
    )
