"""The study of the published models, step by step."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ecgapp.cli.common import (
    CACHE,
    EXIT_FOUND,
    EXIT_OK,
    EXIT_REFUSED,
    EXIT_USAGE,
    Commands,
    add_data_argument,
    add_models_argument,
    add_runs_argument,
    at_least_one,
    existing_folder,
)
from ecgapp.cli.train import TRAINED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecgapp.benchmark.published.run import StudyRun

# Its folder among the models.
STUDY = "study"


def add_study(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``study``."""
    parser.description = (
        "The study: every published model, and what can be told without reading a "
        "heartbeat, trained and judged under the same protocols."
    )
    steps = parser.add_subparsers(title="steps", metavar="STEP", required=True)
    _add_study_list(steps)
    _add_study_inputs(steps)
    _add_study_run(steps)
    _add_study_collect(steps)
    _add_study_table(steps)
    _add_study_suspicious(steps)


def _add_study_list(steps: Commands) -> None:
    parser = steps.add_parser("list", help="list the models and the confounder checks")
    parser.set_defaults(run=_run_study_list)


def _run_study_list(arguments: argparse.Namespace) -> int:
    from ecgapp.benchmark.published.confounders import CONFOUNDERS
    from ecgapp.training.networks.registry import STUDIED

    print("Models")
    for model in STUDIED.values():
        classes = " or ".join(map(str, model.n_classes))
        print(f"  {model.name:22}{model.title}; {classes} classes; {model.source}")
    print("Confounder checks")
    for check in CONFOUNDERS.values():
        classes = " or ".join(map(str, check.n_classes))
        print(f"  {check.name:22}{check.title}; {classes} classes; {check.note}")
    return EXIT_OK


