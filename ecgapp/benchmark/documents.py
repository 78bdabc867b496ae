"""Fills the figures of README and docs from the artefacts that hold them.

A document marks where generated text stands with ``<!-- generated: NAME -->`` and
``<!-- end of NAME -->``; what lies between is replaced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from ecgapp.benchmark.speed import stages_text, to_rows, to_sentence
from ecgapp.benchmark.stages_picture import draw_stages
from ecgapp.datasets.drawn_sheets import SOURCES_FILE
from ecgapp.evaluation.summary import EVERY, ONLY_3X4, VERDICT, PartFigures, evaluate_shipped
from ecgapp.report.counterfactual_rows import counterfactual_rows
from ecgapp.report.finding_rows import agreement_rows, normal_rows, swap_rows, swap_text
from ecgapp.report.source_rows import source_rows
from ecgapp.report.words import CLASS_STYLES, MODEL_NAMES

_BLOCK = re.compile(
    r"(<!-- generated: (?P<name>[\w-]+) -->\n)(?P<text>.*?)(<!-- end of \2 -->)", re.S
)
# The stages of dvc.yaml, drawn anew where it lies in docs/.
STAGES_PICTURE = "stages.svg"
_TITLES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "auroc_normal": "AUROC, normal against the rest",
    "auroc_mi_or_history": "AUROC, infarction or its history against the rest",
    "mi_recall_at_97_specificity": "recall of acute infarction at a specificity of 97%",
    "calibration_error": "expected calibration error",
    "confident_share": "called confident",
    "confident_accuracy": "of these right",
}
_SHORT = (
    "accuracy", "macro_f1", "recall", "calibration_error", "confident_share", "confident_accuracy",
)  # fmt: skip


def documents(root: Path) -> list[Path]:
    """List the documents of a checkout that may hold generated text."""
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def fill_documents(root: Path, models_folder: Path) -> list[Path]:
    """Bring the generated parts of README and docs in line with the artefacts.

    Parameters
    ----------
    root : Path
        The checkout: ``README.md`` and ``docs/``.
    models_folder : Path
        What the figures come from.

    Returns
    -------
    list of Path
        The documents that changed.

    Raises
    ------
    KeyError
        If a document asks for a part that is not known.
    """
    texts: dict[str, str] = {}

    def text_of(name: str) -> str:
        if name not in texts:
            texts[name] = PARTS[name](models_folder).strip()
        return texts[name]

    changed = []
    picture = root / "docs" / STAGES_PICTURE
    if picture.exists() and picture.read_text(encoding="utf-8") != (drawn := draw_stages(root)):
        picture.write_text(drawn, encoding="utf-8")
        changed.append(picture)
    for path in documents(root):
        before = path.read_text(encoding="utf-8")
        after = _BLOCK.sub(lambda m: f"{m[1]}\n{text_of(m['name'])}\n\n{m[4]}", before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed.append(path)
    return changed


def verdict_table(models_folder: Path) -> str:
    """Write the verdict's main figures as a Markdown table, 3x4 alone beside the whole."""
    return _table(_parts_of(models_folder)[VERDICT], _SHORT)


def verdict_table_in_full(models_folder: Path) -> str:
    """Write all of the verdict's figures as a Markdown table, 3x4 alone beside the whole."""
    figures = [*_TITLES, "precision", "recall", "specificity"]
    return _table(_parts_of(models_folder)[VERDICT], figures)


def models_table(models_folder: Path) -> str:
    """Write every network's accuracy and macro-F1 as a Markdown table."""
    found = _parts_of(models_folder)
    every, alone = (found[VERDICT][part] for part in (EVERY, ONLY_3X4))
    rows = [_heading(every, alone)]
    for model, parts in found.items():
        title = "**the verdict**" if model == VERDICT else MODEL_NAMES[model]
        rows += [
            _row(f"{title}: {_TITLES[name]}", [parts[EVERY], parts[ONLY_3X4]], name)
            for name in ("accuracy", "macro_f1")
        ]
    return "\n".join(rows)


