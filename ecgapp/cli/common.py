"""What the groups of commands share: exit statuses, types of arguments, and safe printing."""

from __future__ import annotations

import argparse
import stat
from pathlib import Path
from typing import TypeAlias

from ecgapp.errors import MAX_UPLOAD_BYTES, Refusal
from ecgapp.io.installed import models_folder

# What `add_subparsers` returns.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

# Exit statuses; a shell adds 128 to the number of the signal that ends a process.
EXIT_OK = 0
EXIT_FOUND = 1
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_INTERRUPTED = 130
EXIT_READER_GONE = 141

# Where the offline commands keep what they cut and traced from the sheets.
CACHE = Path(".cache")

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def existing_folder(text: str) -> Path:
    """Read an argument that must name a folder, so that a wrong one is wrong usage."""
    folder = Path(text)
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text!r}")
    return folder


def new_file(text: str) -> Path:
    """Read an argument that names a file to write; found wrong before the work, not after it."""
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a folder, and should be a file's name")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {str(path.parent)!r}")
    return path


def at_least_one(text: str) -> int:
    """Read an argument that counts something."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return number


def add_data_argument(parser: argparse.ArgumentParser, holds: str = "khan/") -> None:
    """Declare ``--data``, which the command cannot do without."""
    parser.add_argument(
        "--data",
        type=existing_folder,
        required=True,
        metavar="DIR",
        help=f"data folder, which holds {holds}",
    )


def add_models_argument(parser: argparse.ArgumentParser, to_write: bool = False) -> None:
    """Declare ``--models``; a folder that is only read has to be there."""
    parser.add_argument(
        "--models",
        type=Path if to_write else existing_folder,
        default=models_folder(),
        metavar="DIR",
        help="folder of the models; default: the shipped ones",
    )


def add_runs_argument(parser: argparse.ArgumentParser, default: Path = Path("runs")) -> None:
    """Declare ``--runs``."""
    parser.add_argument(
        "--runs",
        type=Path,
        default=default,
        metavar="DIR",
        help=f"where runs keep their state; default {default}",
    )


def read_file(path: Path) -> bytes:
    """Read a file, or as much of it as shows that it is too large.

    Parameters
    ----------
    path : Path

    Returns
    -------
    bytes
        At most one byte more than an upload may have.

    Raises
    ------
    Refusal
        With the code ``cannot_open`` for anything but a readable regular file: reading a pipe or
        a device may never end.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = _KINDS.get(stat.S_IFMT(mode), "no file")
            raise _cannot_open(f"this is {kind} and a regular file is needed")
        with path.open("rb") as file:
            return file.read(MAX_UPLOAD_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _cannot_open(error_text(error)) from error


def _cannot_open(found: str) -> Refusal:
    what = f"Opening the file: {found}; give the path of a file that holds a sheet."
    return Refusal("cannot_open", "Opening the file", what)


def error_text(problem: Exception) -> str:
    """Say what is wrong, without the number that Python gives a system's error."""
    return getattr(problem, "strerror", None) or str(problem)


def printable(text: str) -> str:
    r"""Spell out control characters, which would steer the terminal that shows the text.

    Parameters
    ----------
    text : str
        One line, such as a file's name.

    Returns
    -------
    str
        With ``\x1b`` for the escape character, and likewise for line ends, directional marks and
        bytes that are no text.
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
