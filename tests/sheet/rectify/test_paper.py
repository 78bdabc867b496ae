"""Whether the table around a sheet is told from its paper."""

import cv2
import numpy as np
import pytest

from ecgapp.sheet.rectify.illumination import REDUCTION
from ecgapp.sheet.rectify.paper import table_around


@pytest.mark.parametrize("inner_px", [45.0, 31.0])
@pytest.mark.parametrize("gap_px", [0, 2])
def test_paper_whose_edge_is_not_seen_in_a_place_does_not_hang_together_with_the_table(
    gap_px: int, inner_px: float
) -> None:
    even = np.ones((120, 200), np.uint8)
    cv2.rectangle(even, (40, 30), (160, 90), 0, 1)
    even[50 : 50 + gap_px, 40] = 1
    shown = np.ones((REDUCTION * 120, REDUCTION * 200), np.bool_)
    inner = REDUCTION * np.array([[60.0, inner_px], [100.0, inner_px], [140.0, inner_px]])
    table = table_around(even > 0, shown, inner)
    assert not table[31:90, 41:160].any()
    assert table[:25].all()
    assert table[:, :35].all()
