"""The command line: ``ecgapp COMMAND``, which is the same as ``python -m ecgapp COMMAND``.

Each file beside this one holds a group of commands. A command is one ``add_<command>`` function,
which declares its arguments, and one ``_run_<command>`` function, which returns the exit status.
A group is imported when one of its commands is asked for, and what a command needs when it runs,
so that ``--help`` and ``predict`` stay quick and never load a training framework.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from ecgapp import __version__
from ecgapp.cli.common import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_READER_GONE,
    EXIT_USAGE,
    error_text,
    printable,
)
from ecgapp.errors import Refusal
from ecgapp.io.installed import MODELS_VARIABLE, models_folder

# Command -> its group and what it does. The order is that of --help.
COMMANDS = {
    "predict": ("read", "read sheets and print a verdict for each"),
    "report": ("read", "write what a sheet shows as a PDF, as FHIR or as DICOM objects"),
    "batch": ("batch", "read folders and archives of sheets to one table, resumably"),
    "digitize": ("read", "trace a sheet's leads to a table of signals"),
    "render": ("draw", "draw a table of signals as a sheet"),
    "app": ("serve", "serve the app for a browser"),
    "audit": ("data", "check a folder of labelled sheets for duplicates, leaks and conflicts"),
    "evaluate": ("evaluate", "print the shipped models' out-of-fold figures"),
    "figures": ("evaluate", "fill the figures of README and docs from the artefacts"),
    "manifest": ("data", "find sessions in a folder of labelled sheets, and deal them into folds"),
    "windows": ("data", "cut all labelled sheets into one file of model windows"),
    "inputs": ("train", "write the checksums of what the networks learn from"),
    "pretrain": ("train", "pretrain the twelve-lead network on PTB-XL"),
    "train": ("train", "train one model"),
    "crossval": ("train", "cross-validate a model on the grouped folds, and train what ships"),
    "export": ("train", "convert the trained models for serving and check that they say the same"),
    "stack": ("train", "learn how models make a verdict, and when it is confident"),
    "cards": ("train", "write the cards of the verdict and of every model"),
    "code-versions": ("train", "write which code makes each stage of dvc.yaml"),
    "development-features": ("train", "write by what the app finds the nearest development sheets"),
    "statements": ("train", "make the network that states what sheets of any machine show"),
    "train-names": ("train", "train the reader of lead names on drawn pieces of pages"),
    "train-settings": ("train", "train the reader of printed speed and gain on drawn lines"),
    "train-curves": ("train", "train the reader that tells crossing curves apart"),
    "train-strokes": ("train", "train the reader of what a stroke hides of its curve"),
    "train-swaps": ("train", "learn which electrodes were put in each other's place"),
    "check": ("check", "measure what the cards say beside the out-of-fold figures"),
    "study": ("study", "train and judge the published models, honestly and leakily"),
    "bench": ("bench", "measure speed, how well sheets are read, or what moves the verdict"),
}


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints cannot steer the terminal, whatever they repeat."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : list of str, optional
        Arguments without the program's name; those of the process when left out. ``--models`` is
        for one call a process: a model that was loaded stays loaded.

    Returns
    -------
    int
        Exit status of the command; 1 when a shipped model is missing or damaged, a package that
        it needs is not installed, or the command failed in a way that was not foreseen, 2 when a
        file that it needs cannot be opened or written, 130 when it was stopped with Ctrl+C, 141
        when the reader of its output stopped reading.

    Raises
    ------
    SystemExit
        With status 2 for wrong usage, with 0 after ``--help`` and ``--version``.
    """
    argv = sys.argv[1:] if argv is None else argv
    arguments = _build_parser(argv).parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file's name may hold what the terminal's encoding lacks.
        sys.stdout.reconfigure(errors="backslashreplace")
    if not sys.flags.dev_mode:
        # Python would print the tracebacks that the log takes; `python -X dev` shows them.
        logging.getLogger("ecgapp").addHandler(logging.NullHandler())
    try:
        with _ended_in_order(), _serving_from(getattr(arguments, "models", models_folder())):
            status = int(arguments.run(arguments))
        print(end="", flush=True)
    except KeyboardInterrupt:
        return _complain("Stopped.", EXIT_INTERRUPTED)
    except BrokenPipeError:
        # `head` has read enough. Python would write the rest at exit, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_READER_GONE
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        return _complain(f"{name}{error_text(error)}", EXIT_USAGE)
    except Refusal as refusal:
        return _complain(str(refusal), EXIT_USAGE)
    except ModuleNotFoundError as error:
        return _complain(
            f"{error.name} is not installed. `make app` installs what serving needs, `make lint` "
            "also what training and the study need; where ecgapp was installed from its wheel, "
            "`pip install 'ecgapp[train]'` does.",
            EXIT_FAILED,
        )
    except Exception as error:
        # Late: --help need not wait for ONNX Runtime.
        from ecgapp.io.weights import ModelError
        from ecgapp.training.run_folder import StaleRunError, UnfinishedRunError

        if isinstance(error, ModelError):
            return _complain(str(error), EXIT_FAILED)
        if isinstance(error, StaleRunError | UnfinishedRunError):
            return _complain(str(error), EXIT_USAGE)
        if sys.flags.dev_mode:
            raise
        return _complain(
            f"{argv[0]} failed: {type(error).__name__}: {error}. `python -X dev -m ecgapp` shows "
            "where.",
            EXIT_FAILED,
        )
    return status


def _complain(message: str, status: int) -> int:
    print(printable(message), file=sys.stderr)
    return status


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl+C does: children stopped, a JSON array closed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _serving_from(models: Path) -> Iterator[None]:
    """Let this process, and those that it starts, load the models of a folder."""
    before = os.environ.get(MODELS_VARIABLE)
    os.environ[MODELS_VARIABLE] = str(models.absolute())
    try:
        yield
    finally:
        if before is None:
            del os.environ[MODELS_VARIABLE]
        else:
            os.environ[MODELS_VARIABLE] = before


def _build_parser(argv: list[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="ecgapp",
        description="Reads scanned 12-lead ECG sheets lead by lead. For research and teaching; "
        "not a medical device.",
    )
    parser.add_argument("--version", action="version", version=f"ecgapp {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    chosen = next((text for text in argv if not text.startswith("-")), None)
    for name, (group, help_line) in COMMANDS.items():
        command = commands.add_parser(name, help=help_line)
        if name == chosen:
            declare = f"add_{name.replace('-', '_')}"
            getattr(import_module(f"ecgapp.cli.{group}"), declare)(command)
    return parser
