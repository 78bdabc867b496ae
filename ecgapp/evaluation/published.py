"""The shipped results of the study, and the gap between leaky and honest figures in them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgapp.evaluation.out_of_fold import Estimate

# What each protocol is, for people; the first two keep recording sessions together.
PROTOCOLS = {
    "grouped": "Five folds, whole recording sessions kept together; every sheet is tested once.",
    "holdout": "One split, 70/15/15, whole recording sessions kept together.",
    "random": "Leaky, as published: files of version 2 drawn at random, copies and all, so that "
    "the same picture lies in training and in test.",
}
HONEST_PROTOCOLS = ("grouped", "holdout")
LEAKY_PROTOCOL = "random"


class StudyError(Exception):
    """The file of results is there and is not one."""


@dataclass(frozen=True)
class Score:
    """How verdicts on sheets turned out.

    Attributes
    ----------
    n_sheets : int
    accuracy, macro_f1 : Estimate
    by_class : dict of str to dict of str to float
        Class -> ``precision``, ``recall``, ``f1``, ``specificity`` and ``support``; not a number
        where undefined.
    confusion : ndarray of int64, shape (n_classes, n_classes)
        Row: label; column: verdict.
    """

    n_sheets: int
    accuracy: Estimate
    macro_f1: Estimate
    by_class: dict[str, dict[str, float]]
    confusion: NDArray[np.int64]


@dataclass(frozen=True)
class PublishedAccuracy:
    """What the authors of a model report.

    Attributes
    ----------
    value : float
        0 to 1.
    n_classes : int
        Of how many classes; it may differ from the run's own.
    protocol : str
        How they measured it, in words.
    """

    value: float
    n_classes: int
    protocol: str


@dataclass(frozen=True)
class StudyResult:
    """One model, or one confounder, under one protocol.

    Attributes
    ----------
    name, title : str
        For files, and for people.
    is_confounder : bool
        Whether it is no model but a check of what gives the label away.
    protocol : str
        A key of `PROTOCOLS`.
    leaky : bool
        Whether training and test share content.
    classes : tuple of str
        Order of the confusion matrix.
    shortened : bool
        Whether it was trained on a shorter schedule than its source says.
    epochs : int
        0 where there are none.
    n_train, n_test, n_test_different : int
        Sheets trained on and tested on, and how many of these are different pictures.
    scores : dict of str to Score
        ``all`` and, where there are such sheets, ``only_3x4``.
    published : PublishedAccuracy or None
        None where its authors give no accuracy.
    seconds : float
        What training took; not a number when it is not known.
    to_verdict : Estimate or None
        By how much its accuracy exceeds the app's verdict's on the same sheets; None where they
        do not compare.
    device, note : str
        What it was trained on, and what else should be known; may be empty.
    """

    name: str
    title: str
    is_confounder: bool
    protocol: str
    leaky: bool
    classes: tuple[str, ...]
    shortened: bool
    epochs: int
    n_train: int
    n_test: int
    n_test_different: int
    scores: dict[str, Score]
    published: PublishedAccuracy | None
    seconds: float
    device: str
    note: str
    to_verdict: Estimate | None = None


@dataclass(frozen=True)
class Gap:
    """One model's figures side by side.

    Attributes
    ----------
    title : str
    is_confounder, shortened : bool
        As in `StudyResult`; shortened when one of the runs is.
    n_classes : int
        Of our figures.
    published : PublishedAccuracy or None
        As in `StudyResult`.
    leaky, honest : Estimate or None
        Our accuracy when copies lie on both sides, and when they do not; None where not run.
    honest_protocol : str
        Under which of `HONEST_PROTOCOLS`; empty without an honest run.
    """

    title: str
    is_confounder: bool
    shortened: bool
    n_classes: int
    published: PublishedAccuracy | None
    leaky: Estimate | None
    honest: Estimate | None
    honest_protocol: str

    @property
    def lost(self) -> float | None:
        """By how much the leaky accuracy exceeds the honest one; None where one is missing."""
        if self.leaky is None or self.honest is None:
            return None
        return self.leaky.value - self.honest.value


def read_study(path: Path) -> list[StudyResult]:
    """Read ``models/study/results.json``.

    Parameters
    ----------
    path : Path

    Returns
    -------
    list of StudyResult
        In the file's order.

    Raises
    ------
    FileNotFoundError
        If the study has not been shipped.
    StudyError
        If the file is no such file.
    """
    try:
        return [_run(entry) for entry in json.loads(path.read_text("utf-8"))["runs"]]
    except (KeyError, TypeError, ValueError) as error:
        raise StudyError(f"{path.name} is not a file of study results: {error!r}") from error


def of_protocol(runs: Sequence[StudyResult], protocol: str, n_classes: int) -> list[StudyResult]:
    """Keep one protocol and number of classes; the most accurate first."""
    kept = [run for run in runs if run.protocol == protocol and len(run.classes) == n_classes]
    return sorted(kept, key=lambda run: -run.scores["all"].accuracy.value)


def gaps(runs: Sequence[StudyResult], n_classes: int) -> list[Gap]:
    """Put each model's published, leaky and honest accuracy side by side.

    Parameters
    ----------
    runs : sequence of StudyResult
    n_classes : int
        Figures of four and of five classes do not compare.

    Returns
    -------
    list of Gap
        The one that loses most first, those with a figure missing last.
    """
    by_name: dict[str, dict[str, StudyResult]] = {}
    # Of two runs that differ in their schedule the full one counts.
    for run in sorted(runs, key=lambda run: not run.shortened):
        if len(run.classes) == n_classes:
            by_name.setdefault(run.name, {})[run.protocol] = run
    found = [_gap(of_model) for of_model in by_name.values()]
    return sorted(found, key=lambda gap: float("-inf") if gap.lost is None else gap.lost)[::-1]


def _gap(of_model: Mapping[str, StudyResult]) -> Gap:
    leaky = of_model.get(LEAKY_PROTOCOL)
    protocol = next((name for name in HONEST_PROTOCOLS if name in of_model), "")
    honest = of_model.get(protocol)
    shown = [run for run in (honest, leaky) if run is not None]
    return Gap(
        title=shown[0].title,
        is_confounder=shown[0].is_confounder,
        shortened=any(run.shortened for run in shown),
        n_classes=len(shown[0].classes),
        published=shown[0].published,
        leaky=leaky.scores["all"].accuracy if leaky else None,
        honest=honest.scores["all"].accuracy if honest else None,
        honest_protocol=protocol,
    )


def _run(entry: Mapping[str, Any]) -> StudyResult:
    if entry["protocol"] not in PROTOCOLS:
        raise ValueError(f"unknown protocol {entry['protocol']!r}")
    cost = entry.get("cost") or {}
    classes = tuple(entry["classes"])
    return StudyResult(
        name=entry["name"],
        title=entry["title"],
        is_confounder=entry["kind"] == "confounder",
        protocol=entry["protocol"],
        leaky=bool(entry["leaky"]),
        classes=classes,
        shortened=entry.get("schedule") == "shortened",
        epochs=int(entry.get("epochs") or 0),
        n_train=int(entry["n_train"]),
        n_test=int(entry["n_test"]),
        n_test_different=int(entry["n_test_different"]),
        scores={
            key: _score(entry[key])
            for key in ("all", "only_3x4")
            if entry.get(key) and entry[key]["sheets"]
        },
        published=next(
            (
                PublishedAccuracy(float(one["value"]), int(one["n_classes"]), one["protocol"])
                for one in entry["published"]
                if one["metric"] == "accuracy"
            ),
            None,
        ),
        seconds=_number(cost.get("seconds")),
        device=cost.get("device") or "",
        note=entry.get("note") or "",
        to_verdict=_estimate(entry["to_verdict"], "accuracy") if entry.get("to_verdict") else None,
    )


def _score(entry: Mapping[str, Any]) -> Score:
    return Score(
        n_sheets=int(entry["sheets"]),
        accuracy=_estimate(entry, "accuracy"),
        macro_f1=_estimate(entry, "macro_f1"),
        by_class={
            label: {figure: _number(value) for figure, value in figures.items()}
            for label, figures in entry["per_class"].items()
        },
        confusion=np.array(entry["confusion"], dtype=np.int64),
    )


def _estimate(entry: Mapping[str, Any], figure: str) -> Estimate:
    low, high = entry[f"{figure}_95"]
    return Estimate(_number(entry[figure]), _number(low), _number(high))


def _number(value: float | None) -> float:
    """JSON has no word for what is not a number but null."""
    return float("nan") if value is None else float(value)
