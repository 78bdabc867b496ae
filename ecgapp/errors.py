"""What an upload may be at most, and the refusals that say so.

It stands apart from `ecgapp.io.pages` so that the reading processes of `ecgapp.io.decoders` can do
without the libraries that a picture needs.
"""

from __future__ import annotations

MAX_UPLOAD_BYTES = 20_000_000
# An A4 sheet at 600 dpi has 35 million pixels.
MAX_PIXELS = 40_000_000
MIN_SIDE_PX = 200
MAX_SIDE_PX = 16_000
# A record of one visit; whoever has more picks the page with the ECG.
MAX_PAGES = 20
# For a file that only a process of its own may read, all its pages together.
MAX_READING_S = 30
MAX_READING_BYTES = 2 * 2**30


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
