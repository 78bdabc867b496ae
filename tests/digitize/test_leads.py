from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from paths import DATA
from PIL import Image

from ecgapp.digitize.leads import INK_COVERAGE, binarize, cut_leads, model_windows
from ecgapp.ecg import LAYOUTS, LEADS, PX_PER_MV, PX_PER_S
from ecgapp.io.pages import PageImage, read_page
from ecgapp.sheet.locate import locate
from ecgapp.synthesis.draw import draw_sheet
from ecgapp.synthesis.edan import render
from ecgapp.synthesis.simulate import PatientModel, Signals, simulate

KHAN = DATA / "khan"


def page_of(signals: Signals, template: str) -> PageImage:
    rgb = np.array(render(signals, template))
    return PageImage(rgb, cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), "PNG")


def curve_mv(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Voltage of the ink furthest from the baseline, a pixel column at a time; NaN without ink."""
    middle = image.shape[0] / 2
    voltage = np.full(image.shape[1], np.nan)
    for x in range(image.shape[1]):
        rows = np.flatnonzero(image[:, x] == 0)
        if len(rows):
            up, down = middle - rows[0] - 2, middle - rows[-1] + 2
            voltage[x] = (up if abs(up) > abs(down) else down) / PX_PER_MV
    return voltage


@pytest.mark.parametrize("template", ["3x4", "6x2", "6x2+rhythm"])
@pytest.mark.parametrize("seed", [1, 2])
def test_every_lead_holds_its_own_curve_and_nothing_else(template: str, seed: int) -> None:
    signals = simulate(PatientModel(heart_rate_bpm=75, seed=seed))
    sheet = locate(page_of(signals, template))
    leads = cut_leads(sheet)
    assert set(leads) == set(sheet.boxes)
    for name in LEADS:
        image = np.asarray(leads[name].image)
        _, column = sheet.layout.place(name)
        start = column * sheet.layout.seconds_per_column
        seconds = start + np.arange(image.shape[1]) / PX_PER_S
        times = np.arange(len(signals.leads[name])) / signals.sampling_rate_hz
        expected = np.interp(seconds, times, signals.leads[name])
        found = curve_mv(image)
        inside = slice(8, -8)  # the separator lines are left out
        assert np.isfinite(found[inside]).mean() > 0.98, name
        error = np.abs(found - expected)[inside]
        assert np.nanmedian(error) < 0.04, name
        assert np.nanmean(error > 0.25) < 0.08, name


def test_preprocessing_is_gaussian_then_otsu_then_binary() -> None:
    signals = simulate(PatientModel())
    sheet = locate(page_of(signals, "3x4"))
    box = sheet.boxes["aVF"]
    crop = sheet.gray[box.top : box.bottom, box.left : box.right]
    smooth = cv2.GaussianBlur(crop, (0, 0), 1.0)
    threshold, _ = cv2.threshold(smooth, 0, 255, cv2.THRESH_OTSU)
    np.testing.assert_array_equal(binarize(crop), np.where(smooth > threshold, 255, 0))
    lead = cut_leads(sheet)["aVF"]
    assert lead.image.mode == "L"
    image = np.asarray(lead.image)
    assert set(np.unique(image)) == {0, 255}
    # Ink is only taken out, never added.
    assert not ((image == 0) & (binarize(crop) == 255)).any()


def test_names_and_separators_are_left_out() -> None:
    flat = simulate(PatientModel())
    still = Signals(flat.sampling_rate_hz, {name: 0 * flat.leads[name] for name in LEADS})
    leads = cut_leads(locate(page_of(still, "3x4")))
    for name, lead in leads.items():
        rows, _ = np.nonzero(np.asarray(lead.image) == 0)
        middle = lead.image.height / 2
        assert np.abs(rows - middle).max() < 8, name


def test_a_tall_neighbour_is_left_out() -> None:
    signals = simulate(PatientModel())
    quiet = dict(signals.leads)
    times = np.arange(len(quiet["V2"])) / signals.sampling_rate_hz
    # Spikes of V1 reach far into the box of V2, whose own curve is flat.
    quiet["V1"] = np.where(np.abs((times % 1) - 0.5) < 0.02, -1.6, 0).astype(np.float32)
    quiet["V2"] = np.zeros_like(quiet["V1"])
    leads = cut_leads(locate(page_of(Signals(signals.sampling_rate_hz, quiet), "6x2+rhythm")))
    spikes = curve_mv(np.asarray(leads["V1"].image)[:, 8:-8])
    flat = curve_mv(np.asarray(leads["V2"].image)[:, 8:-8])
    assert np.nanmin(spikes) < -1.5
    assert np.nanmean(np.abs(flat) < 0.15) > 0.99


@pytest.mark.parametrize("lead", ["II", "V3"])
def test_windows_show_the_same_seconds_and_millivolts_in_either_layout(lead: str) -> None:
    signals = simulate(PatientModel(heart_rate_bpm=60))
    long = cut_leads(locate(page_of(signals, "6x2+rhythm")))[lead]
    short = cut_leads(locate(page_of(signals, "3x4")))[lead]
    windows, window = model_windows(long), model_windows(short)
    assert windows.shape == (2, 150, 150)
    assert window.shape == (1, 150, 150)
    assert windows.dtype == np.uint8
    assert set(np.unique(windows)) == {0, 255}
    # II and V3 are printed from 0 s and 5 s in 3x4: where their 6x2 column begins.
    both = (windows[0] > 0) & (window[0] > 0)
    either = (windows[0] > 0) | (window[0] > 0)
    assert both.sum() / either.sum() > 0.7


def test_a_window_is_the_whole_lead_made_small() -> None:
    lead = cut_leads(locate(page_of(simulate(PatientModel()), "3x4")))["V2"]
    ink = 255 - np.asarray(lead.image)
    whole = cv2.resize(ink, (150, 150), interpolation=cv2.INTER_AREA)
    assert np.array_equal(model_windows(lead)[0] > 0, whole >= INK_COVERAGE * 255)
    empty = replace(lead, image=Image.new("L", lead.image.size, 255))
    assert not model_windows(empty).any()


def test_a_rhythm_strip_is_one_window_of_ten_seconds() -> None:
    leads = cut_leads(locate(page_of(simulate(PatientModel()), "3x4")))
    assert model_windows(leads["rhythm"]).shape == (1, 150, 150)


def test_in_real_sheets_limb_leads_add_up_as_einthoven_says() -> None:
    """A crop under the wrong name, or one that lost its curve, would break II = I + III."""
    if not KHAN.is_dir():
        pytest.skip("the data set is not at ../shared/data")
    residuals = []
    for path in sorted((KHAN / "sheets").glob("[amn]*/*.webp"))[::29]:
        leads = cut_leads(locate(read_page(path.read_bytes())))
        one, two, three = (curve_mv(np.asarray(leads[n].image)[:, 8:470]) for n in LEADS[:3])
        residuals.append(
            np.nanmedian(
                np.abs(
                    (two - np.nanmedian(two))
                    - (one - np.nanmedian(one))
                    - (three - np.nanmedian(three))
                )
            )
        )
    assert len(residuals) > 30
    assert np.quantile(residuals, 0.95) < 0.06


def test_leads_keep_their_ends_where_the_page_cuts_another_column() -> None:
    drawn = draw_sheet(simulate(PatientModel()), LAYOUTS["3x4"], (), px_per_mm=8.0)
    left, _, right, _ = drawn.truth.boxes_mm["V4"]
    page = np.asarray(drawn.image)[:, : round(8 * (right - 0.15 * (right - left)))]
    gray = np.asarray(cv2.cvtColor(page, cv2.COLOR_RGB2GRAY), np.uint8)
    sheet = locate(PageImage(page, gray, "PNG"))
    leads = cut_leads(sheet)
    for name in ("I", "aVR", "V1"):
        inked = np.flatnonzero((leads[name].curve < 128).any(axis=0))
        assert inked[-1] > 0.97 * leads[name].curve.shape[1]
