"""A confusion matrix to take along, and the sheets behind its cells."""

import re
import xml.etree.ElementTree as ET

import numpy as np

from ecgapp.evaluation.predictions import Predictions
from ecgapp.report import confusion

CLASSES = ("normal", "mi")
COUNTS = np.array([[3, 0], [1, 2]])


def predictions() -> Predictions:
    labels = np.array(["normal"] * 3 + ["mi"] * 3)
    p_mi = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.9])
    return Predictions(
        classes=CLASSES,
        sheet=np.array([f"{number:064d}" for number in range(6)]),
        label=labels,
        layout=np.full(6, "3x4"),
        session=np.arange(6),
        fold=np.zeros(6, int),
        lead=np.full(6, ""),
        probabilities=np.stack([1 - p_mi, p_mi], axis=1),
    )


def test_tiles_show_counts_and_row_percentages():
    shown = confusion.confusion_tiles(COUNTS, CLASSES, "Whole sheets")
    assert "<b>3</b><br>100%" in shown
    assert "<b>1</b><br>33%" in shown
    assert "Whole sheets" in shown


def test_picture_and_table_shade_a_tile_alike():
    shown = confusion.confusion_tiles(COUNTS, CLASSES, "Matrix")
    picture = ET.fromstring(confusion.confusion_svg(COUNTS, CLASSES, "Matrix"))
    fills = [tile.get("fill") for tile in picture.iter("{http://www.w3.org/2000/svg}rect")][1:]
    assert fills == re.findall(r"background:(#[0-9A-F]{6})", shown)


def test_cells_that_hold_sheets_can_be_pressed_and_say_what_they_hold():
    tiles = confusion.confusion_tiles(COUNTS, CLASSES, "Matrix", to_press=True)
    assert tiles.count("<button") == 3
    assert "data-cell='1,0'" in tiles
    assert "Labelled MI, read as N: 1 sheets" in tiles
    assert "<button" not in confusion.confusion_tiles(COUNTS, CLASSES, "Matrix")


def test_a_cell_lists_its_sheets_by_number_the_surest_first():
    rows = confusion.sheet_rows(predictions(), (1, 1))
    assert [row["Session"] for row in rows] == ["5", "4"]
    assert rows[0]["Sheet"] == "0" * confusion.NUMBER_CHARACTERS
    assert rows[0]["MI"] == "90%"
    assert not confusion.sheet_rows(predictions(), (0, 1))
    own = confusion.sheet_rows(predictions(), (1, 1), by_file=True)
    assert list(own[0]) == ["File", "Layout", "N", "MI"]
    assert own[0]["File"].endswith("5")


def test_what_a_browser_sends_is_a_cell_of_the_matrix_or_nothing():
    assert confusion.cell_of("1,0", 2) == (1, 0)
    for sent in (None, "", "1", "2,0", "-1,0", "a,b", {"row": 1}):
        assert confusion.cell_of(sent, 2) is None


def test_the_matrix_is_a_table_and_a_picture():
    assert confusion.confusion_rows(COUNTS, CLASSES)[1] == {
        "Labelled": "MI",
        "Read as N": "1",
        "Read as MI": "2",
    }
    picture = ET.fromstring(confusion.confusion_svg(COUNTS, CLASSES, "A <matrix>"))
    said = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "67%" in said
    assert "3" in said
