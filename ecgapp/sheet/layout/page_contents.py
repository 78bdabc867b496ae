"""What was seen on an aligned page, before anything is decided."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import MM_PER_MV
from ecgapp.sheet.detect.printed_settings import PrintedSettings
from ecgapp.sheet.detect.pulses import Pulses
from ecgapp.sheet.detect.rows import Row
from ecgapp.sheet.layout.hypotheses import PageFeatures
from ecgapp.sheet.rectify.align import AlignedPage


@dataclass(frozen=True)
class PageContents:
    """What was seen on an aligned page, one way up.

    Attributes
    ----------
    page : AlignedPage
        The page, without the lead names that touch no curve.
    printed : ndarray, shape (height, width), uint8
        The page's gray with all lead names.
    rows : tuple of Row
        Its rows of curves, from the top down.
    pulses : Pulses or None
        Its calibration pulses.
    features : PageFeatures
        What layouts are weighed by.
    settings : PrintedSettings or None
        Speed and gain as the page prints them; None before they were looked for.
    """

    page: AlignedPage
    printed: NDArray[np.uint8]
    rows: tuple[Row, ...]
    pulses: Pulses | None
    features: PageFeatures
    settings: PrintedSettings | None = None

    @property
    def gains_mm_per_mv(self) -> tuple[float | None, float | None]:
        """Gain, and another one of the chest leads; None where nothing tells it."""
        pulses, settings = self.pulses, self.settings
        if settings is not None:
            printed = settings.gain_mm_per_mv, settings.chest_gain_mm_per_mv
            # A staircase of 5 and 10 mm may be taken for a pulse of either height.
            staircase = printed == (MM_PER_MV, MM_PER_MV / 2)
            if pulses is None or (staircase and pulses.height_mm in printed):
                return printed
        return (pulses.height_mm, pulses.chest_height_mm) if pulses is not None else (None, None)
