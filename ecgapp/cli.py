"""The command line: ``python -m ecgapp COMMAND``.

Each command is one ``_add_<command>`` function, which declares its arguments, and one
``_run_<command>`` function, which returns the exit status. What a command needs is imported when
it runs, so that ``--help`` and ``predict`` stay quick and never load a training framework.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

EXIT_OK = 0
EXIT_FOUND = 1
EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_INTERRUPTED = 130


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : list of str, optional
        Arguments without the program's name; those of the process when left out.

    Returns
    -------
    int
        Exit status of the command; 130 when it was stopped with Ctrl+C.

    Raises
    ------
    SystemExit
        With status 2 for wrong usage, with 0 after ``--help``.
    """
    arguments = _build_parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return EXIT_INTERRUPTED


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ecgapp",
        description="Reads scanned 12-lead ECG sheets lead by lead. For research and teaching; "
        "not a medical device.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_audit(commands)
    _add_bench(commands)
    _add_render(commands)
    return parser


def _existing_folder(text: str) -> Path:
    """Read an argument that must name a folder, so that a wrong one is wrong usage."""
    folder = Path(text)
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text!r}")
    return folder


def _add_audit(commands: Commands) -> None:
    parser = commands.add_parser(
        "audit",
        help="check a folder of labelled sheets for duplicates, leaks and label conflicts",
        description="Checks a folder of class subfolders, with or without train/val/test folders "
        "above them, for unreadable files, duplicates, label conflicts and leaks between splits. "
        "A manifest.csv in the folder or beside it is read too. Exits with 1 when splits share "
        "content or sessions.",
    )
    parser.add_argument("folder", type=_existing_folder, metavar="DIR")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    parser.set_defaults(run=_run_audit)


def _run_audit(arguments: argparse.Namespace) -> int:
    from ecgapp.study.audit import audit_with_progress

    report = audit_with_progress(arguments.folder)
    if arguments.json:
        import json

        print(json.dumps(report.to_dict(), indent=2))
    else:
        print(report.to_text())
    return EXIT_FOUND if report.leaks else EXIT_OK


def _add_bench(commands: Commands) -> None:
    parser = commands.add_parser(
        "bench",
        help="measure speed and memory as ratios against the obvious way",
        description="Measures a warm reading against a pipeline of scikit-image, PNG files and "
        "Keras, and a cold predict against importing Keras and loading the models. Needs the "
        "training requirements.",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON array")
    parser.add_argument("--warm", type=int, default=20, metavar="N", help="readings (default 20)")
    parser.add_argument("--cold", type=int, default=5, metavar="N", help="processes (default 5)")
    parser.set_defaults(run=_run_bench)


def _run_bench(arguments: argparse.Namespace) -> int:
    from ecgapp.study.bench import run_benchmark, to_table

    comparisons = run_benchmark(arguments.warm, arguments.cold)
    if arguments.json:
        import json

        print(json.dumps([comparison.to_dict() for comparison in comparisons], indent=2))
    else:
        from rich.console import Console

        Console().print(to_table(comparisons))
    return EXIT_OK


def _picture_path(text: str) -> Path:
    """Read an argument that must name a picture to write, so that a wrong one is wrong usage."""
    path = Path(text)
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise argparse.ArgumentTypeError(f"{text!r} should end in .png or .jpg")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {str(path.parent)!r}")
    return path


def _add_render(commands: Commands) -> None:
    from ecgapp.sheet.geometry import TEMPLATES

    parser = commands.add_parser(
        "render",
        help="draw a table of signals as a sheet",
        description="Draws ten seconds of twelve leads as a sheet of 2213 x 1572 pixels (200 dpi, "
        "25 mm/s, 10 mm/mV). The table has the columns time_s,I,II,III,aVR,aVL,aVF,V1,...,V6 in "
        "mV at 500 Hz, empty where a lead is not known. Exits with 3 when it cannot be read.",
    )
    parser.add_argument("signals", type=Path, metavar="SIGNALS.csv")
    parser.add_argument(
        "-o", "--output", type=_picture_path, required=True, metavar="PAGE.png", help="the page"
    )
    parser.add_argument("--layout", choices=tuple(TEMPLATES), default="3x4", help="default 3x4")
    parser.set_defaults(run=_run_render)


def _run_render(arguments: argparse.Namespace) -> int:
    from ecgapp.intake import Refusal
    from ecgapp.sheet.render import DPI, render
    from ecgapp.signals import read_signals_csv

    try:
        signals = read_signals_csv(arguments.signals.read_bytes())
    except (OSError, Refusal) as problem:
        print(f"{arguments.signals}: {problem}", file=sys.stderr)
        return EXIT_REFUSED
    render(signals, arguments.layout).save(arguments.output, dpi=(DPI, DPI))
    return EXIT_OK
