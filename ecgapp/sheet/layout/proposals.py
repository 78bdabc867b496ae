"""What a page may be printed as, drawn as places on the upload, for a person to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ecgapp.ecg import PX_PER_MV, RHYTHM_STRIPS
from ecgapp.sheet.layout.hypotheses import Hypothesis
from ecgapp.sheet.layout.page_contents import PageContents
from ecgapp.sheet.located import LayoutProposal

# More pictures than two are not compared at a glance.
N_PROPOSED = 2
# Above the first row and below the last as much is shown as half the way between two rows, and at
# most this.
_MOST_AROUND_PX = PX_PER_MV


def propose(
    likeliest: Sequence[tuple[PageContents, Hypothesis]], page_number: int
) -> tuple[LayoutProposal, ...]:
    """Place the leads of the likeliest layout on the upload, and of the likeliest of other columns.

    The same columns in another order look alike; a wrong number of them is seen at a glance.

    Parameters
    ----------
    likeliest : sequence of (PageContents, Hypothesis)
        What was seen and what it may be, the likeliest first; of each layout one.
    page_number : int
        Of the page, from 1.

    Returns
    -------
    tuple of LayoutProposal
        At most `N_PROPOSED`.
    """
    n_columns = len(likeliest[0][1].layout.columns) if likeliest else 0
    others = [seen for seen in likeliest[1:] if len(seen[1].layout.columns) != n_columns]
    alike = [seen for seen in likeliest[1:] if len(seen[1].layout.columns) == n_columns]
    return tuple(
        LayoutProposal(hypothesis.layout.name, page_number, _places(contents, hypothesis))
        for contents, hypothesis in [*likeliest[:1], *others, *alike][:N_PROPOSED]
    )


def _places(
    contents: PageContents, hypothesis: Hypothesis
) -> dict[str, tuple[tuple[float, float], ...]]:
    layout, axis = hypothesis.layout, hypothesis.axis
    bands = _bands([row.baseline_px for row in contents.rows])
    width = axis.width_px / len(layout.columns)
    spans = [
        (name, row, axis.column_px(column, len(layout.columns)), width)
        for column, names in enumerate(layout.columns)
        for row, name in enumerate(names)
    ]
    spans += [
        (RHYTHM_STRIPS[strip], layout.n_rows + strip, axis.strips_start_px, axis.width_px)
        for strip in range(hypothesis.n_strips)
    ]
    found = {}
    for name, row, left, wide in spans:
        page_row = hypothesis.page_row(row)
        if 0 <= page_row < len(bands):
            top, bottom = bands[page_row]
            corners = [(left, top), (left + wide, top), (left + wide, bottom), (left, bottom)]
            points = np.column_stack([corners, np.ones(4)]) @ contents.page.to_upload.T
            on_upload = (points[:, :2] / points[:, 2:]).tolist()
            found[name] = tuple((x, y) for x, y in on_upload)
    return found


def _bands(baselines_px: Sequence[float]) -> list[tuple[float, float]]:
    """Top and bottom of each row, half way to its neighbours."""
    edges = [(one + other) / 2 for one, other in pairwise(baselines_px)]
    around = min([_MOST_AROUND_PX, *(np.diff(baselines_px) / 2)])
    edges = [baselines_px[0] - around, *edges, baselines_px[-1] + around]
    return list(pairwise(edges))
