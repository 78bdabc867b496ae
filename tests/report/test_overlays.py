"""Pictures of an upload with boxes and curves over it."""

import io

import cv2
import numpy as np
import pytest
from fakes import install
from PIL import Image, ImageColor

from ecgapp import diagnose
from ecgapp.ecg import LEADS, RHYTHM_STRIP
from ecgapp.report import overlays, words
from ecgapp.synthesis.samples import draw_sample


@pytest.fixture
def _full_size(monkeypatch):
    """Draw on every pixel of the upload, so that places can be compared."""
    monkeypatch.setattr(overlays, "MAX_WIDTH_PX", 2213)


def test_no_picture_is_wider_than_the_browser_gets_it(read_sheet):
    marked = overlays.upload_with_leads(
        read_sheet.page, read_sheet.sheet, read_sheet.lead_probabilities
    )
    assert marked.width == overlays.MAX_WIDTH_PX < read_sheet.page.gray.shape[1]
    encoded = Image.open(io.BytesIO(overlays.jpeg(Image.fromarray(read_sheet.page.rgb))))
    assert encoded.size == marked.size
    assert encoded.format == "JPEG"


@pytest.fixture(scope="module")
def read_sheet():
    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        return diagnose(draw_sample("Normal rhythm"))


@pytest.mark.usefixtures("_full_size")
def test_each_box_is_tinted_by_its_leading_class(read_sheet):
    sheet = read_sheet.sheet
    marked = np.asarray(
        overlays.upload_with_leads(read_sheet.page, sheet, read_sheet.lead_probabilities)
    )
    assert marked.shape == read_sheet.page.rgb.shape
    wanted = np.array(ImageColor.getrgb(words.CLASS_STYLES["mi"].colour))
    for lead, box in sheet.boxes.items():
        y = round(sheet.baselines_px[lead])
        edge = marked[y, box.left + 1].astype(int)
        assert np.abs(edge - wanted).max() <= 2, lead


@pytest.mark.usefixtures("_full_size")
def test_the_curve_stays_visible_under_the_boxes(read_sheet):
    gray = read_sheet.sheet.gray
    marked = np.asarray(
        overlays.upload_with_leads(read_sheet.page, read_sheet.sheet, read_sheet.lead_probabilities)
    )
    box = read_sheet.sheet.boxes["aVL"]
    y = round(read_sheet.sheet.baselines_px["aVL"])
    inner = (slice(y - 40, y + 40), slice(box.left + 120, box.right - 20))
    ink = gray[inner] < 100
    assert ink.any()
    assert marked[inner].mean(axis=2)[ink].max() < marked[inner].mean(axis=2)[~ink].max() - 40


def test_boxes_of_neighbouring_rows_do_not_overlap_when_drawn(read_sheet):
    sheet = read_sheet.sheet
    bands = {lead: overlays.band(sheet, lead) for lead in sheet.boxes}
    assert bands["I"].bottom <= bands["II"].top
    assert bands["III"].bottom <= bands[RHYTHM_STRIP].top


@pytest.mark.usefixtures("_full_size")
def test_the_traced_curve_lies_on_the_ink_of_the_upload(read_sheet):
    drawn = np.asarray(
        overlays.upload_with_curves(read_sheet.page, read_sheet.sheet, read_sheet.leads)
    )
    curve = (drawn == overlays.CURVE_COLOUR).all(axis=2)
    near_ink = cv2.dilate((read_sheet.page.gray < 128).astype(np.uint8), np.ones((7, 7)))
    for lead in LEADS:
        box = read_sheet.sheet.boxes[lead]
        inside = (slice(box.top, box.bottom), slice(box.left, box.right))
        assert curve[inside].any(axis=0).mean() > 0.9, lead
    assert near_ink[curve].mean() > 0.98


def test_one_lead_is_shown_with_its_curve(read_sheet):
    box = read_sheet.sheet.boxes["V2"]
    picture = overlays.lead_with_curve(read_sheet.sheet, read_sheet.leads["V2"])
    assert picture.size == (box.right - box.left, box.bottom - box.top)
    assert (np.asarray(picture) == overlays.CURVE_COLOUR).all(axis=2).any(axis=0).mean() > 0.9


def test_header_is_black_and_the_curves_are_as_they_were():
    diagnosis = diagnose(draw_sample("Normal rhythm"))
    page, sheet = diagnosis.page, diagnosis.sheet
    hidden = overlays.without_header(page, sheet, diagnosis.leads).rgb
    top = min(box.top for box in sheet.boxes.values())
    # Printed above the curves: a title, a number.
    assert (page.rgb[: top - 80].min(axis=(1, 2)) < 100).any()
    assert not hidden[: top - 80].any()
    for name, box in sheet.boxes.items():
        baseline = round(sheet.baselines_px[name])
        # Four millimetres on either side of it.
        place = slice(baseline - 32, baseline + 32), slice(box.left, box.right)
        assert (hidden[place] == page.rgb[place]).all()
    assert overlays.without_header(page, sheet, {}) is page
