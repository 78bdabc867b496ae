"""Find the layout, the lead boxes and the baselines on a page: the one call for every page."""

from __future__ import annotations

from ecgapp.errors import Refusal
from ecgapp.io.pages import PageImage, size_check
from ecgapp.sheet.edan import locate_native
from ecgapp.sheet.located import HALF_HEIGHT_MV, STEP, Correction, LocatedSheet, LocatingStep

__all__ = ["HALF_HEIGHT_MV", "Correction", "LocatedSheet", "LocatingStep", "locate"]


def locate(page: PageImage, correction: Correction | None = None) -> LocatedSheet:
    """Find the named leads of a sheet.

    A page of the known machine is read as it is; every other page is aligned first.

    Parameters
    ----------
    page : PageImage
        A page of any size, any way up.
    correction : Correction, optional
        What a person says about the page.

    Returns
    -------
    LocatedSheet
        Layout, boxes and baselines; leads that the page does not show in full are in `missing`.

    Raises
    ------
    Refusal
        ``not_an_ecg`` when the page shows no rows of curves, ``unknown_layout`` when they form no
        known twelve-lead layout, ``scale_too_small`` when the page is too coarse to be read.
    """
    native_refusal: Refusal | None = None
    if (correction is None or correction.leaves_the_layout) and size_check(page).passed:
        try:
            return locate_native(page)
        except Refusal as refusal:
            native_refusal = refusal
    # Pages of the known machine do not pay for what other pages need.
    from ecgapp.sheet.layout.search import search

    try:
        return search(page, correction or Correction())
    except Refusal as refusal:
        if native_refusal is not None and refusal.step != STEP:
            raise native_refusal from refusal
        raise
