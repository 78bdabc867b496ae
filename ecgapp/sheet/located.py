"""What is known about a page once its leads have been found, and how a person may correct it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import LEADS, MM_PER_MV, MM_PER_S, RHYTHM_STRIPS, Box, Layout
from ecgapp.errors import Refusal

STEP = "Finding the leads"

# Millivolts above and below the baseline that a lead's box shows.
HALF_HEIGHT_MV = 2.4


@dataclass(frozen=True)
class Finding:
    """One step of finding the leads.

    Attributes
    ----------
    step : str
        What was looked for, for people.
    found : str
        What was found, with units.
    sureness : float
        How sure that is, from 0 to 1.
    """

    step: str
    found: str
    sureness: float


@dataclass(frozen=True)
class Correction:
    """What a person says about a page; None and 0 leave it to the program.

    Attributes
    ----------
    layout_name : str or None
        Name of a layout in `layouts.LAYOUTS`.
    corners_px : tuple of (float, float) or None
        Corners of the rectangle that holds the ten seconds of curves, in pixels of the upload:
        top left, top right, bottom right, bottom left.
    quarter_turns : int
        Turns by 90 degrees counterclockwise that bring the upload upright.
    page : int or None
        Number of the page that this is about, from 1; None for every page.
    """

    layout_name: str | None = None
    corners_px: tuple[tuple[float, float], ...] | None = None
    quarter_turns: int = 0
    page: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it leaves everything but the page to the program."""
        return replace(self, page=None) == Correction()


@dataclass(frozen=True)
class LocatedSheet:
    """A page whose leads have been found.

    Attributes
    ----------
    layout : Layout
        Which lead is printed where.
    rhythm_strips : tuple of str or None
        The lead that each ten-second strip below the rows shows, from the top down; None where
        that is not known.
    aligned : bool
        Whether the page had to be warped or rescaled to the canonical scale.
    px_per_mm : float
        Scale of the upload.
    gray : ndarray, shape (height, width), uint8
        The page at canonical scale, its paper speed and gain included.
    boxes : dict of str to Box
        Rectangle of each lead that is shown, and of each strip by its name in `RHYTHM_STRIPS`.
    baselines_px : dict of str to float
        Row of `gray` at which each lead of `boxes` has 0 mV.
    start_px : float
        Column of `gray` that shows the sheet's first instant; not always a whole pixel.
    to_upload : ndarray, shape (3, 3), float64
        Homography from pixel centres of `gray` to those of the upload.
    speed_mm_per_s, gain_mm_per_mv : float
        Paper speed and gain as printed.
    findings : tuple of Finding
        The steps that led here, in their order.
    missing : tuple of str
        Leads that the layout has and the page does not show in full.
    """

    layout: Layout
    rhythm_strips: tuple[str | None, ...]
    aligned: bool
    px_per_mm: float
    gray: NDArray[np.uint8]
    boxes: dict[str, Box]
    baselines_px: dict[str, float]
    start_px: float
    to_upload: NDArray[np.float64]
    speed_mm_per_s: float = MM_PER_S
    gain_mm_per_mv: float = MM_PER_MV
    findings: tuple[Finding, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def has_rhythm_strip(self) -> bool:
        """Whether at least one ten-second strip runs along the bottom."""
        return bool(self.rhythm_strips)

    @property
    def row_baselines_px(self) -> list[float]:
        """Baselines from the top row down, the strips' last; of each row its leftmost lead's."""
        rows = zip(*self.layout.columns, strict=True)
        shown = ([name for name in row if name in self.baselines_px] for row in rows)
        first = [self.baselines_px[names[0]] for names in shown if names]
        return first + [self.baselines_px[name] for name in self.strip_names]

    @property
    def strip_names(self) -> tuple[str, ...]:
        """Names of the strips' boxes, from the top down."""
        names = [name for name in RHYTHM_STRIPS if name in self.boxes]
        return tuple(sorted(names, key=self.baselines_px.__getitem__))


def require_all_leads(sheet: LocatedSheet) -> None:
    """Refuse a sheet that does not show all twelve leads in full.

    Parameters
    ----------
    sheet : LocatedSheet

    Raises
    ------
    Refusal
        With the code ``leads_missing``.
    """
    if sheet.missing:
        missing = ", ".join(sheet.missing)
        raise Refusal(
            "leads_missing",
            "Twelve leads",
            f"Twelve leads: {missing} cannot be read in full, and a verdict needs all "
            f"{len(LEADS)}; the others are shown below. Photograph or scan the whole sheet.",
        )