def _add_study_inputs(steps: Commands) -> None:
    parser = steps.add_parser(
        "inputs",
        help="cut all labelled sheets into the files that the models read",
        description="Reads every labelled sheet of a data folder and writes one .npz file for each "
        "kind of input, for study run on a machine without the sheets.",
    )
    add_data_argument(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.set_defaults(run=_run_study_inputs)


def _run_study_inputs(arguments: argparse.Namespace) -> int:
    from ecgapp.benchmark.published.inputs import INPUT_KINDS

    for kind in INPUT_KINDS:
        _prepare_inputs(arguments.data, kind, arguments.output)
    return EXIT_OK


def _prepare_inputs(data: Path, kind: str, folder: Path) -> None:
    """Write one kind of input of all labelled sheets of a data folder."""
    from ecgapp.benchmark.published.inputs import FIVE_CLASSES
    from ecgapp.benchmark.published.prepare import build_inputs
    from ecgapp.datasets.khan import read_manifest

    inputs, refusals = build_inputs(read_manifest(data, FIVE_CLASSES), kind, CACHE)
    path = inputs.save(folder)
    print(f"{len(inputs)} rows written to {path}; {len(refusals)} sheets cannot be read this way")


def _add_study_run(steps: Commands) -> None:
    parser = steps.add_parser(
        "run",
        help="train and test models under a protocol",
        description="Trains and tests models and confounder checks. An interrupted run goes on "
        "where it stopped when the command is repeated; what is done is not done again. "
        "Afterwards: study collect, study table.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="see study list")
    parser.add_argument("--all", action="store_true", help="run all whose library is installed")
    parser.add_argument(
        "--protocol",
        nargs="+",
        required=True,
        choices=("grouped", "holdout", "random"),
        help="grouped: five folds by session; holdout: 70/15/15 by session; random: as published, "
        "over file copies, LEAKY",
    )
    parser.add_argument("--classes", nargs="+", type=int, choices=(4, 5), default=[4])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=existing_folder, metavar="DIR", help="holds khan/")
    source.add_argument(
        "--inputs", type=existing_folder, metavar="DIR", help="what study inputs wrote"
    )
    add_runs_argument(parser, Path("runs", "study"))
    parser.add_argument(
        "--fold", type=int, action="append", metavar="K", help="of grouped, run only this fold"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument(
        "--schedule",
        choices=("full", "shortened"),
        help="full wherever there is a GPU, and for all nets but the two largest",
    )
    parser.add_argument(
        "--jobs",
        type=at_least_one,
        metavar="N",
        help="run N at a time, each in a process with a log file",
    )
    parser.set_defaults(run=_run_study_run)


def _run_study_run(arguments: argparse.Namespace) -> int:
    from ecgapp.benchmark.published import run as study

    if unknown := set(arguments.names) - set(study.names()):
        print(f"not in study list: {', '.join(sorted(unknown))}", file=sys.stderr)
        return EXIT_USAGE
    if bool(arguments.names) == arguments.all:
        print("name what to run, or give --all", file=sys.stderr)
        return EXIT_USAGE
    runs = study.plan_runs(
        study.names() if arguments.all else arguments.names,
        arguments.protocol,
        arguments.classes,
        arguments.seed,
        arguments.schedule,
    )
    for name in dict.fromkeys(run.name for run in runs if not study.can_run(run.name)):
        print(f"left out {name}: it needs {study.library_of(name)}", file=sys.stderr)
    runs = [run for run in runs if study.can_run(run.name)]
    folder = arguments.inputs or CACHE / "study-inputs"
    if arguments.data:
        for kind in dict.fromkeys(run.entry.input_kind for run in runs):
            _prepare_inputs(arguments.data, kind, folder)
    parts = [f"fold{fold}" for fold in arguments.fold] if arguments.fold else None
    try:
        if arguments.jobs:
            return _run_in_processes(runs, folder, parts, arguments.runs, arguments.jobs)
        for run in runs:
            study.run_parts(run, study.load(folder, run), arguments.runs, parts)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    return EXIT_OK


def _run_in_processes(
    runs: Sequence[StudyRun], inputs: Path, parts: list[str] | None, folder: Path, n_at_once: int
) -> int:
    from ecgapp.benchmark.published.jobs import jobs_of, run_side_by_side

    jobs = jobs_of(runs, inputs, parts, folder)
    print(f"{len(jobs)} parts to run, {n_at_once} at a time; logs in {folder}", flush=True)
    return EXIT_FOUND if run_side_by_side(jobs, n_at_once) else EXIT_OK


def _add_study_collect(steps: Commands) -> None:
    parser = steps.add_parser(
        "collect", help="write the figures and predictions of the finished runs to models/study"
    )
    parser.add_argument(
        "--runs", type=existing_folder, default=Path("runs", "study"), metavar="DIR"
    )
    add_models_argument(parser, to_write=True)
    parser.set_defaults(run=_run_study_collect)


def _run_study_collect(arguments: argparse.Namespace) -> int:
    from ecgapp.benchmark.published.results import collect

    folder = arguments.models / STUDY
    entries = collect(arguments.runs, folder)
    print(f"{len(entries)} runs in {folder}; next: python -m ecgapp study table")
    return EXIT_OK


def _add_study_table(steps: Commands) -> None:
    parser = steps.add_parser(
        "table", help="print the table: published, ours when leaky, ours when honest (Markdown)"
    )
    add_models_argument(parser)
    parser.set_defaults(run=_run_study_table)


def _run_study_table(arguments: argparse.Namespace) -> int:
    from ecgapp.benchmark.published.results import RESULTS_FILE, read_results, to_markdown

    try:
        print(to_markdown(read_results(arguments.models / STUDY / RESULTS_FILE)), end="")
    except OSError as error:
        print(f"{error}; run study collect first", file=sys.stderr)
        return EXIT_REFUSED
    return EXIT_OK


def _add_study_suspicious(steps: Commands) -> None:
    parser = steps.add_parser(
        "suspicious",
        help="list the sheets whose labels the shipped verdicts contradict",
        description="Finds suspicious labels by confident learning on the out-of-fold verdicts and "
        "writes models/study/suspicious_sheets.csv, the most suspicious first. What a person saw "
        "on a sheet is taken from suspicious_seen.csv beside it (columns sheet, seen).",
    )
    add_models_argument(parser)
    parser.set_defaults(run=_run_study_suspicious)


def _run_study_suspicious(arguments: argparse.Namespace) -> int:
    from ecgapp.evaluation.calibration import VERDICT_PREDICTIONS
    from ecgapp.evaluation.predictions import read_predictions
    from ecgapp.evaluation.summary import read_seen
    from ecgapp.training import label_noise

    models: Path = arguments.models
    verdicts = read_predictions(models / VERDICT_PREDICTIONS)
    alone = [read_predictions(models / name / "predictions.csv").by_sheet() for name in TRAINED]
    seen = read_seen(models / STUDY / label_noise.SEEN_FILE)
    found = label_noise.find_suspicious(verdicts, alone, seen)
    path = models / STUDY / label_noise.SUSPICIOUS_FILE
    label_noise.write_suspicious(path, found)
    looked_at = sum(sheet.seen != "" for sheet in found)
    print(f"{len(found)} of {len(verdicts)} sheets in {path}; {looked_at} of them were looked at")
    return EXIT_OK
