"""The drawn sheets, and whether what is told about them is true."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ecgapp.cli.main import main
from ecgapp.ecg import LAYOUTS, LEADS, Signals
from ecgapp.io.signals_csv import read_signals_csv, write_signals_csv
from ecgapp.synthesis.degrade import Degradation, degrade, photograph, scan
from ecgapp.synthesis.draw import DrawnSheet, SheetTruth, draw_sheet, strip_names
from ecgapp.synthesis.edan import render
from ecgapp.synthesis.simulate import PatientModel, simulate
from ecgapp.synthesis.vendors import VENDORS

ROUGH = Degradation(
    tilt_deg=-11.0,
    perspective_deg=20.0,
    crop_mm=(-12.0, -6.0, 305.0, 215.0),
    width_px=1600,
    shadow=0.3,
    light_rgb=(0.95, 0.9, 0.82),
    blur_px=0.7,
    noise=3.0,
    jpeg_quality=60,
)


# `photograph` with this seed shows the rows of curves only.
CURVES_ONLY_SEED = 1


def flat(value_mv: float = 0.0) -> Signals:
    return Signals(500, {lead: np.full(5000, value_mv, dtype=np.float32) for lead in LEADS})


def spiky(height_mv: float = 1.0) -> Signals:
    """Every lead with a symmetric spike, 24 ms wide, 1.7 s into every 2.5 s."""
    signals = flat()
    spike = height_mv * (1 - np.abs(np.arange(-6, 7)) / 6)
    for lead in LEADS:
        for centre in range(850, 5000, 1250):
            signals.leads[lead][centre - 6 : centre + 7] = spike
    return signals


@cache
def spiky_sheet(
    vendor: str = "blank", strips: tuple[str, ...] = (), px_per_mm: float = 5
) -> DrawnSheet:
    """A sheet of `spiky` that tests share; what degrades it draws a new one."""
    return draw_sheet(spiky(), LAYOUTS["3x4"], strips, VENDORS[vendor], px_per_mm=px_per_mm)


@cache
def heart_sheet() -> DrawnSheet:
    return draw_sheet(simulate(PatientModel()), LAYOUTS["3x4"], ("II",), px_per_mm=4)


def darkness(drawn: DrawnSheet, points_mm: np.ndarray) -> np.ndarray:
    """Darkness of the picture at points of the paper, bilinear, 0 to 255."""
    x, y = drawn.truth.to_image(points_mm).T
    corner = int(x.min()) - 1, int(y.min()) - 1
    part = drawn.image.crop((*corner, int(x.max()) + 3, int(y.max()) + 3))
    gray = 255.0 - np.asarray(part.convert("L"))
    x, y = x - corner[0], y - corner[1]
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right_share, lower_share = x - left, y - top
    return (
        gray[top, left] * (1 - right_share) * (1 - lower_share)
        + gray[top, left + 1] * right_share * (1 - lower_share)
        + gray[top + 1, left] * (1 - right_share) * lower_share
        + gray[top + 1, left + 1] * right_share * lower_share
    )


def ink_offset_mm(drawn: DrawnSheet, at_mm: tuple[float, float], along: str) -> float:
    """How far right of (along x) or below (along y) a point the middle of the ink there lies."""
    offsets = np.linspace(-1.6, 1.6, 129)
    line_mm = np.tile(at_mm, (len(offsets), 1))
    line_mm[:, 0 if along == "x" else 1] += offsets
    ink = darkness(drawn, line_mm)
    # Half of the way from the paper, grid included, to the pen.
    ink = np.clip(ink - (np.median(ink) + ink.max()) / 2, 0, None)
    return float((ink * offsets).sum() / ink.sum())


def curve_errors_mm(drawn: DrawnSheet) -> np.ndarray:
    """Errors of the truth about a sheet of `spiky`: of baselines in y and of spikes in x."""
    truth = drawn.truth
    errors = []
    for name, (left, _, right, _) in truth.boxes_mm.items():
        baseline = truth.baselines_mm[name]
        up = -1 if name in truth.layout.inverted else 1
        after_s = 1.7 if right - left < 11 * truth.speed_mm_per_s else 4.2
        spike_mm = left + after_s * truth.speed_mm_per_s
        # Halfway up, where neither grid line nor lead name lies.
        height_mm = up * 0.45 * truth.gain_mm_per_mv
        errors.append(ink_offset_mm(drawn, (spike_mm, baseline - height_mm), "x"))
        errors.append(ink_offset_mm(drawn, (spike_mm + 0.35 * truth.speed_mm_per_s, baseline), "y"))
    return np.abs(errors)


@pytest.mark.parametrize(
    ("name", "strips"),
    [
        ("3x4", ()),
        ("3x4", ("V1", "II", "V5")),
        ("6x2", ("II",)),
        ("12x1", ("V1", "II", "V5")),
        ("3x4-cabrera", ("II",)),
        ("6x2-cabrera", ("V1", "II", "V5")),
        ("12x1-cabrera", ()),
    ],
)
def test_every_layout_has_all_leads_where_its_columns_say(name, strips):
    layout = LAYOUTS[name]
    truth = draw_sheet(flat(), layout, strips, px_per_mm=4).truth
    assert truth.layout == layout
    assert truth.rhythm_strips == strips
    assert set(truth.boxes_mm) == set(truth.baselines_mm) == {*LEADS, *strip_names(strips)}
    start_mm = min(box[0] for box in truth.boxes_mm.values())
    for lead in LEADS:
        row, column = layout.place(lead)
        left, top, right, bottom = truth.boxes_mm[lead]
        assert left - start_mm == pytest.approx(25 * column * layout.seconds_per_column)
        assert right - left == pytest.approx(25 * layout.seconds_per_column)
        assert top < truth.baselines_mm[lead] < bottom
        above = sum(y < truth.baselines_mm[lead] - 1 for y in set(truth.baselines_mm.values()))
        assert above == row
    strip_ys = [truth.baselines_mm[name] for name in strip_names(strips)]
    lead_ys = [truth.baselines_mm[lead] for lead in LEADS]
    assert [*strip_ys] == sorted(strip_ys)
    assert not strip_ys or min(strip_ys) > max(lead_ys)


@pytest.mark.parametrize(
    ("strips", "names"),
    [
        ((), ()),
        (("II",), ("rhythm",)),
        (("V1",), ("rhythm",)),
        (("II", "V1", "V5"), ("rhythm", "rhythm_2", "rhythm_3")),
        (("V1", "II", "V5"), ("rhythm_2", "rhythm", "rhythm_3")),
        (("V1", "V2", "V5"), ("rhythm_2", "rhythm_3", "rhythm")),
    ],
)
def test_the_strip_of_lead_ii_or_the_lowest_is_the_rhythm_strip(strips, names):
    assert strip_names(strips) == names


def test_more_than_three_strips_are_an_error():
    with pytest.raises(ValueError, match="4 rhythm strips"):
        draw_sheet(flat(), LAYOUTS["3x4"], ("I", "II", "III", "V1"))


@pytest.mark.parametrize("vendor", VENDORS)
def test_curves_lie_where_the_truth_says_before_and_after_degradation(vendor):
    drawn = spiky_sheet(vendor, ("II",), px_per_mm=6)
    assert np.max(curve_errors_mm(drawn)) < 0.1
    assert np.max(curve_errors_mm(degrade(drawn, ROUGH, seed=3))) < 0.15


@pytest.mark.parametrize(
    ("layout", "speed", "gain", "px_per_mm"),
    [
        ("3x4", 25, 5, 6),
        ("6x2", 50, 10, 4),
        ("12x1", 25, 20, 9.7),
        ("3x4-cabrera", 50, 10, 4),
        ("6x2-cabrera", 25, 20, 9.7),
        ("12x1-cabrera", 25, 5, 6),
    ],
)
def test_every_scale_is_drawn_as_the_truth_says(layout, speed, gain, px_per_mm):
    drawn = draw_sheet(
        spiky(8 / gain), LAYOUTS[layout], ("II",), VENDORS["blank"], speed, gain, px_per_mm
    )
    errors = np.array(
        [
            ink_offset_mm(drawn, (box[0] + 1.2 * speed, drawn.truth.baselines_mm[name]), "y")
            for name, box in drawn.truth.boxes_mm.items()
        ]
    )
    assert np.abs(errors).max() < 0.15
    # The rhythm strip's spike of 8 mm is drawn 6.7 s after its beginning.
    left, baseline = drawn.truth.boxes_mm["rhythm"][0], drawn.truth.baselines_mm["rhythm"]
    spike = left + 6.7 * speed, baseline - 5.0
    assert abs(ink_offset_mm(drawn, spike, "x")) < 0.15
    assert drawn.truth.page_mm[0] == pytest.approx(297 + 10 * (speed - 25), abs=0.15)


def test_columns_that_stand_apart_show_their_whole_seconds_on_a_wider_page():
    apart = replace(VENDORS["blank"], column_blank_mm=6)
    usual = spiky_sheet("blank", ("II",)).truth
    drawn = draw_sheet(spiky(), LAYOUTS["3x4"], ("II",), apart, px_per_mm=5)
    assert drawn.truth.page_mm[0] == pytest.approx(usual.page_mm[0] + 18)
    for column, lead in enumerate(("I", "aVR", "V1", "V4")):
        left, _, right, _ = drawn.truth.boxes_mm[lead]
        assert left == pytest.approx(usual.boxes_mm[lead][0] + 6 * column)
        assert right - left == pytest.approx(62.5)
        assert drawn.truth.shown_s[lead] == (2.5 * column, 2.5 * (column + 1))
    assert drawn.truth.boxes_mm["rhythm"] == usual.boxes_mm["rhythm"]
    assert np.max(curve_errors_mm(drawn)) < 0.1


def test_a_pen_that_lifts_early_leaves_a_blank_before_the_next_column():
    lifting = replace(VENDORS["blank"], pen_lift_s=0.2, separators="none", name_place="below")
    drawn = draw_sheet(spiky(), LAYOUTS["3x4"], ("II",), lifting, px_per_mm=5)
    truth = drawn.truth
    assert truth.boxes_mm == spiky_sheet("blank", ("II",)).truth.boxes_mm
    assert truth.shown_s["aVF"] == pytest.approx((2.5, 4.8))
    assert truth.shown_s["rhythm"] == (0.0, 10.0)
    assert np.max(curve_errors_mm(drawn)) < 0.1
    for lead in LEADS:
        x, y = truth.x_mm(lead, truth.shown_s[lead][1]), truth.baselines_mm[lead]
        shown = darkness(drawn, np.array([[x - 1, y], [x + 1, y], [x + 4, y]]))
        assert (shown > 100).tolist() == [True, False, False]


def test_a_photograph_of_the_curves_alone_keeps_names_that_stand_far_left():
    far = replace(VENDORS["blank"], name_place="margin", names_left_mm=24, curves_left_mm=30)
    drawn = draw_sheet(spiky(), LAYOUTS["6x2"], (), far, px_per_mm=4)
    seen = photograph(drawn, seed=CURVES_ONLY_SEED)
    size = np.array(seen.image.size)

    def inside(points_mm: np.ndarray) -> np.ndarray:
        places = seen.truth.to_image(points_mm)
        return ((places > 0) & (places < size - 1)).all(axis=1)

    assert not inside(np.array([[0.0, 0.0], [0.0, 210.0]])).any()
    left = seen.truth.curves_mm[0]
    names = np.array([box for _, box in seen.truth.names_mm if box[0] < left])
    assert len(names) == 6
    assert inside(names[:, [0, 3]]).all()


def test_five_seconds_at_twice_the_speed_are_as_wide_as_ten():
    drawn = draw_sheet(spiky(), LAYOUTS["3x4"], ("II",), VENDORS["blank"], 50, seconds=5)
    usual = spiky_sheet("blank", ("II",)).truth
    truth = drawn.truth
    assert truth.seconds == 5
    assert truth.page_mm[0] == pytest.approx(usual.page_mm[0], abs=0.2)
    for name, box in usual.boxes_mm.items():
        assert truth.boxes_mm[name] == pytest.approx(box)
    assert truth.shown_s["V4"] == (3.75, 5.0)
    # Spikes stand at 1.7 and 4.2 s.
    for name, time_s in (("aVR", 1.7), ("V4", 4.2), ("rhythm", 4.2)):
        spike = truth.x_mm(name, time_s), truth.baselines_mm[name] - 4.5
        assert abs(ink_offset_mm(drawn, spike, "x")) < 0.1


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_quarter_turns_go_clockwise_and_keep_the_truth(turns):
    drawn = spiky_sheet()
    turned = degrade(drawn, Degradation(quarter_turns=turns), seed=0)
    expected = np.rot90(np.asarray(drawn.image), -turns)
    np.testing.assert_array_equal(np.asarray(turned.image), expected)
    assert np.max(curve_errors_mm(turned)) < 0.15


def test_shrinking_a_sharp_sheet_keeps_the_truth():
    drawn = spiky_sheet(px_per_mm=12)
    shrunk = degrade(drawn, Degradation(width_px=1300), seed=0)
    assert np.median(curve_errors_mm(shrunk)) < 0.03


def test_no_degradation_leaves_the_picture_alone():
    drawn = draw_sheet(simulate(PatientModel()), LAYOUTS["6x2"], px_per_mm=5.3)
    same = degrade(drawn, Degradation(), seed=5)
    np.testing.assert_array_equal(np.asarray(same.image), np.asarray(drawn.image))
    np.testing.assert_allclose(same.truth.mm_to_image, drawn.truth.mm_to_image, atol=1e-9)


@pytest.mark.parametrize("take", [photograph, scan])
def test_a_seed_fixes_the_picture(take):
    drawn = heart_sheet()
    first, again, other = take(drawn, 4), take(drawn, 4), take(drawn, 8)
    np.testing.assert_array_equal(np.asarray(first.image), np.asarray(again.image))
    np.testing.assert_array_equal(first.truth.mm_to_image, again.truth.mm_to_image)
    assert not np.allclose(first.truth.mm_to_image, other.truth.mm_to_image)


def corners(truth: SheetTruth) -> np.ndarray:
    left, top, right, bottom = truth.curves_mm
    return truth.to_image(np.array([[left, top], [right, top], [right, bottom], [left, bottom]]))


@pytest.mark.parametrize(
    ("take", "seed"), [(photograph, 0), (photograph, 1), (photograph, 4), (scan, 1), (scan, 4)]
)
def test_photographs_and_scans_show_all_curves_sharp_enough_where_the_truth_says(take, seed):
    vendor = list(VENDORS)[2 * seed]
    picture = take(spiky_sheet(vendor, ("II",), px_per_mm=6), seed)
    seen = corners(picture.truth)
    assert (seen > 0).all()
    assert (seen < np.array(picture.image.size) - 1).all()
    sides_px = np.hypot(*(seen - np.roll(seen, 1, axis=0)).T)
    assert sides_px[[1, 3]].min() / 250 > 4
    assert max(picture.image.size) <= 7000
    # Names, pens and stains may lie over the odd spike; paper curls by 0.2 mm.
    assert np.median(curve_errors_mm(picture)) < 0.3


def test_width_and_crop_frame_the_picture():
    drawn = draw_sheet(flat(), LAYOUTS["3x4"], px_per_mm=5)
    left, top, right, bottom = drawn.truth.curves_mm
    cropped = degrade(drawn, Degradation(crop_mm=drawn.truth.curves_mm, width_px=1500), seed=0)
    height_px = round(1500 * (bottom - top) / (right - left))
    assert cropped.image.size == (1500, height_px)
    np.testing.assert_allclose(
        corners(cropped.truth),
        np.array([[0, 0], [1500, 0], [1500, height_px], [0, height_px]]) - 0.5,
        atol=0.6,
    )


@pytest.mark.parametrize(
    "degradation",
    [
        Degradation(stains=2),
        Degradation(handwriting=3),
        Degradation(folds=4),
        Degradation(shadow=0.4),
        Degradation(light_rgb=(0.9, 0.8, 0.7)),
        Degradation(grey=True),
        Degradation(blur_px=1.0),
        Degradation(noise=4.0),
        Degradation(jpeg_quality=30),
        Degradation(curl_mm=0.4),
    ],
    ids=lambda degradation: next(
        name for name, value in vars(degradation).items() if value != getattr(Degradation(), name)
    ),
)
def test_each_harm_shows_and_leaves_the_sheet_readable(degradation):
    drawn = spiky_sheet("pink")
    harmed = degrade(drawn, degradation, seed=1)
    before = np.asarray(drawn.image).astype(int)
    after = np.asarray(harmed.image).astype(int)
    assert after.shape == before.shape
    assert (np.abs(after - before) > 3).mean() > 0.0005
    if not (degradation.stains or degradation.handwriting):
        assert curve_errors_mm(harmed).max() < 0.5
    if degradation.grey:
        assert np.ptp(after, axis=2).max() == 0


def test_cabrera_prints_avr_upside_down_under_its_name_with_a_minus():
    signals = flat()
    signals.leads["aVR"][:] = 0.5
    drawn = draw_sheet(signals, LAYOUTS["12x1-cabrera"], (), VENDORS["beige"])
    left, _, right, _ = drawn.truth.boxes_mm["aVR"]
    below = (left + right) / 2, drawn.truth.baselines_mm["aVR"] + 5.0
    assert abs(ink_offset_mm(drawn, below, "y")) < 0.1
    widths = {}
    for layout in ("12x1", "12x1-cabrera"):
        picture = draw_sheet(flat(np.nan), LAYOUTS[layout], (), VENDORS["beige"])
        y = picture.truth.baselines_mm["aVR"]
        x_mm = np.linspace(left - 10, left - 1, 200)
        name_mm = np.array([[x, y + dy] for dy in np.linspace(-1, 1, 15) for x in x_mm])
        dark = (darkness(picture, name_mm) > 140).reshape(15, -1).any(axis=0)
        widths[layout] = np.ptp(x_mm[dark])
    assert widths["12x1-cabrera"] > widths["12x1"] + 0.5


def test_the_pen_is_lifted_where_a_lead_is_not_known_or_the_recording_ends():
    signals = Signals(500, {lead: np.zeros(2000, dtype=np.float32) for lead in LEADS})
    signals.leads["aVL"][:] = np.nan
    drawn = draw_sheet(signals, LAYOUTS["3x4"], ("II",), VENDORS["blank"])

    def ink_at(name: str, after_s: float) -> float:
        x_mm = drawn.truth.boxes_mm[name][0] + 25 * after_s
        return float(darkness(drawn, np.array([[x_mm, drawn.truth.baselines_mm[name]]]))[0])

    assert ink_at("aVL", 1.0) == 0
    assert ink_at("aVF", 1.0) > 200
    assert ink_at("rhythm", 3.9) > 200
    assert ink_at("rhythm", 4.1) == 0


@pytest.mark.parametrize(
    ("vendor", "after_left_mm", "gain"),
    [
        ("pink", -4.5, 5),
        ("pink", -4.5, 20),
        ("dotted", -3.0, 10),
        ("orange", 254.5, 20),
        ("bars", 0, 10),
    ],
)
def test_a_calibration_pulse_of_one_millivolt_stands_at_the_vendors_side(
    vendor, after_left_mm, gain
):
    drawn = draw_sheet(flat(), LAYOUTS["3x4"], ("II",), VENDORS[vendor], gain_mm_per_mv=gain)
    top_mm = drawn.truth.baselines_mm["rhythm"] - gain
    at_mm = drawn.truth.boxes_mm["rhythm"][0] + after_left_mm, top_mm
    if VENDORS[vendor].pulse == "none":
        assert darkness(drawn, np.array([at_mm]))[0] < 120
    else:
        assert abs(ink_offset_mm(drawn, at_mm, "y")) < 0.15


@pytest.mark.parametrize("vendor", [name for name in VENDORS if VENDORS[name].grid])
def test_the_grid_has_lines_every_millimetre_and_stronger_ones_every_five(vendor):
    picture = draw_sheet(flat(np.nan), LAYOUTS["3x4"], (), VENDORS[vendor], px_per_mm=10)
    grid = VENDORS[vendor].grid
    left, top, *_ = grid.margins_mm
    # Free of text: right of the first column's names, from a coarse line on.
    corner = left + 45, top + 50

    def mean_darkness(x_mm: np.ndarray, y_mm: np.ndarray) -> float:
        points = np.array([[corner[0] + x, corner[1] + y] for x in x_mm for y in y_mm])
        return float(darkness(picture, points).mean())

    fine = np.array([1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14])
    assert mean_darkness(fine, fine) > mean_darkness(fine + 0.5, fine + 0.25) + 5
    # Between the dots, where the fine grid is one of dots.
    coarse = mean_darkness(np.array([0, 5, 10]), fine + 0.5)
    assert coarse > mean_darkness(fine, fine + 0.5) + 5


def test_vendors_look_different():
    looks = [np.asarray(spiky_sheet(name, ("II",), px_per_mm=6).image) for name in VENDORS]
    means = np.array([look.reshape(-1, 3).mean(axis=0) for look in looks])
    distances = np.abs(means[:, None] - means).max(axis=2)[~np.eye(len(means), dtype=bool)]
    assert len(VENDORS) >= 6
    assert np.median(distances) > 10


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "signals.csv"
    path.write_text(write_signals_csv(simulate(PatientModel())))
    return path


@pytest.mark.parametrize("layout", ["3x4", "6x2"])
def test_the_command_without_options_draws_the_native_page(table, tmp_path, layout):
    page = tmp_path / "page.png"
    assert main(["render", str(table), "-o", str(page), "--layout", layout]) == 0
    expected = render(read_signals_csv(table.read_bytes()), layout)
    np.testing.assert_array_equal(np.asarray(Image.open(page)), np.asarray(expected))


@pytest.mark.parametrize(
    ("options", "size"),
    [
        (["--layout", "12x1-cabrera", "--strips", "II,V1,V5", "--vendor", "green"], (2339, 1654)),
        (["--layout", "6x2", "--vendor", "red", "--speed", "50", "--gain", "5"], (4307, 1654)),
    ],
)
def test_the_command_draws_sheets_of_other_machines(table, tmp_path, options, size):
    page = tmp_path / "page.png"
    assert main(["render", str(table), "-o", str(page), *options]) == 0
    assert Image.open(page).size == size


def test_the_command_photographs(table, tmp_path):
    pages = [tmp_path / "4.jpg", tmp_path / "8.jpg"]
    for page in pages:
        assert main(["render", str(table), "-o", str(page), "--photo", page.stem]) == 0
    assert pages[0].read_bytes() != pages[1].read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        ["--strips", "II,V7"],
        ["--strips", "I,II,III,V1"],
        ["--vendor", "nobody"],
        ["--speed", "30"],
        ["--photo", "-1"],
    ],
)
def test_options_that_no_machine_has_are_wrong_usage(table, tmp_path, options):
    with pytest.raises(SystemExit) as stop:
        main(["render", str(table), "-o", str(tmp_path / "page.png"), *options])
    assert stop.value.code == 2


def test_the_native_template_with_a_strip_takes_no_other_option(table, tmp_path, capsys):
    page = tmp_path / "page.png"
    options = ["--layout", "6x2+rhythm", "--vendor", "red"]
    assert main(["render", str(table), "-o", str(page), *options]) == 2
    assert "6x2+rhythm" in capsys.readouterr().err
    assert not page.exists()


def test_a_curve_that_leaves_the_paper_ends_at_its_edge():
    leads = dict(simulate(PatientModel()).leads)
    leads["V1"] = leads["V1"].copy()
    leads["V1"][2500:2600] = 1e9
    spike = np.asarray(draw_sheet(Signals(500, leads), LAYOUTS["3x4"]).image.convert("L"))
    leads["V1"][2500:2600] = 30.0
    high = np.asarray(draw_sheet(Signals(500, leads), LAYOUTS["3x4"]).image.convert("L"))
    np.testing.assert_array_equal(spike, high)
