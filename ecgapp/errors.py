"""What an upload may be at most, and the refusals that say so.

It stands apart from `ecgapp.io.pages` so that the reading processes of `ecgapp.io.decoders` can do
without the libraries that a picture needs.
"""

from __future__ import annotations

import math
import re
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Limits of an upload, set by us so that one file costs a server seconds and no more memory than it
# has; tests/test_bad_files.py reads hundreds of files against them.
MAX_UPLOAD_BYTES = 20_000_000
# An A4 sheet at 600 dpi has 35 million pixels.
MAX_PIXELS = 40_000_000
MIN_SIDE_PX = 200
MAX_SIDE_PX = 16_000
# A record of one visit; whoever has more picks the page with the ECG.
MAX_PAGES = 20
# For one file, all its pages together: a hundred times what a scanned sheet takes.
MAX_READING_S = 20
# For a process that reads a file of an intricate format. Its address space counts, of which half a
# gigabyte is libraries that are never touched.
MAX_READING_BYTES = 1_250_000_000


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """The input cannot be read: bad input, never a programming error.

    Parameters
    ----------
    code : str
        Short name of the reason in snake case, for programs.
    step : str
        Name of the step that refused, such as ``Decoding``.
    message : str
        One sentence for people: the step, the value found, the limit and what would help.
    """

    def __init__(self, code: str, step: str, message: str):
        super().__init__(code, step, message)
        self.code = code
        self.step = step
        self.message = message

    def __str__(self) -> str:
        return self.message


# Characters of a file's own text that a message quotes.
MOST_QUOTED = 40
# A dot between digits is part of a number; between letters it may be part of an address.
_NOT_PLAIN = re.compile(r"(?<!\d)\.|\.(?!\d)|[^\w .,;%+°µμ-]|_")

_deadline_s: ContextVar[float] = ContextVar("deadline_s", default=math.inf)


@contextmanager
def time_limit(seconds: float = MAX_READING_S) -> Iterator[None]:
    """Bound the time that the block may take, as far as it calls `check_time`.

    Counted is the processor time of this thread, so that a file is not refused because others are
    being read beside it, nor because somebody sets the clock.

    Parameters
    ----------
    seconds : float
        An outer limit that ends sooner stays.
    """
    token = _deadline_s.set(min(_deadline_s.get(), time.thread_time() + seconds))
    try:
        yield
    finally:
        _deadline_s.reset(token)


def spend(seconds: float) -> None:
    """Count time against the limit that passed in another process.

    Parameters
    ----------
    seconds : float
    """
    _deadline_s.set(_deadline_s.get() - seconds)


def time_left_s() -> float:
    """Tell how much of the time limit is left, at most `MAX_READING_S` seconds."""
    return min(MAX_READING_S, _deadline_s.get() - time.thread_time())


def check_time() -> None:
    """Refuse the file when its time is over; to be called before whatever may take long.

    Raises
    ------
    Refusal
        With the code ``too_complex``.
    """
    if time_left_s() <= 0:
        raise too_complex()


def too_complex() -> Refusal:
    """Refusal of a file that takes more time or memory than one file may.

    Returns
    -------
    Refusal
        To be raised.
    """
    return Refusal(
        "too_complex",
        "Reading the file",
        f"Reading the file: it takes more than {MAX_READING_S} seconds or "
        f"{MAX_READING_BYTES / 1e9:.2f} GB of memory, which is the limit for one file with all "
        "its pages; please save the page with the ECG alone, as PNG or JPEG at 200 dpi.",
    )


def plain(text: str, most: int = MOST_QUOTED) -> str:
    """Make text that comes from a file fit for a message, wherever that is shown.

    Messages are shown as Markdown, on terminals and in tables. What is left makes no link, no
    picture and no heading, turns no line round and moves no cursor.

    Parameters
    ----------
    text : str
        Of whoever made the file.
    most : int
        Characters that are kept.

    Returns
    -------
    str
        Letters, digits, spaces, and the signs that units and numbers are written with; a question
        mark for each other sign.
    """
    return _NOT_PLAIN.sub("?", text[:most]) + ("..." if len(text) > most else "")


def internal_error() -> Refusal:
    """Refusal of a file on which this program fails.

    Returns
    -------
    Refusal
        To be raised.
    """
    return Refusal(
        "internal_error",
        "Reading the file",
        "Reading the file: this program made a mistake on it, which was noted without the file's "
        "content; please save the page as PNG or JPEG at 200 dpi and try that, and report it if "
        "it happens again.",
    )


def traceback_without_messages(error: BaseException) -> str:
    """Say where an error came about and of which kind it is, and nothing of what it says.

    What an exception says often quotes the value that it fails on, which may be a patient's.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    str
        The lines of a traceback, causes first.
    """
    before = error.__cause__ or error.__context__
    lines = traceback_without_messages(before) + "\n" if before is not None else ""
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{lines}{frames}{type(error).__module__}.{type(error).__qualname__}"


