"""Finds the sheet among the pages of a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from ecgapp.errors import Refusal, check_time, time_left_s
from ecgapp.io.pages import PageImage, ValidationStep
from ecgapp.sheet.locate import locate
from ecgapp.sheet.located import Correction, LocatedSheet, UnknownLayout

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
    others : OtherPages
        What the file's other pages show.
    """

    page: PageImage
    sheet: LocatedSheet
    others: OtherPages


@dataclass(frozen=True)
class OtherPages:
    """What the pages of a file show that were not read; numbers from 1.

    Attributes
    ----------
    sheets : tuple of int
        Pages that show a sheet too.
    doubtful : tuple of int
        Pages with rows of curves whose layout is not known.
    not_looked_at : tuple of int
        Pages that nobody looked at: there was no time, or a person chose another.
    """

    sheets: tuple[int, ...] = ()
    doubtful: tuple[int, ...] = ()
    not_looked_at: tuple[int, ...] = ()

    @property
    def said(self) -> str:
        """In one sentence; empty where no other page may show a sheet."""
        parts = [
            f"{_pages(self.sheets)} not, though a sheet is there too" if self.sheets else "",
            f"{_pages(self.doubtful)} not, though a sheet may be there" if self.doubtful else "",
            f"{_pages(self.not_looked_at)} not looked at" if self.not_looked_at else "",
        ]
        return "; ".join(filter(None, parts))


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
    first_refusal: Refusal | None = None
    doubtful: list[int] = []
    for candidate in chain([page], others):
        sheet = _sheet_on(candidate, correction)
        if isinstance(sheet, LocatedSheet) and isinstance(candidate, PageImage):
            return FirstSheet(candidate, sheet, _others(candidate, others, correction, doubtful))
        if isinstance(sheet, UnknownLayout) and isinstance(candidate, PageImage):
            doubtful.append(candidate.number)
        if isinstance(sheet, Refusal):
            first_refusal = first_refusal or sheet
    check_time()
    assert first_refusal is not None  # the first page was refused
    raise first_refusal


def _others(
    read: PageImage,
    behind: Iterator[PageImage | Refusal],
    correction: Correction | None,
    doubtful: list[int],
) -> OtherPages:
    """Look at the pages behind the one that is read, for as long as there is time."""
    if correction is not None and correction.page is not None:
        others = tuple(n for n in range(1, read.n_pages + 1) if n != read.number)
        return OtherPages(not_looked_at=others)
    sheets = []
    last = read.number
    until_s = time_left_s() - _LOOK_FURTHER_S
    while time_left_s() > until_s and (other := next(behind, None)) is not None:
        last += 1
        shown = _sheet_on(other, None)
        if isinstance(shown, LocatedSheet):
            sheets.append(last)
        elif isinstance(shown, UnknownLayout):
            doubtful.append(last)
    return OtherPages(tuple(sheets), tuple(doubtful), tuple(range(last + 1, read.n_pages + 1)))


def _sheet_on(page: PageImage | Refusal, correction: Correction | None) -> LocatedSheet | Refusal:
    if isinstance(page, Refusal):
        return page
    try:
        return locate(page, correction)
    except Refusal as refusal:
        return refusal


def _pages(numbers: tuple[int, ...]) -> str:
    """Name pages in words, runs of them in short: ``pages 3, 5 to 9``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    said = [f"{first} to {last}" if last > first else f"{first}" for first, last in runs]
    return ("page " if len(numbers) == 1 else "pages ") + ", ".join(said)


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
    if not found.others.said:
        return [located]
    several = ValidationStep(
        "Sheets in the file",
        False,
        f"page {found.page.number} was read; {found.others.said}",
        "one sheet a file, or a page chosen by hand",
    )
    return [located, several]
