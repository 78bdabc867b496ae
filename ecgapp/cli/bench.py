"""The command that measures: bench."""

from __future__ import annotations

import argparse
import json
import sys

from ecgapp.cli.common import (
    EXIT_OK,
    EXIT_REFUSED,
    EXIT_USAGE,
    add_models_argument,
    at_least_one,
    existing_folder,
)


def add_bench(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``bench``."""
    parser.description = (
        "speed: measures a warm reading against decoding alone and a pipeline of scikit-image, "
        "PNG files and Keras, a photograph, and a cold predict against importing Keras and "
        "loading the models (docs/speed.json holds what --json prints). trace: "
        "draws recordings in every layout, clean and photographed, reads them back, reads real "
        "sheets and photographs, and shows pictures that are no ECG. findings: compares findings "
        "with what cardiologists stated and writes study/findings.json. counterfactuals: changes "
        "simulated patients and their pages and tells what the verdict makes of it. machines: "
        "prints recordings on machines drawn at random, reads them back, and tells what each "
        "property of a sheet costs; without --data the patients are simulated. Needs the "
        "training requirements."
    )
    parser.add_argument(
        "what",
        nargs="?",
        choices=("speed", "trace", "findings", "counterfactuals", "machines"),
        default="speed",
    )
    parser.add_argument(
        "--data",
        type=existing_folder,
        metavar="DIR",
        help="trace and machines: holds khan, ludb, ptbxl",
    )
    parser.add_argument(
        "--records",
        type=at_least_one,
        default=12,
        metavar="N",
        help="trace: recordings of each source (default 12; two minutes of one core for each)",
    )
    parser.add_argument(
        "--overlays",
        type=existing_folder,
        metavar="DIR",
        help="trace: write the photographs there, with what was found drawn over them",
    )
    parser.add_argument(
        "--machines", type=at_least_one, default=100, metavar="N", help="machines: how many"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="machines: number of the first"
    )
    parser.add_argument(
        "--judging",
        action="store_true",
        help="machines: those whose properties the reader was not built on",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON array")
    parser.add_argument(
        "--warm", type=at_least_one, default=20, metavar="N", help="readings (default 20)"
    )
    parser.add_argument(
        "--cold", type=at_least_one, default=5, metavar="N", help="processes (default 5)"
    )
    add_models_argument(parser)
    parser.set_defaults(run=_run_bench)


def _run_bench(arguments: argparse.Namespace) -> int:
    if arguments.what == "trace":
        return _run_bench_trace(arguments)
    if arguments.what == "findings":
        return _run_bench_findings(arguments)
    if arguments.what == "counterfactuals":
        return _run_bench_counterfactuals(arguments)
    if arguments.what == "machines":
        return _run_bench_machines(arguments)
    from ecgapp.benchmark.speed import run_benchmark, to_table

    try:
        report = run_benchmark(arguments.warm, arguments.cold)
    except FileNotFoundError as missing:
        print(missing, file=sys.stderr)
        return EXIT_REFUSED
    if arguments.json:
        print(json.dumps(report.to_dict(), indent=2))
    else:
        from rich.console import Console

        Console().print(to_table(report))
    return EXIT_OK


def _run_bench_trace(arguments: argparse.Namespace) -> int:
    if arguments.data is None:
        print("bench trace needs --data DIR", file=sys.stderr)
        return EXIT_USAGE
    from dataclasses import asdict

    from rich.console import Console

    from ecgapp.benchmark import reading

    photos = reading.read_photos(arguments.data / "photos", arguments.overlays)
    figures = reading.run(arguments.data, arguments.records)
    if arguments.json:
        print(json.dumps(list(map(asdict, figures)) + list(map(asdict, photos)), indent=2))
    else:
        Console().print(reading.to_table(figures), reading.photo_table(photos))
    return EXIT_OK


def _run_bench_findings(arguments: argparse.Namespace) -> int:
    if arguments.data is None:
        print("bench findings needs --data DIR", file=sys.stderr)
        return EXIT_USAGE
    from ecgapp.benchmark import findings

    report = findings.run(arguments.data, arguments.models)
    print(json.dumps(report, indent=2) if arguments.json else findings.to_text(report))
    return EXIT_OK


def _run_bench_counterfactuals(arguments: argparse.Namespace) -> int:
    from ecgapp.benchmark import counterfactuals
    from ecgapp.report.counterfactual_rows import counterfactual_rows

    report = counterfactuals.run(arguments.models)
    if arguments.json:
        print(json.dumps(report, indent=2))
        return EXIT_OK
    print("\n".join(", ".join(row.values()) for row in counterfactual_rows(report)))
    for page in report["pages"]:
        print(
            f"Other header, footer or grid, {page['layout']}, {page['n']} pages: no probability "
            f"moves by more than {page['largest']:.3f}"
        )
    return EXIT_OK


def _run_bench_machines(arguments: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import track

    from ecgapp.benchmark import machines

    seeds = range(arguments.seed, arguments.seed + arguments.machines)
    shown = track(seeds, "Reading machines' sheets", console=Console(stderr=True))
    readings = [machines.read_machine(seed, arguments.judging, arguments.data) for seed in shown]
    if arguments.json:
        print(json.dumps([one.to_dict() for one in readings], indent=2))
    else:
        Console().print(machines.property_table(readings))
        print("\n".join(machines.summarize(readings)))
    return EXIT_OK
