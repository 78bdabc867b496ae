"""Finds the sheet among the pages of a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from ecgapp.errors import Refusal, check_time, time_left_s
from ecgapp.io.pages import PageImage, ValidationStep
from ecgapp.sheet.locate import locate
from ecgapp.sheet.located import Correction, LocatedSheet

# So long the pages behind the sheet are looked at for further sheets: enough for ten of the known
# machine, and nobody waits much longer for what is only a note.
_LOOK_FURTHER_S = 3.0


@dataclass(frozen=True)
class FirstSheet:
    """The first page that shows a sheet.

    Attributes
    ----------
    page : PageImage
    sheet : LocatedSheet
    further_pages : tuple of int
        Numbers of later pages that show a sheet too, from 1, as far as there was time to look.
    """

    page: PageImage
    sheet: LocatedSheet
    further_pages: tuple[int, ...]


def pages_meant(
    pages: Iterator[PageImage | Refusal], correction: Correction | None
) -> Iterator[PageImage | Refusal]:
    """Leave out the pages that a correction is not about.

    Parameters
    ----------
    pages : iterator of PageImage or Refusal
        From the first page on, as `ecgapp.io.pages.read_pages` gives them.
    correction : Correction or None
        All pages are meant where it is None or names no page.

    Returns
    -------
    iterator of PageImage or Refusal
    """
    if correction is None or correction.page is None:
        return pages
    return islice(pages, correction.page - 1, correction.page)


def first_readable(pages: Iterator[PageImage | Refusal]) -> PageImage:
    """Take pages from an iterator until one can be read.

    Parameters
    ----------
    pages : iterator of PageImage or Refusal

    Returns
    -------
    PageImage

    Raises
    ------
    Refusal
        The first page's, where no page can be read; ``no_such_page`` where there is none.
    """
    first_refusal: Refusal | None = None
    for page in pages:
        if isinstance(page, PageImage):
            return page
        first_refusal = first_refusal or page
    raise first_refusal or Refusal(
        "no_such_page",
        "Pages",
        "Pages: the file has fewer pages than the correction names; please undo the correction.",
    )


def find_first_sheet(
    page: PageImage,
    others: Iterator[PageImage | Refusal],
    correction: Correction | None = None,
) -> FirstSheet:
    """Find the first page with a sheet.

    Parameters
    ----------
    page : PageImage
        Looked at first.
    others : iterator of PageImage or Refusal
        The pages behind it; those that cannot be read are passed over.
    correction : Correction, optional
        What a person says about where the leads lie.

    Returns
    -------
    FirstSheet

    Raises
    ------
    Refusal
        The first page's, where no page shows a sheet; ``too_complex`` when the time that one file
        may take is over.
    """
    try:
        return FirstSheet(page, locate(page, correction), _further_sheets(others))
    except Refusal as refusal:
        first_refusal = refusal
    for other in others:
        sheet = _sheet_on(other, correction)
        if sheet is not None and isinstance(other, PageImage):
            return FirstSheet(other, sheet, _further_sheets(others))
    check_time()
    raise first_refusal


def _further_sheets(others: Iterator[PageImage | Refusal]) -> tuple[int, ...]:
    """Numbers of the pages that show a sheet."""
    further = []
    until_s = time_left_s() - _LOOK_FURTHER_S
    while time_left_s() > until_s and (other := next(others, None)) is not None:
        if isinstance(other, PageImage) and _sheet_on(other, None) is not None:
            further.append(other.number)
    return tuple(further)


def _sheet_on(page: PageImage | Refusal, correction: Correction | None) -> LocatedSheet | None:
    if isinstance(page, Refusal):
        return None
    try:
        return locate(page, correction)
    except Refusal:
        return None


def checks_of(found: FirstSheet) -> list[ValidationStep]:
    """Say what was found, and that the file has more sheets where it has.

    Parameters
    ----------
    found : FirstSheet

    Returns
    -------
    list of ValidationStep
        One, or two.
    """
    n_strips = len(found.sheet.rhythm_strips)
    strips = {0: "without rhythm strip", 1: "with rhythm strip"}.get(
        n_strips, f"with {n_strips} rhythm strips"
    )
    located = ValidationStep(
        "Finding the leads",
        True,
        f"{found.sheet.layout.name} layout {strips}",
        "a 12-lead sheet of three, six or twelve rows",
    )
    if not found.further_pages:
        return [located]
    numbers = ", ".join(map(str, found.further_pages))
    other = f"page {numbers}" if len(found.further_pages) == 1 else f"pages {numbers}"
    several = ValidationStep(
        "Sheets in the file",
        False,
        f"page {found.page.number} was read; {other} not, though a sheet is there too",
        "one sheet a file; save another page as a file of its own to have it read",
    )
    return [located, several]