def sources_table(models_folder: Path) -> str:
    """Write how the statement network does on other collections' sheets as a Markdown table."""
    figures = json.loads((models_folder / "statements" / SOURCES_FILE).read_text(encoding="utf-8"))
    return _markdown(source_rows(figures))


def findings_tables(models_folder: Path) -> str:
    """Write how findings agree with statements, source by source, and their false alarms."""
    report = _read_study(models_folder, "findings.json")
    parts = [
        f"{source}, {n:,} records:\n\n{_markdown(agreement_rows(report, source))}"
        for source, n in report["records"].items()
    ]
    alarms = _markdown(normal_rows(report))
    return "\n\n".join([*parts, f"On records that are stated to be normal:\n\n{alarms}"])


def swaps_table(models_folder: Path) -> str:
    """Write which exchanged electrodes are found, and how often none were."""
    report = _read_study(models_folder, "findings.json")
    return f"{_markdown(swap_rows(report))}\n\n{swap_text(report)}"


def counterfactuals_table(models_folder: Path) -> str:
    """Write what changes of simulated hearts do to findings, statements and verdict."""
    return _markdown(counterfactual_rows(_read_study(models_folder, "counterfactuals.json")))


def speed_table(models_folder: Path) -> str:
    """Write what a reading takes against what it is compared with, and its stages."""
    report = _read_speed(models_folder)
    return f"{_markdown(to_rows(report))}\n\n{stages_text(report)}"


def cost_sentence(models_folder: Path) -> str:
    """Write what a thousand sheets cost."""
    return to_sentence(_read_speed(models_folder))


def _read_speed(models_folder: Path) -> dict[str, Any]:
    path = models_folder.parent / "docs" / "speed.json"
    report: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return report


def _read_study(models_folder: Path, name: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((models_folder / "study" / name).read_text("utf-8"))
    return report


def _markdown(rows: list[dict[str, str]]) -> str:
    lines = [" | ".join(rows[0]), " | ".join(["---"] * len(rows[0]))]
    lines += [" | ".join(row.values()) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def study_table(models_folder: Path) -> str:
    """Write the table of the published models, leaky and honest."""
    # Late: it loads Keras, and the other parts do not need it.
    from ecgapp.benchmark.published.results import read_results, to_markdown

    return to_markdown(read_results(models_folder / "study" / "results.json"))


PARTS: dict[str, Callable[[Path], str]] = {
    "verdict": verdict_table,
    "verdict-in-full": verdict_table_in_full,
    "models": models_table,
    "sources": sources_table,
    "findings": findings_tables,
    "swaps": swaps_table,
    "counterfactuals": counterfactuals_table,
    "study": study_table,
    "speed": speed_table,
    "cost": cost_sentence,
}


@cache
def _parts_of(models_folder: Path) -> dict[str, dict[str, PartFigures]]:
    return evaluate_shipped(models_folder).models


def _table(parts: dict[str, PartFigures], figures: Iterable[str]) -> str:
    every, alone = parts[EVERY], parts[ONLY_3X4]
    rows = [_heading(every, alone)]
    for name in figures:
        if name in _TITLES:
            rows.append(_row(_TITLES[name], [every, alone], name))
        else:
            rows += [
                _row(
                    f"{name}, {style.name.lower()} (n {every.n_by_class[label]})",
                    [every, alone],
                    key,
                )
                for label, style in CLASS_STYLES.items()
                if (key := f"{name}_{label}") in every.figures
            ]
    return "\n".join(rows)


def _heading(every: PartFigures, alone: PartFigures) -> str:
    return (
        f"| | all layouts: {every.n:,} sheets, {every.n_sessions} sessions "
        f"| 3x4 alone: {alone.n:,} sheets, {alone.n_sessions} sessions |\n|---|---|---|"
    )


def _row(title: str, parts: list[PartFigures], figure: str) -> str:
    def cell(part: PartFigures) -> str:
        found = part.figures[figure]
        count = f", n {part.counts[figure]:,}" if figure == "confident_accuracy" else ""
        return f"{found.value:.3f} ({found.low:.3f}-{found.high:.3f}){count}"

    return f"| {title} | " + " | ".join(cell(part) for part in parts) + " |"
