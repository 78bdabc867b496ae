"""Measurements that the cards show beside the out-of-fold figures."""

from __future__ import annotations

import argparse
from pathlib import Path

from ecgapp.cli.common import (
    CACHE,
    EXIT_OK,
    Commands,
    add_data_argument,
    add_models_argument,
    add_runs_argument,
    at_least_one,
)


def add_check(parser: argparse.ArgumentParser) -> None:
    """Declare the steps of ``check``."""
    parser.description = (
        "Measures over a data folder what the cards and the app say beside the out-of-fold "
        "figures, and writes it beside the models."
    )
    steps = parser.add_subparsers(title="steps", metavar="STEP", required=True)
    _add_leads(steps)
    _add_abstention(steps)
    _add_twelve_lead(steps)
    _add_learning_curve(steps)
    _add_evidence(steps)
    _add_sources(steps)


def _add_leads(steps: Commands) -> None:
    parser = steps.add_parser(
        "leads",
        help="whether leads are found, named and cut rightly",
        description="Finds and cuts the leads of every sheet that the manifest lists, and prints "
        "how often the layout is right, how much of the curves is missing, and how far "
        "simultaneous limb leads are from Einthoven's and Goldberger's laws.",
    )
    add_data_argument(parser)
    parser.set_defaults(run=_run_leads)


def _run_leads(arguments: argparse.Namespace) -> int:
    from ecgapp.benchmark.leads import check_sheets, compare_originals, to_text

    checks = check_sheets(arguments.data)
    print(to_text(checks, *compare_originals(arguments.data)))
    return EXIT_OK


def _add_abstention(steps: Commands) -> None:
    parser = steps.add_parser(
        "abstention",
        help="where the limits of a confident verdict come from, and what they let pass",
        description="Measures how thick the curves of the development sheets are and how far they "
        "drift, and how many recordings of PTB-XL and LUDB, drawn as such sheets with and without "
        "what spoils them, lie beyond. Writes models/abstention.json and "
        "models/study/abstentions.csv. About four minutes of one core, and as much on "
        "two for sheets that are not traced yet.",
    )
    add_data_argument(parser, holds="khan/, ptbxl/ and ludb/")
    add_models_argument(parser)
    parser.set_defaults(run=_run_abstention)


def _run_abstention(arguments: argparse.Namespace) -> int:
    from ecgapp.training import abstention_limits

    abstention_limits.main(arguments.data, arguments.models)
    return EXIT_OK


def _add_twelve_lead(steps: Commands) -> None:
    parser = steps.add_parser(
        "twelve-lead",
        help="what the pretrained network reads, and whether it can tell layouts apart",
        description="Measures how well the pretrained twelve-lead network reads PTB-XL from "
        "signals and from drawn and traced sheets, and whether its features tell the layout of a "
        "sheet. Writes models/twelve_lead/checks.json. Needs the run folders of pretrain and "
        "crossval; about ten minutes.",
    )
    add_data_argument(parser, holds="khan/ and ptbxl/")
    add_runs_argument(parser)
    add_models_argument(parser)
    parser.set_defaults(run=_run_twelve_lead)


def _run_twelve_lead(arguments: argparse.Namespace) -> int:
    from ecgapp.training import twelve_lead_checks

    twelve_lead_checks.main(arguments.data, arguments.runs, arguments.models)
    return EXIT_OK


def _add_learning_curve(steps: Commands) -> None:
    parser = steps.add_parser(
        "learning-curve",
        help="how figures grow with the number of sheets learnt from",
        description="Fine-tunes the pretrained twelve-lead network on parts of each fold's "
        "training sessions and writes models/twelve_lead/learning_curve.json. About 20 minutes on "
        "two cores; a stopped command goes on where it stopped.",
    )
    add_data_argument(parser)
    add_runs_argument(parser, Path("runs", "twelve_lead-learning-curve"))
    add_models_argument(parser)
    parser.set_defaults(run=_run_learning_curve)


def _run_learning_curve(arguments: argparse.Namespace) -> int:
    from ecgapp.training import learning_curve

    learning_curve.main(arguments.data, arguments.runs, arguments.models)
    return EXIT_OK


def _add_evidence(steps: Commands) -> None:
    parser = steps.add_parser(
        "evidence",
        help="whether what is shown as evidence depends on what the networks learnt",
        description="Explains some development sheets with the weights as shipped and shuffled, "
        "and writes models/twelve_lead/explain_check.json. About five minutes.",
    )
    add_data_argument(parser)
    add_models_argument(parser)
    parser.set_defaults(run=_run_evidence)


def _run_evidence(arguments: argparse.Namespace) -> int:
    from ecgapp.benchmark import evidence

    evidence.main(arguments.data, arguments.models)
    return EXIT_OK


def _add_sources(steps: Commands) -> None:
    parser = steps.add_parser(
        "sources",
        help="how well sheets of other machines are understood, source by source",
        description="Draws records of PTB-XL's fold 9, LUDB and five other collections as sheets "
        "of every vendor and layout, a third photographed, reads them, fits when a verdict on "
        "such a sheet is confident, and writes models/statements/drawn.csv, sources.json and the "
        "card, and the rule into models/verdict.json. 20 minutes of two cores unless cached.",
    )
    add_data_argument(parser, holds="ptbxl/, ludb/ and external/")
    add_models_argument(parser)
    parser.add_argument(
        "--records", type=at_least_one, metavar="N", help="of PTB-XL's fold 9, at random"
    )
    parser.set_defaults(run=_run_sources)


def _run_sources(arguments: argparse.Namespace) -> int:
    from ecgapp.benchmark import sources

    n_records = arguments.records or sources.PTBXL_RECORDS
    sources.main(arguments.data, arguments.models, CACHE, n_records)
    return EXIT_OK
