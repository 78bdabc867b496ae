"""Whether pictures of sheets come out upright, flat, at canonical scale and without their grid."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paths import DATA
from PIL import Image, ImageDraw

from ecgapp.ecg import LAYOUTS, LEADS, PX_PER_MM, Signals
from ecgapp.errors import Refusal
from ecgapp.io.pages import PageImage
from ecgapp.sheet.rectify import align as rectify
from ecgapp.sheet.rectify.align import AlignedPage, align, enlarged
from ecgapp.sheet.rectify.grid import Grid, find_grid
from ecgapp.synthesis.degrade import Degradation, degrade, photograph
from ecgapp.synthesis.draw import DrawnSheet, draw_sheet
from ecgapp.synthesis.simulate import PatientModel, simulate
from ecgapp.synthesis.vendors import VENDORS, GridStyle

PHOTOS = DATA / "photos"
SIGNALS = simulate(PatientModel(heart_rate_bpm=66, seed=4))


@cache
def drawn_sheet(vendor: str) -> DrawnSheet:
    return draw_sheet(SIGNALS, LAYOUTS["3x4"], ("II",), VENDORS[vendor], px_per_mm=5.0)


def page_of(image: Image.Image | np.ndarray) -> PageImage:
    rgb = np.asarray(image)
    return PageImage(rgb, np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8), "PNG")


def through(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return cv2.perspectiveTransform(points[:, None].astype(np.float64), matrix)[:, 0]


def points_among_curves(drawn: DrawnSheet) -> np.ndarray:
    """Points spread over the curves, millimetres of the true paper."""
    left, top, right, bottom = drawn.truth.curves_mm
    x, y = np.meshgrid(np.linspace(left, right, 9), np.linspace(top, bottom, 7))
    return np.column_stack([x.ravel(), y.ravel()])


def errors_mm(aligned: AlignedPage, drawn: DrawnSheet) -> np.ndarray:
    """How far points lie from where they should on the aligned page, up to where it begins."""
    truth = points_among_curves(drawn)
    found = through(np.linalg.inv(aligned.to_upload), drawn.truth.to_image(truth)) / PX_PER_MM
    departures = found - truth
    return np.hypot(*(departures - departures.mean(axis=0)).T)


def turned_over(aligned: AlignedPage) -> AlignedPage:
    """The same page the other way up, which only the print tells."""
    height, width = aligned.gray.shape
    turn = np.array([[-1, 0, width - 1], [0, -1, height - 1], [0, 0, 1]])
    return replace(aligned, gray=aligned.gray[::-1, ::-1], to_upload=aligned.to_upload @ turn)


PHOTOGRAPH = Degradation(
    tilt_deg=6.0, perspective_deg=18.0, shadow=0.5, blur_px=0.6, noise=3.0, jpeg_quality=50
)


@pytest.mark.parametrize(
    ("vendor", "degradation"),
    [
        ("pink", Degradation(tilt_deg=15.0, folds=1, width_px=1500)),
        ("dotted", replace(PHOTOGRAPH, perspective_deg=30.0, width_px=1600)),
        ("orange", replace(PHOTOGRAPH, grey=True, width_px=1500)),
        ("blue", Degradation(tilt_deg=-3.0, width_px=1000, jpeg_quality=30, grey=True)),
        ("faint", replace(PHOTOGRAPH, jpeg_quality=80, noise=1.5, width_px=1700)),
    ],
)
def test_pictures_with_a_grid_come_out_flat_and_to_scale(
    vendor: str, degradation: Degradation
) -> None:
    drawn = degrade(drawn_sheet(vendor), degradation, seed=3)
    aligned = align(page_of(drawn.image))
    errors = errors_mm(aligned, drawn)
    assert aligned.scale_known
    assert np.median(errors) < 0.2
    assert errors.max() < 0.5


def test_a_grid_that_is_seen_well_is_surer_than_one_that_is_not() -> None:
    clean = degrade(drawn_sheet("pink"), Degradation(width_px=1200), seed=1)
    poor = degrade(drawn_sheet("faint"), Degradation(width_px=1200, noise=3.0), seed=1)
    sure, unsure = (align(page_of(drawn.image)).grid_sureness for drawn in (clean, poor))
    assert sure > 0.9
    assert unsure < sure


@pytest.mark.parametrize("turns", [1, 2])
def test_curves_run_across_however_the_upload_lies(turns: int) -> None:
    drawn = degrade(drawn_sheet("green"), Degradation(quarter_turns=turns, width_px=1300), seed=1)
    aligned = align(page_of(drawn.image))
    assert min(errors_mm(a, drawn).max() for a in (aligned, turned_over(aligned))) < 0.5


@pytest.mark.parametrize("turns", [1, 3])
def test_a_person_says_which_side_is_up(turns: int) -> None:
    drawn = degrade(drawn_sheet("green"), Degradation(quarter_turns=turns, width_px=1300), seed=1)
    assert errors_mm(align(page_of(drawn.image), quarter_turns=turns), drawn).max() < 0.5


@pytest.mark.parametrize("turns", [0, 1])
def test_a_page_can_be_looked_at_again_with_more_millimetres(turns: int) -> None:
    drawn = photograph(drawn_sheet("pink"), seed=4)
    aligned = align(page_of(drawn.image), quarter_turns=4 + turns)
    larger = enlarged(aligned, 1.25)
    ratios = np.array(larger.gray.shape) / aligned.gray.shape
    assert ratios == pytest.approx([1.25, 1.25], abs=0.01)
    assert larger.px_per_mm == pytest.approx(aligned.px_per_mm / 1.25, rel=0.01)
    # A point of the page is at the same place of the upload.
    points = np.array([[200.0, 300.0], [1500.0, 700.0]])
    on_larger = 1.25 * (points + 0.5) - 0.5
    there = through(larger.to_upload, on_larger), through(aligned.to_upload, points)
    assert there[0] == pytest.approx(there[1], abs=1.5)


def test_a_page_that_would_have_too_few_pixels_a_millimetre_is_not_looked_at_again() -> None:
    aligned = align(page_of(drawn_sheet("pink").image))
    with pytest.raises(Refusal, match="needed: scan at 100 dpi"):
        enlarged(aligned, 5.0)


def flat_lines() -> Signals:
    return Signals(500, {lead: np.zeros(5000, np.float32) for lead in LEADS})


def test_bent_paper_is_flattened() -> None:
    flat = draw_sheet(flat_lines(), LAYOUTS["3x4"], ("II",), VENDORS["pink"], px_per_mm=5.0)
    drawn = degrade(flat, Degradation(curl_mm=1.5, width_px=1600), seed=8)
    aligned = align(page_of(drawn.image))
    to_page = np.linalg.inv(aligned.to_upload) @ drawn.truth.mm_to_image
    left, _, right, _ = drawn.truth.curves_mm
    for baseline_mm in set(drawn.truth.baselines_mm.values()):
        ends = through(to_page, np.array([[left, baseline_mm], [right, baseline_mm]]))
        columns = np.arange(int(ends[0, 0]) + 90, int(ends[1, 0]) - 30)
        middle = int(ends[:, 1].mean())
        ink = 255.0 - aligned.gray[middle - 24 : middle + 25, columns]
        rows = (ink * np.arange(len(ink))[:, None]).sum(axis=0) / ink.sum(axis=0)
        assert np.quantile(rows, 0.95) - np.quantile(rows, 0.05) < 0.5 * PX_PER_MM


@pytest.mark.parametrize(
    ("vendor", "degradation"),
    [
        ("pink", Degradation(width_px=1100)),
        ("bars", Degradation(width_px=1300, grey=True, jpeg_quality=40)),
        ("dotted", replace(PHOTOGRAPH, width_px=1600)),
        ("red", replace(PHOTOGRAPH, grey=True, width_px=1600)),
    ],
)
def test_curves_stay_and_the_grid_goes(vendor: str, degradation: Degradation) -> None:
    drawn = degrade(drawn_sheet(vendor), degradation, seed=5)
    aligned = align(page_of(drawn.image))
    height, width = aligned.gray.shape

    def printed(**changes: object) -> np.ndarray:
        """Ink of the page as it should be; with the changes to the vendor's style."""
        style = replace(VENDORS[vendor], grid=None, paper_rgb=(255, 255, 255), **changes)
        ideal = draw_sheet(SIGNALS, LAYOUTS["3x4"], ("II",), style)
        to_page = np.linalg.inv(aligned.to_upload) @ drawn.truth.mm_to_image
        to_page = to_page @ np.linalg.inv(ideal.truth.mm_to_image)
        gray = np.asarray(ideal.image.convert("L"))
        return cv2.warpPerspective(gray, to_page, (width, height), borderValue=255) < 140

    near, far = np.ones((7, 7), np.uint8), np.ones((13, 13), np.uint8)
    ink = (aligned.gray < 128).astype(np.uint8)
    curves = printed(prints=(), separators="none")
    steep = cv2.morphologyEx(curves.astype(np.uint8), cv2.MORPH_OPEN, np.ones((14, 1))) > 0
    everything = cv2.dilate(printed().astype(np.uint8), far) > 0
    assert cv2.dilate(ink, near)[curves].mean() > 0.99
    assert cv2.dilate(ink, near)[steep].mean() > 0.98
    assert ink[~everything].sum() < 0.05 * curves.sum()


