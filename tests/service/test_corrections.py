import math

import pytest

from ecgapp.service.corrections import MAX_STROKES, merged
from ecgapp.sheet.located import Correction, LeadPlacement, Stroke

pytestmark = pytest.mark.slow

SENT = {
    "of": "x",
    "corners": [[0, 0], [10, 0], [10, 8], [0, 8]],
    "swaps": [["V1", "V2"]],
    "leads": [{"name": "V1", "ends": [[1, 2], [9, 2]]}],
    "strokes": [{"lead": "rhythm", "erased": True, "points": [[1, 1], [2, 1]]}],
}


def test_what_the_browser_sends_is_put_into_pixels_of_the_upload():
    correction = merged(None, SENT, scale=0.5, page_number=2)
    assert correction.page == 2
    assert correction.corners_px == ((0, 0), (20, 0), (20, 16), (0, 16))
    assert correction.swaps == (("V1", "V2"),)
    assert correction.placements == (LeadPlacement("V1", ((2, 4), (18, 4))),)
    assert correction.strokes == (Stroke("rhythm", ((2, 2), (4, 2)), erased=True),)


def test_a_second_correction_is_added_to_the_first():
    first = merged(Correction(layout_name="3x4"), SENT, 1.0, 1)
    second = merged(
        first,
        {
            "swaps": [["V1", "V6"]],
            "strokes": [{"lead": "V6", "erased": False, "points": [[3, 3], [4, 4]]}],
        },
        1.0,
        1,
    )
    assert second.layout_name == "3x4"
    assert second.corners_px == first.corners_px
    assert second.swaps == (("V1", "V2"), ("V1", "V6"))
    # What was placed as V1 is called V6 now.
    assert second.placements == (LeadPlacement("V6", ((1, 2), (9, 2))),)
    assert [stroke.lead for stroke in second.strokes] == ["rhythm", "V6"]


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "words",
        {"corners": [[0, 0]]},
        {"corners": [[0, 0], [1, 0], [1, 1], [0, math.nan]]},
        {"corners": [[0, 0], [1, 0], [1, 1], [0, "1"]]},
        {"swaps": [["V1", "V9"]]},
        {"swaps": [["V1"]]},
        {"swaps": [[{}, {}]]},
        {"leads": [{"name": "<b>", "ends": [[0, 0], [1, 1]]}]},
        {"leads": [{"name": ["V1"], "ends": [[0, 0], [1, 1]]}]},
        {"leads": ["V1"]},
        {"strokes": [{"lead": "V1", "points": [[0, 0]]}]},
        {"strokes": [{"lead": "V1", "points": [[0, 0], [1, 1]]}] * (MAX_STROKES + 1)},
    ],
)
def test_anything_else_is_no_correction(sent):
    with pytest.raises(ValueError, match=r"\w"):
        merged(None, sent, 1.0, 1)