def check_bytes(data: bytes) -> None:
    """Refuse a file of no or too many bytes.

    Parameters
    ----------
    data : bytes
        The whole file, or as much of it as shows that it is too large.

    Raises
    ------
    Refusal
        With the code ``empty_file`` or ``file_too_large``.
    """
    if not data:
        raise Refusal(
            "empty_file",
            "Upload",
            "Upload: the file holds 0 bytes where at least one picture is needed; please check "
            "that it was copied completely and send it again.",
        )
    if len(data) > MAX_UPLOAD_BYTES:
        raise Refusal(
            "file_too_large",
            "Upload",
            f"Upload: the file has {len(data) / 1e6:.1f} MB and the limit is "
            f"{MAX_UPLOAD_BYTES / 1e6:.0f} MB; please save the page as JPEG or PNG at 200 dpi.",
        )


def check_size(width: int, height: int) -> None:
    """Refuse a picture whose sides or pixels are too few or too many.

    Parameters
    ----------
    width, height : int
        Sides of the picture, pixels.

    Raises
    ------
    Refusal
        With the code ``page_too_small``, ``page_too_large`` or ``too_many_pixels``.
    """
    size = f"the picture has {width} x {height} px"
    if min(width, height) < MIN_SIDE_PX:
        raise Refusal(
            "page_too_small",
            "Picture size",
            f"Picture size: {size} and each side needs at least {MIN_SIDE_PX} px; please scan "
            "the whole sheet at 200 dpi.",
        )
    if max(width, height) > MAX_SIDE_PX:
        raise Refusal(
            "page_too_large",
            "Picture size",
            f"Picture size: {size} and each side may have at most {MAX_SIDE_PX} px; please scan "
            "the sheet at 200 dpi.",
        )
    if width * height > MAX_PIXELS:
        raise too_many_pixels(width * height)


def check_pages(n_pages: int, file_format: str) -> None:
    """Refuse a file of no or too many pages.

    Parameters
    ----------
    n_pages : int
        Pages or frames of the file.
    file_format : str
        Kind of the file, for people.

    Raises
    ------
    Refusal
        With the code ``no_picture`` or ``too_many_pages``.
    """
    if n_pages < 1:
        raise no_picture(file_format, "no page")
    if n_pages > MAX_PAGES:
        raise Refusal(
            "too_many_pages",
            "Pages",
            f"Pages: the {file_format} file holds more than {MAX_PAGES} pages, which is the "
            "limit; please save the page with the ECG as a file of its own.",
        )


def too_many_pixels(n_pixels: int) -> Refusal:
    """Refusal of a picture with more than `MAX_PIXELS` pixels.

    Parameters
    ----------
    n_pixels : int
        Pixels that it has or claims.

    Returns
    -------
    Refusal
        To be raised.
    """
    return Refusal(
        "too_many_pixels",
        "Picture size",
        f"Picture size: the picture has {n_pixels / 1e6:,.0f} million pixels and the limit is "
        f"{MAX_PIXELS / 1e6:.0f} million; please scan the sheet at 200 dpi.",
    )


def no_picture(file_format: str, found: str) -> Refusal:
    """Refusal of an undamaged file that shows nothing.

    Parameters
    ----------
    file_format : str
        Kind of the file, for people.
    found : str
        What it holds instead of a picture.

    Returns
    -------
    Refusal
        To be raised.
    """
    return Refusal(
        "no_picture",
        "Pages",
        f"Pages: the {file_format} file holds {found} and at least one page with a picture is "
        "needed; please export the sheet itself, as PDF, PNG or JPEG.",
    )


def truncated(file_format: str, n_bytes: int) -> Refusal:
    """Refusal of a file that lacks its end.

    Parameters
    ----------
    file_format : str
        Kind of the file, for people.
    n_bytes : int
        Bytes that there are.

    Returns
    -------
    Refusal
        To be raised.
    """
    return Refusal(
        "truncated_file",
        "Decoding",
        f"Decoding: the {file_format} file ends after {n_bytes:,} bytes, before its "
        "picture is complete, and all of it is needed; please copy or export it again.",
    )


def corrupt(file_format: str, found: str) -> Refusal:
    """Refusal of a damaged file.

    Parameters
    ----------
    file_format : str
        Kind of the file, for people.
    found : str
        What is wrong with which of its parts.

    Returns
    -------
    Refusal
        To be raised.
    """
    return Refusal(
        "corrupt_file",
        "Decoding",
        f"Decoding: the {file_format} file's {found} and only undamaged pictures of a common kind "
        "can be read; please export the page again as PNG or JPEG.",
    )
