"""Whether columns that end early, or stand apart, are read at the seconds that the grid tells."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from as_printed import is_as_printed, read
from numpy.typing import NDArray

from ecgapp.ecg import LAYOUTS, LEADS, PX_PER_MM, Signals
from ecgapp.synthesis.draw import DrawnSheet, draw_sheet
from ecgapp.synthesis.simulate import PatientModel, simulate
from ecgapp.synthesis.vendors import VENDORS

SIGNALS = simulate(PatientModel(heart_rate_bpm=76, st_level_mv={"V2": 0.2}, seed=5))
PLAIN = replace(VENDORS["pink"], separators="none", blocks=())
EARLY_S = 0.1
APART_MM = 5


def ending_early(seconds: float) -> Signals:
    """Curves whose pen lifts for the last tenth of a second of every column."""
    rate = SIGNALS.sampling_rate_hz
    shown = np.arange(len(SIGNALS.leads["I"])) / rate % seconds < seconds - EARLY_S
    leads = {name: np.where(shown, lead, np.nan) for name, lead in SIGNALS.leads.items()}
    return Signals(rate, leads)


def moved_apart(drawn: DrawnSheet, edges_mm: list[float]) -> NDArray[np.uint8]:
    """The page with a piece of empty grid between its columns, five millimetres each."""
    nothing = Signals(
        SIGNALS.sampling_rate_hz,
        {name: np.full_like(lead, np.nan) for name, lead in SIGNALS.leads.items()},
    )
    layout = LAYOUTS["6x2" if len(edges_mm) == 1 else "3x4"]
    empty = np.asarray(draw_sheet(nothing, layout, (), PLAIN).image)
    image = np.asarray(drawn.image)
    places = drawn.truth.to_image(np.array([[edge, 0.0] for edge in edges_mm]))[:, 0]
    before = drawn.truth.to_image(np.array([[edge - APART_MM, 0.0] for edge in edges_mm]))[:, 0]
    pieces, start = [], 0
    for stop, first in zip(np.round(places).astype(int), np.round(before).astype(int), strict=True):
        pieces += [image[:, start:stop], empty[:, first:stop]]
        start = stop
    return np.hstack([*pieces, image[:, start:]])


def with_marks(rgb: NDArray[np.uint8], drawn: DrawnSheet) -> NDArray[np.uint8]:
    """An upright line of 10 mm just before every row."""
    boxes, lines = drawn.truth.boxes_mm, drawn.truth.baselines_mm
    marked = rgb.copy()
    for name in {lead for lead in LEADS if boxes[lead][0] == boxes["I"][0]}:
        left = boxes[name][0] - 1.5
        ends = drawn.truth.to_image(np.array([[left, lines[name]], [left, lines[name] - 10]]))
        (x, y), (_, top) = np.round(ends).astype(int).tolist()
        cv2.line(marked, (x, y), (x, top), (0, 0, 0), 3)
        cv2.line(marked, (x, y), (x + 12, y), (0, 0, 0), 3)
    return marked


@pytest.mark.parametrize(("layout", "seconds"), [("3x4", 2.5), ("6x2", 5.0)])
def test_columns_that_end_early_are_not_stretched(layout: str, seconds: float) -> None:
    drawn = draw_sheet(ending_early(seconds), LAYOUTS[layout], (), PLAIN)
    sheet = read(drawn.image)
    assert sheet.layout.name == layout
    is_as_printed(sheet, SIGNALS)


@pytest.mark.parametrize("layout", ["3x4", "6x2"])
def test_columns_that_stand_apart_are_read_without_the_room_between(layout: str) -> None:
    drawn = draw_sheet(SIGNALS, LAYOUTS[layout], (), PLAIN)
    boxes = drawn.truth.boxes_mm
    edges = [boxes[names[0]][0] for names in LAYOUTS[layout].columns[1:]]
    sheet = read(moved_apart(drawn, edges))
    assert sheet.layout.name == layout
    is_as_printed(sheet, SIGNALS)


def test_a_mark_before_the_rows_is_not_taken_for_their_beginning() -> None:
    plain = replace(PLAIN, pulse="none")
    drawn = draw_sheet(SIGNALS, LAYOUTS["6x2"], (), plain)
    edge = drawn.truth.boxes_mm["V1"][0]
    sheet = read(with_marks(moved_apart(drawn, [edge]), drawn))
    assert sheet.layout.name == "6x2"
    is_as_printed(sheet, SIGNALS)


@pytest.mark.parametrize(
    ("layout", "strips"),
    [("3x4", ("II",)), ("4x3", ("II",)), ("6x2", ("II",)), ("3x4", ("II", "V1", "V5"))],
)
def test_rows_longer_than_their_strips_tell_of_blanks_that_a_line_fills(
    layout: str, strips: tuple[str, ...]
) -> None:
    style = replace(PLAIN, separators="through", column_blank_mm=1.1)
    found = read(draw_sheet(SIGNALS, LAYOUTS[layout], strips, style).image)
    assert (found.layout.name, found.rhythm_strips) == (layout, strips)
    apart_mm = [1.1 * column for column in range(len(LAYOUTS[layout].columns))]
    assert np.array(found.gaps_px) / PX_PER_MM == pytest.approx(apart_mm, abs=0.2)
    is_as_printed(found, SIGNALS)
