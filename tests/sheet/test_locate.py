import csv
import dataclasses
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from paths import DATA

from ecgapp.ecg import LEADS, PX_PER_MM, PX_PER_MV, PX_PER_S
from ecgapp.errors import Refusal
from ecgapp.io.pages import PageImage, read_page
from ecgapp.sheet.locate import locate
from ecgapp.synthesis.edan import render
from ecgapp.synthesis.simulate import PatientModel, simulate

KHAN = DATA / "khan"
WIDTH, HEIGHT = 2213, 1572
Picture = NDArray[np.uint8]


def page(gray: Picture) -> PageImage:
    return PageImage(np.repeat(gray[..., None], 3, axis=2), gray, "PNG")


def drawn(template: str, **patient: object) -> PageImage:
    picture = render(simulate(PatientModel(**patient)), template)  # type: ignore[arg-type]
    return page(np.array(picture.convert("L")))


@pytest.mark.parametrize(
    ("template", "layout", "strip"),
    [("3x4", "3x4", True), ("6x2", "6x2", False), ("6x2+rhythm", "6x2", True)],
)
@pytest.mark.parametrize("heart_rate_bpm", [45.0, 130.0])
def test_layout_and_places_of_drawn_sheets_are_found(
    template: str, layout: str, strip: bool, heart_rate_bpm: float
) -> None:
    sheet = locate(drawn(template, heart_rate_bpm=heart_rate_bpm))
    assert sheet.layout.name == layout
    assert sheet.has_rhythm_strip is strip
    assert set(sheet.boxes) == {*LEADS, *(["rhythm"] if strip else [])}
    seconds = {name: (box.right - box.left) / PX_PER_S for name, box in sheet.boxes.items()}
    assert seconds["V6"] == pytest.approx(2.5 if layout == "3x4" else 5, abs=0.01)
    assert not strip or seconds["rhythm"] == pytest.approx(10, abs=0.01)
    assert sheet.boxes["I"].right == sheet.boxes["aVR" if layout == "3x4" else "V1"].left
    rows = sheet.row_baselines_px
    assert rows == sorted(rows)


def test_a_page_that_is_shifted_a_little_is_found_where_it_is() -> None:
    gray = drawn("3x4").gray
    moved = np.full_like(gray, 255)
    moved[9:, 12:] = gray[:-9, :-12]
    here, there = locate(page(gray)), locate(page(moved))
    assert there.boxes["V3"].left - here.boxes["V3"].left == pytest.approx(12, abs=1)
    shift = there.baselines_px["V3"] - here.baselines_px["V3"]
    assert shift == pytest.approx(9, abs=1)


def blank(rng: np.random.Generator) -> Picture:
    return np.full((HEIGHT, WIDTH), 255, np.uint8)


def noise(rng: np.random.Generator) -> Picture:
    # Small, since there is much to look at in noise.
    return rng.integers(0, 256, (HEIGHT // 3, WIDTH // 3), dtype=np.uint8)


def photograph(rng: np.random.Generator) -> Picture:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    waves = sum(np.sin(x / a + y / b + c) for a, b, c in rng.uniform(40, 400, (6, 3)))
    return (127 + 20 * waves).clip(0, 255).astype(np.uint8)


def chest_radiograph(rng: np.random.Generator) -> Picture:
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    lungs = np.exp(-(((np.abs(x) - 0.4) / 0.25) ** 2) - (y / 0.6) ** 2)
    ribs = 0.15 * np.sin(40 * (y + 0.3 * x**2))
    return (200 - 150 * lungs + 60 * ribs).clip(0, 255).astype(np.uint8)


def text_page(rng: np.random.Generator) -> Picture:
    picture = blank(rng)
    for top in range(100, 1450, 34):
        for left in range(90, 2100, 14):
            if rng.random() < 0.8:
                picture[top : top + 20, left : left + 3] = 0
                picture[top + int(rng.integers(0, 17)) :][:3, left : left + 9] = 0
    return picture


def table_of_boxes(rng: np.random.Generator) -> Picture:
    picture = blank(rng)
    picture[100:1500:80, 60:2150] = 0
    picture[100:1500, 60:2150:90] = 0
    return picture


@pytest.mark.parametrize(
    "draw", [blank, noise, photograph, chest_radiograph, text_page, table_of_boxes]
)
def test_what_is_not_an_ecg_is_refused(draw: Callable[[np.random.Generator], Picture]) -> None:
    with pytest.raises(Refusal) as refusal:
        locate(page(draw(np.random.default_rng(0))))
    assert refusal.value.code in ("not_an_ecg", "unknown_layout")
    assert refusal.value.message.startswith("Finding the leads: ")


def test_a_page_of_another_size_is_read_as_well() -> None:
    whole = drawn("3x4")
    expected = locate(whole)
    sheet = locate(page(whole.gray[150:1540, 30:]))
    assert sheet.aligned
    assert sheet.layout.name == "3x4"
    assert set(sheet.boxes) == set(expected.boxes)
    for lead, box in sheet.boxes.items():
        at = cv2.perspectiveTransform(
            np.array([[[box.left, sheet.baselines_px[lead]]]], np.float64), sheet.to_upload
        )[0, 0]
        there = expected.boxes[lead].left - 30, expected.baselines_px[lead] - 150
        assert at == pytest.approx(there, abs=PX_PER_MM)


def test_rows_without_separators_are_still_read() -> None:
    located = locate(drawn("3x4"))
    gray = located.gray.copy()
    for lead in ("aVR", "V1", "V4"):
        left = located.boxes[lead].left
        gray[:, left - 6 : left + 7] = 255
    sheet = locate(page(gray))
    assert sheet.aligned
    assert sheet.layout.name == "3x4"
    assert sheet.boxes["V4"].left - sheet.boxes["I"].left == pytest.approx(7.5 * PX_PER_S, abs=3)


def test_missing_leads_are_named() -> None:
    located = locate(drawn("3x4"))
    gray = located.gray.copy()
    row, top = located.baselines_px["V5"], 200
    # All three leads of the last column but the separator that they begin at.
    gray[top : round(row + 4.5 * PX_PER_MV), located.boxes["V5"].left + 8 : 2140] = 255
    sheet = locate(page(gray))
    assert sheet.missing == ("V4", "V5", "V6")
    assert set(sheet.boxes) == {*LEADS, "rhythm"} - {"V4", "V5", "V6"}


def test_the_layout_is_right_on_real_sheets() -> None:
    if not KHAN.is_dir():
        pytest.skip("the data set is not at ../shared/data")
    rows = list(csv.DictReader((KHAN / "manifest.csv").open()))
    wanted = [row for row in rows if row["layout"].startswith("edan_")]
    for row in wanted[::12] + [row for row in wanted if row["layout"] == "edan_6x2"][::4]:
        sheet = locate(read_page((KHAN / "sheets" / row["file"]).read_bytes()))
        assert "edan_" + sheet.layout.name == row["layout"], row["file"]


def test_the_three_lead_rhythm_strips_in_the_data_are_refused() -> None:
    path = KHAN / "sheets" / "abnormal_heartbeat" / "HB(497).webp"
    if not path.is_file():
        pytest.skip("the data set is not at ../shared/data")
    with pytest.raises(Refusal, match="12-lead sheet"):
        locate(read_page(path.read_bytes()))


def test_the_class_says_nothing_about_the_place() -> None:
    """Header and footer may say anything."""
    sheet = drawn("3x4")
    gray = sheet.gray.copy()
    gray[:240], gray[1525:] = 255, 255
    assert locate(dataclasses.replace(sheet, gray=gray)).boxes == locate(sheet).boxes
