"""Find the layout, the lead boxes and the baselines on a page: the one call for every page."""

from __future__ import annotations

from ecgapp.intake import PageImage
from ecgapp.sheet.located import HALF_HEIGHT_MV, Correction, Finding, LocatedSheet
from ecgapp.sheet.native import locate_native

__all__ = ["HALF_HEIGHT_MV", "Correction", "Finding", "LocatedSheet", "locate"]


def locate(page: PageImage, correction: Correction | None = None) -> LocatedSheet:
    """Find the named leads of a sheet.

    Parameters
    ----------
    page : PageImage
        A page.
    correction : Correction, optional
        What a person says about the page.

    Returns
    -------
    LocatedSheet
        Layout, boxes and baselines.

    Raises
    ------
    Refusal
        ``unknown_size`` for a page of another size, ``not_an_ecg`` when the calibration pulses
        are missing, ``unknown_layout`` when the rows form no known twelve-lead layout,
        ``leads_missing`` when a lead's curve is not there.
    """
    return locate_native(page)
