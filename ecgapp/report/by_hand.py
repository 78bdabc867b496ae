"""What a person set on a sheet by hand, in words; every output of a reading says it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ecgapp.report.language import marked

if TYPE_CHECKING:
    from ecgapp.sheet.located import Correction

# Before each list of what was set.
SET_BY_HAND = marked("Set by hand")


def set_by_hand(correction: Correction | None) -> tuple[str, ...]:
    """List what a person set.

    Parameters
    ----------
    correction : Correction or None
        What a reading was made with.

    Returns
    -------
    tuple of str
        A few words for each thing, such as ``layout 3x4`` or ``a part of V2 erased``; empty where
        everything was found.
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
    said += [f"names of {one} and {other} exchanged" for one, other in correction.swaps]
    if correction.placements:
        said.append(f"place of {', '.join(one.lead for one in correction.placements)}")
    for done, erased in ((marked("drawn"), False), (marked("erased"), True)):
        parts = Counter(one.lead for one in correction.strokes if one.erased is erased)
        said += [
            f"{n} parts of {lead} {done}" if n > 1 else f"a part of {lead} {done}"
            for lead, n in parts.items()
        ]
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
