"""Commands that say the figures of the shipped models: evaluate and figures."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ecgapp.cli.common import EXIT_OK, add_models_argument, existing_folder


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``evaluate``."""
    parser.description = (
        "Prints what the shipped out-of-fold predictions amount to, for the verdict "
        "and for each model: accuracy, macro-F1, every class, areas under the receiver operating "
        "characteristic, calibration, confident verdicts and prediction sets, for all sheets, for "
        "3x4 alone, and without the sheets whose labels are suspicious, or were doubtful when they "
        "were looked at; and where errors lie. The suspicious ones are chosen by the verdicts "
        "themselves, so without them figures rise by construction: take them for a bound. Needs "
        "neither data nor the training requirements."
    )
    add_models_argument(parser)
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.set_defaults(run=_run_evaluate)


def _run_evaluate(arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from ecgapp.evaluation.summary import evaluate_shipped, to_text

    evaluation = evaluate_shipped(arguments.models)
    if arguments.json:
        print(json.dumps(evaluation.to_dict(), indent=2))
    else:
        Console().print(*to_text(evaluation), sep="\n")
    return EXIT_OK


def add_figures(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``figures``."""
    parser.description = (
        "Fills the generated parts of README.md and docs/ from the artefacts that hold the figures."
    )
    add_models_argument(parser)
    parser.add_argument(
        "--root",
        type=existing_folder,
        default=Path(),
        metavar="DIR",
        help="the checkout; default: this folder",
    )
    parser.set_defaults(run=_run_figures)


def _run_figures(arguments: argparse.Namespace) -> int:
    from ecgapp.benchmark.documents import fill_documents

    for path in fill_documents(arguments.root, arguments.models):
        print(f"{path}: filled")
    return EXIT_OK
