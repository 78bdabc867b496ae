"""The command that reads archives: batch."""

from __future__ import annotations

import argparse
import os
from contextlib import closing
from pathlib import Path

from ecgapp.cli.common import (
    EXIT_OK,
    EXIT_REFUSED,
    add_models_argument,
    at_least_one,
    new_file,
)


def add_batch(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``batch``."""
    parser.description = (
        "Reads all sheets in folders, globs and ZIP archives to one table (Parquet), a row a file, "
        "refusals included. Stopped, it goes on where it was; run again, it reads only what is new "
        "or changed. Exits with 3 when some files were refused. Not a medical device."
    )
    parser.add_argument("sources", nargs="+", metavar="SOURCE", help="file, folder, glob or ZIP")
    parser.add_argument(
        "--out", type=new_file, required=True, metavar="FILE.parquet", help="the table"
    )
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help="write a PDF of each reading, named by SHA-256"
    )
    who = parser.add_mutually_exclusive_group()
    who.add_argument(
        "--jobs",
        type=at_least_one,
        default=os.cpu_count() or 1,
        metavar="N",
        help="worker processes; default: one a core",
    )
    who.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="let the workers of this Dask cluster read, such as tcp://10.0.0.1:8786; they need "
        "the same release (docs/operations.md)",
    )
    add_models_argument(parser)
    parser.set_defaults(run=_run_batch)


def _run_batch(arguments: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from ecgapp.service.batch import (
        ClusterWorkers,
        OwnProcesses,
        Progress,
        Readers,
        find_sources,
        run_batch,
    )

    # Found first, so that the time left can be told; an entry is a name, not a file's content.
    sources = list(find_sources(arguments.sources))
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("Reading", total=len(sources))

        def show(progress: Progress) -> None:
            text = f"Reading, {progress.refused} refused"
            bar.update(task, completed=progress.done, description=text)

        readers: Readers
        if arguments.scheduler is not None:
            readers = ClusterWorkers(arguments.scheduler)
        else:
            readers = OwnProcesses(arguments.jobs)
        with closing(readers):
            done = run_batch(sources, arguments.out, readers, arguments.report, show)
    print(
        f"{done.done} files, of which {done.reused} from an earlier run and {done.refused} "
        f"refused: {arguments.out}"
    )
    return EXIT_REFUSED if done.refused else EXIT_OK
