"""Commands about folders of labelled sheets: audit and windows."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ecgapp.cli.common import (
    CACHE,
    EXIT_FOUND,
    EXIT_OK,
    EXIT_USAGE,
    add_data_argument,
    existing_folder,
    new_file,
    printable,
)

if TYPE_CHECKING:
    from ecgapp.datasets.window_set import WindowSet


def add_audit(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``audit``."""
    parser.description = (
        "Checks a folder of class subfolders, with or without train/val/test folders "
        "above them, for unreadable files, duplicates, label conflicts and leaks between splits. "
        "A manifest.csv in the folder or beside it is read too. Exits with 1 when splits share "
        "content or sessions."
    )
    parser.add_argument("folder", type=existing_folder, metavar="DIR")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    parser.set_defaults(run=_run_audit)


def _run_audit(arguments: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    from ecgapp.datasets.audit import audit

    # On stderr, so that the report alone can be piped.
    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("Reading files", total=None)
        report = audit(
            arguments.folder,
            lambda done, total: progress.update(task, completed=done, total=total),
        )
    if arguments.json:
        print(json.dumps(report.to_dict(), indent=2))
    else:
        print(report.to_text())
    return EXIT_FOUND if report.leaks else EXIT_OK


def add_manifest(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``manifest``."""
    parser.description = (
        "Finds the recording sessions and layouts of the sheets in DIR/sheets/LABEL/, deals the "
        "sessions into five folds stratified by label and layout, and writes DIR/manifest.csv, "
        "which must not be there yet."
    )
    parser.add_argument("folder", type=existing_folder, metavar="DIR")
    parser.set_defaults(run=_run_manifest)


def _run_manifest(arguments: argparse.Namespace) -> int:
    from ecgapp.datasets.khan import MANIFEST
    from ecgapp.datasets.manifest import build_manifest

    path = arguments.folder / MANIFEST.name
    if path.exists():
        print(f"{path} is there already; the folds of figures hang on it", file=sys.stderr)
        return EXIT_USAGE
    table = build_manifest(arguments.folder)
    table.to_csv(path, index=False)
    print(f"{len(table)} sheets of {table['session'].nunique()} sessions in {path}")
    return EXIT_OK


def add_windows(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``windows``."""
    parser.description = (
        "Reads every labelled twelve-lead sheet of a data folder and writes the "
        "windows that models train on to one .npz file, for train and crossval on a machine "
        "without the sheets."
    )
    add_data_argument(parser)
    parser.add_argument("-o", "--output", type=new_file, required=True, metavar="FILE.npz")
    parser.set_defaults(run=_run_windows)


def _run_windows(arguments: argparse.Namespace) -> int:
    windows = windows_of_data(arguments.data)
    windows.save(arguments.output)
    print(f"{len(windows)} windows written to {arguments.output}")
    return EXIT_OK


def windows_of_data(data: Path) -> WindowSet:
    """Cut the windows of all labelled sheets of a data folder, and say which were left out."""
    from ecgapp.datasets.khan import build_windows, read_manifest

    windows, refusals = build_windows(read_manifest(data), CACHE)
    name_left_out(refusals)
    return windows


def name_left_out(refusals: dict[Path, str]) -> None:
    """Say which sheets cannot be learnt from, and why."""
    for path, reason in refusals.items():
        print(printable(f"left out {path.name}: {reason}"), file=sys.stderr)