@pytest.mark.parametrize("first_line_mm", [1, 3, 4])
def test_dashed_lines_five_millimetres_apart_go_wherever_they_begin(first_line_mm: int) -> None:
    style = replace(VENDORS["pink"], grid=None, prints=())
    drawn = draw_sheet(SIGNALS, LAYOUTS["3x4"], ("II",), style, px_per_mm=4.8)
    rgb = np.array(drawn.image)
    rng = np.random.default_rng(0)
    for across in (rgb, rgb.swapaxes(0, 1)):
        for line in np.arange(4.8 * first_line_mm, len(across) - 1, 4.8 * 5).round().astype(int):
            dashes = np.repeat(rng.random(across.shape[1] // 2) < 0.35, 2)
            on_line = across[line, : len(dashes)]
            on_line[dashes] = np.minimum(on_line[dashes], 130)
    aligned = align(page_of(rgb))
    x, y = np.meshgrid(np.linspace(20, 250, 1000), np.linspace(77, 82, 50))
    between_rows = np.column_stack([x.ravel(), y.ravel()])
    there = through(np.linalg.inv(aligned.to_upload), drawn.truth.to_image(between_rows))
    column, row = there.round().astype(int).T
    assert aligned.gray[row, column].min() > 128


@pytest.mark.parametrize(
    "degradation",
    [
        Degradation(tilt_deg=-9.0),
        replace(PHOTOGRAPH, perspective_deg=28.0, crop_mm=(-20.0, 10.0, 290.0, 210.0)),
    ],
)
def test_a_sheet_without_a_grid_is_levelled(degradation: Degradation) -> None:
    drawn = degrade(drawn_sheet("blank"), degradation, seed=6)
    aligned = align(page_of(drawn.image))
    assert not aligned.scale_known
    assert aligned.grid_sureness == 0
    truth = points_among_curves(drawn)
    found = through(np.linalg.inv(aligned.to_upload), drawn.truth.to_image(truth))
    for axis in range(2):
        # True but for a scale and an origin of its own.
        line = np.polynomial.Polynomial.fit(found[:, axis], truth[:, axis], 1)
        assert np.abs(line(found[:, axis]) - truth[:, axis]).max() < 1.0


def on_a_table(perspective_deg: float) -> DrawnSheet:
    view = replace(
        PHOTOGRAPH,
        perspective_deg=perspective_deg,
        crop_mm=(-12.0, -9.0, 308.0, 218.0),
        width_px=2200,
    )
    return degrade(drawn_sheet("blank"), view, seed=2)


def test_a_sheet_without_a_grid_is_flattened_by_its_papers_edges() -> None:
    drawn = on_a_table(perspective_deg=28.0)
    aligned = align(page_of(drawn.image))
    assert aligned.pose.edges_seen
    truth = points_among_curves(drawn)
    found = through(np.linalg.inv(aligned.to_upload), drawn.truth.to_image(truth))
    for axis in range(2):
        line = np.polynomial.Polynomial.fit(found[:, axis], truth[:, axis], 1)
        assert np.abs(line(found[:, axis]) - truth[:, axis]).max() < 0.4


def test_a_table_that_takes_more_of_the_picture_than_the_paper_is_left_out() -> None:
    drawn = on_a_table(perspective_deg=10.0)
    picture = np.asarray(drawn.image)
    height, width = picture.shape[:2]
    above_px, beside_px = height, width // 8
    table = np.empty((height + 2 * above_px, width + 2 * beside_px, 3), np.uint8)
    table[:] = picture[4, 4]
    # Its grain runs on from side to side as curves do.
    x = np.arange(table.shape[1])
    dark = tuple((table[0, 0] // 3).tolist())
    for y, period in np.random.default_rng(1).uniform((0, 300), (len(table), 900), (110, 2)):
        grain = np.column_stack([x, y + 25 * np.sin(x / period + y)])
        cv2.polylines(table, [np.int32(grain)], False, dark, 3)
    table[above_px : above_px + height, beside_px : beside_px + width] = picture
    aligned = align(page_of(table))
    assert aligned.pose.edges_seen
    shown = through(aligned.to_upload, np.array([[0.0, 0], aligned.gray.shape[::-1]]))
    first, last = above_px - 0.02 * height, above_px + 1.02 * height
    assert first < shown[0, 1] < shown[1, 1] < last
    assert not (aligned.gray[: aligned.gray.shape[0] // 40] < 128).any()


def test_a_thing_beside_paper_that_runs_off_the_picture_is_not_taken_for_the_paper() -> None:
    picture = np.array(drawn_sheet("blank").image)
    height, width = picture.shape[:2]
    beside_px = width // 2
    desk = np.full((height, width + beside_px, 3), 70, np.uint8)
    desk[:, :width] = picture
    desk[height // 8 : -height // 8, width + 60 : -60] = 225
    aligned = align(page_of(desk))
    assert not aligned.pose.edges_seen
    truth = drawn_sheet("blank").truth
    on_page = through(np.linalg.inv(aligned.to_upload), truth.to_image(np.array([[20.0, 60.0]])))
    assert (on_page > 0).all()


def test_a_pale_grid_is_found_between_the_papers_edges() -> None:
    # Too pale to be found from where the picture was taken.
    grid = GridStyle((255, 238, 238), (255, 224, 224), fine_mm=0.1, coarse_mm=0.2)
    style = replace(VENDORS["pink"], grid=grid)
    view = replace(
        PHOTOGRAPH, perspective_deg=22.0, crop_mm=(-30.0, -22.0, 330.0, 232.0), width_px=1700
    )
    drawn = degrade(draw_sheet(SIGNALS, LAYOUTS["3x4"], ("II",), style), view, seed=2)
    aligned = align(page_of(drawn.image))
    assert aligned.scale_known
    truth = points_among_curves(drawn)
    found = through(np.linalg.inv(aligned.to_upload), drawn.truth.to_image(truth)) / PX_PER_MM
    between = np.diff(found, axis=0), np.diff(truth, axis=0)
    assert np.abs(between[0] - between[1]).max() < 1.0


@pytest.mark.parametrize("torn", [False, True])
def test_a_grid_at_which_the_paper_is_no_rectangle_is_looked_for_again_between_its_edges(
    torn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = replace(PHOTOGRAPH, perspective_deg=20.0, crop_mm=(-12.0, -9.0, 308.0, 218.0))
    drawn = degrade(drawn_sheet("pink"), replace(view, width_px=1700), seed=2)
    picture = np.array(drawn.image)
    if torn:
        corners = np.array([[-1, -1], [298, -1], [298, 10], [-1, 0]], np.float64)
        cv2.fillPoly(picture, [np.int32(drawn.truth.to_image(corners))], picture[4, 4].tolist())
    found: list[Grid] = []

    def followed_wrongly_at_first(darkness: np.ndarray) -> Grid | None:
        grid = find_grid(darkness)
        assert grid is not None
        if not found and not torn:
            away = np.array([[1, 0, 0], [0, 1, 0], [8e-5, 4e-5, 1]])
            grid = replace(grid, to_mm=grid.to_mm @ away)
        found.append(grid)
        return grid

    monkeypatch.setattr(rectify, "find_grid", followed_wrongly_at_first)
    aligned = align(page_of(picture))
    assert len(found) == 2
    assert aligned.scale_known
    assert errors_mm(aligned, drawn).max() < 0.6


def test_an_edge_of_the_paper_that_is_covered_is_not_guessed() -> None:
    drawn = on_a_table(perspective_deg=10.0)
    picture = np.array(drawn.image)
    height, width = picture.shape[:2]
    picture[height // 4 : 3 * height // 4, round(0.85 * width) :] = picture[-5, -5]
    assert not align(page_of(picture)).pose.edges_seen


def test_curves_beyond_the_part_of_the_grid_that_is_followed_are_shown() -> None:
    drawn = drawn_sheet("pink")
    rgb = np.array(drawn.image)
    height, width = rgb.shape[:2]
    # The grid is seen in the upper right part alone.
    bare = np.where(rgb.max(axis=2, keepdims=True) < 128, rgb, np.uint8(255))
    bare[: height // 2, width // 2 :] = rgb[: height // 2, width // 2 :]
    aligned = align(page_of(bare))
    assert aligned.scale_known
    on_page = through(
        np.linalg.inv(aligned.to_upload), drawn.truth.to_image(points_among_curves(drawn))
    )
    assert on_page.min() > 0
    assert (on_page < aligned.gray.shape[::-1]).all()


def test_corners_set_by_hand_say_where_the_curves_are() -> None:
    tilted = Degradation(tilt_deg=5.0, perspective_deg=15.0, quarter_turns=1, width_px=1800)
    drawn = degrade(drawn_sheet("pink"), tilted, seed=2)
    left, top, right, bottom = drawn.truth.curves_mm
    corners_mm = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    aligned = align(page_of(drawn.image), drawn.truth.to_image(corners_mm))
    corners = through(np.linalg.inv(aligned.to_upload), drawn.truth.to_image(corners_mm))
    assert corners[1, 0] - corners[0, 0] == pytest.approx((right - left) * PX_PER_MM, rel=0.003)
    assert corners[3, 1] - corners[0, 1] == pytest.approx((bottom - top) * PX_PER_MM, rel=0.003)
    assert (corners > 0).all()
    assert (corners < aligned.gray.shape[::-1]).all()


def test_corners_give_the_scale_where_there_is_no_grid() -> None:
    drawn = degrade(drawn_sheet("blank"), Degradation(tilt_deg=7.0), seed=2)
    left, top, right, bottom = drawn.truth.curves_mm
    corners_mm = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    aligned = align(page_of(drawn.image), drawn.truth.to_image(corners_mm))
    corners = through(np.linalg.inv(aligned.to_upload), drawn.truth.to_image(corners_mm))
    assert not aligned.scale_known
    assert corners[1, 0] - corners[0, 0] == pytest.approx(250 * PX_PER_MM, rel=0.003)


@pytest.mark.parametrize(
    "corners",
    [
        [[100, 100], [100, 500], [700, 500], [700, 100]],
        [[100, 100], [700, 500], [700, 100], [100, 500]],
        [[100, 100], [700, 100], [700, 105], [100, 105]],
        [[2100, 100], [2700, 100], [2700, 500], [2100, 500]],
    ],
    ids=["mirrored", "crossed", "flat", "beside"],
)
def test_corners_of_no_rectangle_are_refused(corners: list[list[int]]) -> None:
    with pytest.raises(Refusal) as refused:
        align(page_of(drawn_sheet("green").image), np.array(corners, np.float64))
    assert refused.value.code == "bad_corners"


def test_too_coarse_a_picture_is_refused_with_what_was_found_and_what_helps() -> None:
    drawn = degrade(drawn_sheet("pink"), Degradation(width_px=500), seed=1)
    with pytest.raises(Refusal) as refused:
        align(page_of(drawn.image))
    assert refused.value.code == "scale_too_small"
    found, needed = f"{500 / drawn.truth.page_mm[0]:.1f} px/mm", "at least 2.0 needed"
    assert found in refused.value.message
    assert needed in refused.value.message
    assert "100 dpi" in refused.value.message


def text_page() -> Image.Image:
    page = Image.new("RGB", (900, 1200), "white")
    draw = ImageDraw.Draw(page)
    words = "the quick brown fox jumps over the lazy dog and runs away into the woods "
    for line, y in enumerate(range(60, 1100, 22)):
        draw.text((60, y), (words * 3)[line : line + 110], fill="black")
    return page


def chart() -> Image.Image:
    page = Image.new("RGB", (1200, 800), "white")
    draw = ImageDraw.Draw(page)
    for place in range(0, 1200, 100):
        draw.line((place, 0, place, 800), fill=(210, 210, 210))
        draw.line((0, place, 1200, place), fill=(210, 210, 210))
    rng = np.random.default_rng(0)
    for level in (200, 400, 600):
        values = level + np.cumsum(rng.normal(0, 4, 1200))
        draw.line(list(enumerate(values.tolist())), fill=(30, 80, 160), width=2)
    return page


@pytest.mark.parametrize("picture", [text_page, chart])
def test_text_and_charts_have_no_millimetre_grid(picture: Callable[[], Image.Image]) -> None:
    assert not align(page_of(picture())).scale_known


@pytest.mark.parametrize("gray", [0, 128, 255])
def test_an_empty_page_is_refused(gray: int) -> None:
    with pytest.raises(Refusal) as refused:
        align(page_of(np.full((600, 800, 3), gray, np.uint8)))
    assert refused.value.code == "not_an_ecg"


@settings(
    max_examples=5, deadline=20_000, suppress_health_check=[HealthCheck.too_slow], database=None
)
@given(
    width=st.integers(200, 500),
    height=st.integers(200, 500),
    seed=st.integers(0, 2**32 - 1),
    period=st.sampled_from([0, 3, 5, 12, 40]),
    noise=st.sampled_from([0, 5, 120]),
)
def test_any_picture_is_aligned_or_refused(
    width: int, height: int, seed: int, period: int, noise: int
) -> None:
    rng = np.random.default_rng(seed)
    rgb = np.full((height, width, 3), rng.integers(0, 256), np.float64)
    if period:
        rgb[::period] -= 60
        rgb[:, ::period] -= rng.uniform(0, 90)
    rgb += rng.normal(0, noise, rgb.shape)
    try:
        aligned = align(page_of(np.clip(rgb, 0, 255).astype(np.uint8)))
    except Refusal:
        return
    assert np.isfinite(aligned.to_upload).all()
    assert 0 <= aligned.grid_sureness <= 1
    assert aligned.gray.size < 15_000_000


# Width of a column of leads, 2.5 seconds at 25 mm/s, by the places of the names above and below
# each other.
COLUMN_PX = {
    "ecg00002.png": 344.5,
    "ecg00010.png": 178.0,
    "ecg00015.png": 247.0,
    "ecg00024.jpg": 216.3,
    "ecg00046.jpg": 283.0,
}


@pytest.mark.parametrize("name", COLUMN_PX)
def test_real_pictures_are_to_scale(name: str) -> None:
    if not PHOTOS.is_dir():
        pytest.skip("the data folder ../shared/data is not here")
    with Image.open(PHOTOS / name) as image:
        aligned = align(page_of(image.convert("RGB")))
    assert aligned.px_per_mm == pytest.approx(COLUMN_PX[name] / 62.5, rel=0.01)


def test_rows_are_shown_where_the_grid_cannot_be_followed() -> None:
    truth = drawn_sheet("pink").truth
    left, top, _, bottom = truth.curves_mm
    first, middle = truth.to_image(np.array([[left, top], [left, (top + bottom) / 2]]))
    rgb = np.asarray(drawn_sheet("pink").image)
    # Wide margins, and no grid above the middle.
    paper = rgb[:, -60:]
    rgb = np.hstack([paper] * 3 + [rgb] + [paper] * 3)
    upper = rgb[: round(float(middle[1]))]
    upper[upper.min(axis=2) > 110] = 255
    aligned = align(page_of(rgb))
    first_row = first[None] + (3 * paper.shape[1], 0)
    assert through(np.linalg.inv(aligned.to_upload), first_row)[0, 1] > 0
