"""Sheets cut up as the studied sources do."""

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("rich", reason="the offline half is not installed")

from ecgapp.benchmark.published import prepare
from ecgapp.benchmark.published.inputs import INPUT_KINDS
from ecgapp.datasets.khan import LabelledSheet
from ecgapp.ecg import LEADS, RHYTHM_STRIP
from ecgapp.io.pages import read_page
from ecgapp.sheet.locate import locate
from ecgapp.synthesis.samples import draw_sample

SHEET_3X4, SHEET_6X2 = "Fast heart rate", "Irregular rhythm, six rows"
KINDS = ("leads_128", "leads_13x64", "page_128", "page_182x256")


@pytest.fixture(scope="module")
def pages() -> dict[str, bytes]:
    return {name: draw_sample(name) for name in (SHEET_3X4, SHEET_6X2)}


@pytest.mark.parametrize("name", [SHEET_3X4, SHEET_6X2])
def test_every_kind_has_its_shape(name: str, pages: dict[str, bytes]) -> None:
    found = prepare.read_sheet(pages[name])
    assert str(found["refusal"]) == ""
    assert str(found["layout"]) == ("3x4" if name == SHEET_3X4 else "6x2")
    for kind in KINDS:
        assert found[kind].dtype == np.uint8
        n_images = len(LEADS) if kind == "leads_128" else 1
        assert found[kind].shape == (n_images, *INPUT_KINDS[kind])
        assert np.ptp(found[kind]) > 100


def test_pages_stay_dark_on_white_and_leads_turn_bright_on_black(pages: dict[str, bytes]) -> None:
    found = prepare.read_sheet(pages[SHEET_3X4])
    assert np.median(found["page_182x256"]) > 200
    assert np.median(found["page_128"]) > 200
    assert np.median(found["leads_13x64"]) < 60
    for lead in found["leads_128"]:
        assert np.median(lead) == 0
        assert lead.max() == 255
        # Curve, name and separators alone: a grid would cover more.
        assert 0.005 < (lead > 0).mean() < 0.2


def test_a_missing_rhythm_strip_is_blank(pages: dict[str, bytes]) -> None:
    for name, blank in ((SHEET_3X4, False), (SHEET_6X2, True)):
        sheet = locate(read_page(pages[name]))
        assert (RHYTHM_STRIP not in sheet.boxes) == blank
        leads = prepare.thirteen_leads(sheet)[0]
        assert (leads[-1] == 0).all() == blank
        assert (leads[:-1].max(axis=(1, 2)) > 0).all()


def test_leads_of_both_layouts_are_drawn_to_one_scale(pages: dict[str, bytes]) -> None:
    widths = set()
    for page in pages.values():
        sheet = locate(read_page(page))
        widths |= {prepare._crop(sheet, lead).shape[1] for lead in LEADS}
    assert max(widths) - min(widths) <= 2


def test_the_curve_is_found_and_the_grid_is_not() -> None:
    crop = np.full((300, 400), 255, np.uint8)
    crop[::8, ::8] = 170  # the grid's dots
    crop[148:152] = 0  # a flat line
    crop[60:240, 200:204] = 0
    ink = prepare.find_ink(crop) == 255
    assert ink[148:152, 50:350].all()
    assert ink[70:230, 200:204].all()
    crop[148:152] = 255
    crop[60:240, 200:204] = 255
    assert not prepare.find_ink(crop).any()


def test_sheets_without_leads_are_kept_only_as_pages_of_another_device(
    tmp_path: Path, pages: dict[str, bytes]
) -> None:
    files = {"sheet.jpg": pages[SHEET_3X4], "text.webp": b"no picture"}
    blank = cv2.imencode(".png", np.full((1232, 952), 230, np.uint8))[1].tobytes()
    files["device.png"] = blank
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)

    def row(name: str, label: str, other_device: bool) -> LabelledSheet:
        return LabelledSheet(tmp_path / name, name, label, 3, 1, 2, other_device)

    rows = [
        row("sheet.jpg", "normal", False),
        row("text.webp", "mi", False),
        row("device.png", "covid_19", True),
    ]
    pages_read, refused = prepare.build_inputs(rows, "page_128", tmp_path / "cache")
    assert pages_read.sheet.tolist() == ["sheet.jpg", "device.png"]
    assert pages_read.layout.tolist() == ["3x4", "other"]
    assert pages_read.copies_in_v2.tolist() == [2, 2]
    assert list(refused) == [tmp_path / "text.webp"]

    leads_read, refused = prepare.build_inputs(rows, "leads_128", tmp_path / "cache")
    assert leads_read.lead.tolist() == list(LEADS)
    assert set(leads_read.sheet) == {"sheet.jpg"}
    assert set(refused) == {tmp_path / "text.webp", tmp_path / "device.png"}


def test_a_sheet_is_cut_up_once_for_all_kinds(
    tmp_path: Path, pages: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.jpg"
    page.write_bytes(pages[SHEET_6X2])
    first = prepare._cached_images(page, False, "leads_128", tmp_path)
    monkeypatch.setattr(prepare, "read_page", None)
    again = prepare._cached_images(page, False, "leads_128", tmp_path)
    np.testing.assert_array_equal(again.images, first.images)
    assert prepare._cached_images(page, False, "page_128", tmp_path).layout == "6x2"
