"""What a person set on a sheet by hand, in words; every output of a reading says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecgapp.sheet.located import Correction

# Before each list of what was set.
SET_BY_HAND = "Set by hand"


def set_by_hand(correction: Correction | None) -> tuple[str, ...]:
    """List what a person set.

    Parameters
    ----------
    correction : Correction or None
        What a reading was made with.

    Returns
    -------
    tuple of str
        A few words for each thing, such as ``layout 3x4``; empty where everything was found.
    """
    if correction is None:
        return ()
    said = []
    if correction.page is not None:
        said.append(f"page {correction.page}")
    if correction.layout_name is not None:
        said.append(f"layout {correction.layout_name}")
    if correction.corners_px is not None:
        said.append("corners of the curves")
    if correction.quarter_turns:
        said.append(f"turned by {90 * correction.quarter_turns} degrees counterclockwise")
    return tuple(said)


def by_hand_line(correction: Correction | None) -> str:
    """Say in one line what a person set; empty where everything was found.

    Parameters
    ----------
    correction : Correction or None

    Returns
    -------
    str
        Such as ``Set by hand: layout 3x4, corners of the curves.``
    """
    said = set_by_hand(correction)
    return f"{SET_BY_HAND}: {', '.join(said)}." if said else ""
