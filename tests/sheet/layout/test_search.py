from dataclasses import dataclass, replace
from functools import cache
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ecgapp.digitize.leads import cut_leads
from ecgapp.digitize.trace import digitize
from ecgapp.ecg import (
    LAYOUT_4X3_BY_ROWS,
    LAYOUTS,
    LEADS,
    PX_PER_MM,
    PX_PER_S,
    UPRIGHT_CABRERA,
    Layout,
)
from ecgapp.errors import Refusal
from ecgapp.io.pages import PageImage
from ecgapp.sheet.detect.pulses import LOOSE_STRETCHES, find_pulses
from ecgapp.sheet.detect.rows import Row
from ecgapp.sheet.layout.lead_consistency import Cells, unexplained
from ecgapp.sheet.layout.placing import place_leads
from ecgapp.sheet.layout.search import LayoutReading, _is_ecg
from ecgapp.sheet.locate import Correction, LocatedSheet, locate
from ecgapp.sheet.located import UnknownLayout, require_enough_leads
from ecgapp.sheet.rectify.align import AlignedPage, align, enlarged
from ecgapp.synthesis.degrade import Degradation, degrade, photograph, scan
from ecgapp.synthesis.draw import DrawnSheet, draw_sheet
from ecgapp.synthesis.simulate import PatientModel, simulate
from ecgapp.synthesis.vendors import VENDORS, GridStyle, NamePlace

SIGNALS = simulate(PatientModel(heart_rate_bpm=76, st_level_mv={"V2": 0.2}, seed=5))


@dataclass(frozen=True)
class Case:
    layout: str
    strips: tuple[str, ...]
    vendor: str
    condition: str = "clean"
    speed: float = 25.0
    gain: float = 10.0

    def draw(self) -> DrawnSheet:
        drawn = draw_sheet(
            SIGNALS,
            LAYOUTS[self.layout],
            self.strips,
            VENDORS[self.vendor],
            self.speed,
            self.gain,
        )
        if self.condition == "photographed":
            return photograph(drawn, seed=4)
        if self.condition == "scanned":
            return scan(drawn, seed=4)
        if self.condition == "upside down":
            return degrade(drawn, Degradation(quarter_turns=2), seed=0)
        return drawn

    def __str__(self) -> str:
        scale = f"{self.speed:g}-{self.gain:g}"
        return f"{self.layout}+{len(self.strips)}-{self.vendor}-{self.condition}-{scale}"


CASES = (
    Case("3x4", ("II",), "dotted"),
    Case("3x4", (), "orange", "photographed"),
    Case("3x4", ("V1", "II", "V5"), "blue", "scanned"),
    Case("6x2", ("II",), "red", "photographed"),
    Case("6x2", (), "blank", "upside down"),
    Case("12x1", ("II",), "green"),
    Case("3x4-cabrera", ("II",), "pink"),
    Case("12x1-cabrera", (), "bars"),
    Case("6x2", (), "green", gain=20.0),
    Case("3x4", (), "red", speed=50.0, gain=5.0),
    Case("4x3", ("II",), "pink"),
    Case("2x6", ("V1",), "orange"),
)


def page_of(rgb: NDArray[np.uint8]) -> PageImage:
    rgb = np.ascontiguousarray(rgb)
    return PageImage(rgb, np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8), "PNG")


def read(drawn: DrawnSheet, correction: Correction | None = None) -> LocatedSheet:
    return locate(page_of(np.array(drawn.image)), correction)


@cache
def drawn_and_read(case: Case) -> tuple[DrawnSheet, LocatedSheet]:
    """Reading a sheet takes a second; several tests look at the same one."""
    drawn = case.draw()
    return drawn, read(drawn)


def on_paper_mm(sheet: LocatedSheet, drawn: DrawnSheet, name: str) -> NDArray[np.float64]:
    """Left and right end of a lead's baseline, shape (2, 2)."""
    box, y = sheet.boxes[name], sheet.baselines_px[name]
    points = np.array([[[box.left, y], [box.right, y]]], np.float64)
    to_mm = np.linalg.inv(drawn.truth.mm_to_image) @ sheet.to_upload
    return np.asarray(cv2.perspectiveTransform(points, to_mm)[0])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_layout_scale_and_places_of_any_vendors_sheet_are_found(case: Case) -> None:
    drawn, sheet = drawn_and_read(case)
    truth = drawn.truth
    assert sheet.layout.name == case.layout
    assert sheet.rhythm_strips == case.strips
    assert sheet.missing == ()
    assert (sheet.speed_mm_per_s, sheet.gain_mm_per_mv) == (case.speed, case.gain)
    assert set(sheet.boxes) == set(truth.boxes_mm)
    for name, (left, _, right, _) in truth.boxes_mm.items():
        ends = on_paper_mm(sheet, drawn, name)
        assert ends[:, 0] == pytest.approx([left, right], abs=1.0), name
        assert ends[:, 1].mean() == pytest.approx(truth.baselines_mm[name], abs=1.0), name


@pytest.mark.parametrize(
    "case", [Case("3x4", ("II",), "dotted"), Case("6x2-cabrera", ("II",), "blue")], ids=str
)
def test_every_lead_comes_out_upright_and_in_millivolts(case: Case) -> None:
    """-aVR of Cabrera's order is turned over; names on the curve leave no trace in it."""
    _, sheet = drawn_and_read(case)
    found = digitize(sheet, cut_leads(sheet))
    for lead in LEADS:
        true, traced = SIGNALS.leads[lead], found.leads[lead]
        shown = np.isfinite(traced)
        assert shown.sum() > 1000
        assert np.corrcoef(true[shown], traced[shown])[0, 1] > 0.95, lead
        assert np.ptp(traced[shown]) == pytest.approx(np.ptp(true[shown]), rel=0.15), lead


@pytest.mark.parametrize("layout", UPRIGHT_CABRERA, ids=lambda layout: layout.name)
def test_avr_of_cabreras_order_may_be_printed_upright(layout: Layout) -> None:
    sheet = locate(page_of(np.array(draw_sheet(SIGNALS, layout, ("II",)).image)))
    assert sheet.layout == layout
    found = digitize(sheet, cut_leads(sheet)).leads["aVR"]
    shown = np.isfinite(found)
    assert np.corrcoef(SIGNALS.leads["aVR"][shown], found[shown])[0, 1] > 0.95


@pytest.mark.parametrize("strips", [(), ("II",)])
def test_four_rows_of_three_leads_may_follow_one_after_the_other(strips: tuple[str, ...]) -> None:
    drawn = draw_sheet(SIGNALS, LAYOUT_4X3_BY_ROWS, strips)
    sheet = read(drawn)
    assert (sheet.layout, sheet.rhythm_strips) == (LAYOUT_4X3_BY_ROWS, strips)
    found = digitize(sheet, cut_leads(sheet))
    for lead in LEADS:
        shown = np.isfinite(found.leads[lead])
        assert np.corrcoef(SIGNALS.leads[lead][shown], found.leads[lead][shown])[0, 1] > 0.95, lead


@pytest.mark.parametrize(
    ("layout", "name_place"), [(LAYOUTS["4x3"], "none"), (LAYOUT_4X3_BY_ROWS, "above")]
)
def test_a_person_who_says_that_there_are_four_rows_need_not_say_in_which_order(
    layout: Layout, name_place: NamePlace
) -> None:
    style = replace(VENDORS["pink"], name_place=name_place)
    drawn = draw_sheet(SIGNALS, layout, (), style)
    assert read(drawn, Correction(layout_name="4x3")).layout == layout


def test_three_columns_may_show_3_3_seconds_each() -> None:
    page = draw_sheet(SIGNALS, LAYOUTS["4x3"], ("II",), VENDORS["pink"], seconds=9.9).image
    sheet = locate(page_of(np.array(page)))
    assert (sheet.layout.name, sheet.seconds) == ("4x3", 9.9)


def test_leads_that_are_cut_off_are_named_and_the_others_kept() -> None:
    drawn = Case("3x4", (), "pink").draw()
    left, _, right, _ = drawn.truth.boxes_mm["V5"]
    edge = drawn.truth.to_image(np.array([[(left + right) / 2, 100.0]]))[0, 0]
    sheet = locate(page_of(np.array(drawn.image)[:, : round(edge)]))
    assert sheet.missing == ("V4", "V5", "V6")
    assert set(sheet.boxes) == set(LEADS) - {"V4", "V5", "V6"}


def test_a_person_can_say_which_layout_it_is() -> None:
    drawn = Case("3x4", ("II",), "pink").draw()
    sheet = read(drawn, Correction(layout_name="3x4-cabrera"))
    assert sheet.layout.name == "3x4-cabrera"
    assert sheet.boxes["aVL"].left == sheet.boxes["I"].left


def test_steps_say_what_was_found_and_how_surely() -> None:
    steps = {f.step: f for f in read(Case("3x4", ("II",), "bars").draw()).steps}
    assert steps["Layout"].found == "3x4, 1 rhythm strip"
    assert steps["Layout"].sureness > 0.8
    # This vendor prints no pulse, but the gain.
    assert "as printed" in steps["Gain"].found
    assert steps["Gain"].sureness < 0.7
    assert all(0 <= f.sureness <= 1 for f in steps.values())


def test_leads_in_the_wrong_places_are_told_by_their_voltages() -> None:
    curves = np.stack([SIGNALS.leads[lead][:1500] for lead in LEADS]).astype(np.float64)
    cells = Cells.of(10 * curves)
    limb = LEADS[:6]
    right = unexplained(cells, range(6), limb, frozenset())
    assert right < 0.02
    assert unexplained(cells, range(6), limb, frozenset({"aVR"})) > 0.3
    assert unexplained(cells, range(6), limb[::-1], frozenset()) > 0.3
    assert unexplained(cells, range(6, 12), limb, frozenset()) > 0.3


def test_a_page_without_names_is_read_by_its_curves_alone() -> None:
    vendor = replace(VENDORS["red"], name_size_mm=0.1, prints=())
    drawn = draw_sheet(SIGNALS, LAYOUTS["6x2"], ("II",), vendor)
    sheet = read(drawn)
    assert sheet.layout.name == "6x2"
    assert sheet.rhythm_strips == ("II",)


@pytest.mark.parametrize("px_per_mm", [4.0, 12.0])
def test_a_grid_of_thin_coarse_lines_is_not_taken_for_a_finer_one(px_per_mm: float) -> None:
    rgb = (240, 160, 160)
    style = replace(
        VENDORS["faint"],
        grid=GridStyle(rgb, rgb, fine_mm=0.0, coarse_mm=0.15),
        separators="through",
        pulse="left",
    )
    drawn = draw_sheet(SIGNALS, LAYOUTS["3x4"], ("II",), style, px_per_mm=px_per_mm)
    sheet = locate(page_of(np.asarray(drawn.image)))
    assert (sheet.layout.name, len(sheet.rhythm_strips)) == ("3x4", 1)
    assert sheet.px_per_mm == pytest.approx(px_per_mm, rel=0.01)
    assert (sheet.gain_mm_per_mv, sheet.speed_mm_per_s) == (10.0, 25.0)


def test_a_photograph_without_a_grid_lies_as_its_papers_edges_tell() -> None:
    drawn = draw_sheet(SIGNALS, LAYOUTS["3x4"], ("II",), VENDORS["blank"])
    right, bottom = drawn.truth.page_mm
    on_a_table = Degradation(
        perspective_deg=20.0, crop_mm=(-12.0, -9.0, right + 11, bottom + 8), width_px=2200
    )
    sheet = read(degrade(drawn, on_a_table, seed=2))
    assert sheet.support is not None
    assert sheet.support.slant < 1.005


def test_one_pulse_at_one_row_tells_the_gain() -> None:
    style = replace(VENDORS["pink"], pulse="one")
    drawn = draw_sheet(SIGNALS, LAYOUTS["3x4"], ("II",), style, gain_mm_per_mv=5.0)
    sheet = locate(page_of(np.asarray(drawn.image)))
    assert sheet.gain_mm_per_mv == 5.0
    assert sheet.support is not None
    assert sheet.support.n_pulses == 1


def test_the_upper_half_of_a_pulse_is_no_pulse() -> None:
    ink = np.zeros((400, 400), np.bool_)
    rows = [Row(2 * (y + 0.5) - 0.5, 120.0, 760.0, 0.9) for y in (120, 200, 280)]
    for y in (120, 200, 280):
        ink[y, 60:380] = True
        # 10 mm high by 0.9, as on a page that is not quite to scale.
        ink[y - 35 : y + 1, [30, 48]] = True
        ink[y - 35, 30:49] = True
        ink[y, [*range(25, 31), *range(48, 55)]] = True
    pulses = find_pulses(ink, rows, LOOSE_STRETCHES)
    assert pulses is not None
    assert pulses.height_mm == 10.0
    assert pulses.stretch == pytest.approx(0.9, abs=0.05)


@pytest.mark.parametrize(("height_mm", "spacing_mm"), [(20.0, 13.0), (20.0, 10.0), (10.0, 10.0)])
def test_pulses_higher_than_rows_are_apart_tell_the_gain(
    height_mm: float, spacing_mm: float
) -> None:
    height, spacing = round(height_mm * PX_PER_MM / 2), round(spacing_mm * PX_PER_MM / 2)
    lines = [120 + row * spacing for row in range(12)]
    ink = np.zeros((lines[-1] + 120, 400), np.bool_)
    for y in lines:
        ink[y, 60:380] = True
        ink[y - height : y + 1, [30, 48]] = True
        ink[y - height, 30:49] = True
        ink[y, [*range(25, 31), *range(48, 55)]] = True
    rows = [Row(2 * (y + 0.5) - 0.5, 120.0, 760.0, 0.9) for y in lines]
    pulses = find_pulses(ink, rows)
    assert pulses is not None
    assert pulses.height_mm == height_mm


def test_a_page_that_was_turned_by_mistake_is_turned_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ecgapp.sheet.rectify.align.is_sideways", lambda _: True)
    sheet = read(Case("3x4", ("II",), "red").draw())
    assert (sheet.layout.name, sheet.missing) == ("3x4", ())
    assert sheet.gray.shape[0] < sheet.gray.shape[1]


def test_half_a_metre_of_paper_has_its_own_scale() -> None:
    # Ten seconds at 50 mm/s, on a page wide enough for them.
    style = replace(VENDORS["red"], page_mm=(560.0, 210.0))
    drawn = draw_sheet(SIGNALS, LAYOUTS["3x4"], ("II",), style, 50.0, 10.0, 10.96)
    sheet = read(drawn)
    assert sheet.speed_mm_per_s == 50
    assert sheet.px_per_mm == pytest.approx(10.96, rel=0.02)


def test_leads_that_fit_together_need_neither_names_nor_pulses() -> None:
    style = replace(VENDORS["red"], name_place="none", pulse="none")
    sheet = read(draw_sheet(SIGNALS, LAYOUTS["3x4"], ("II",), style))
    assert (sheet.layout.name, len(sheet.rhythm_strips)) == ("3x4", 1)


def test_a_page_without_names_is_not_turned_upside_down_against_its_pulse() -> None:
    # Upside down, six limb leads are nearly Cabrera's.
    style = replace(VENDORS["pink"], name_place="none", pulse="one")
    sheet = read(draw_sheet(SIGNALS, LAYOUTS["3x4"], ("II",), style, px_per_mm=3.9))
    assert (sheet.layout.name, sheet.rhythm_strips) == ("3x4", ("II",))


@pytest.mark.parametrize("shown", [("I", "II", *LEADS[6:]), LEADS[:6]])
def test_a_sheet_of_some_leads_is_read_and_says_what_it_lacks(shown: tuple[str, ...]) -> None:
    layout = Layout(f"{len(shown)}x1", (shown,))
    signals = simulate(PatientModel(heart_rate_bpm=72, seed=4))
    sheet = locate(page_of(np.asarray(draw_sheet(signals, layout, (), VENDORS["red"]).image)))
    assert set(sheet.boxes) == set(shown)
    assert sheet.missing == tuple(lead for lead in LEADS if lead not in shown)
    if shown == LEADS[:6]:
        with pytest.raises(Refusal, match="only the limb leads were found"):
            require_enough_leads(sheet)
    else:
        require_enough_leads(sheet)


def test_a_refusal_says_which_names_were_read() -> None:
    some_leads = Layout("5x1", (LEADS[7:],))
    drawn = draw_sheet(SIGNALS, some_leads, (), VENDORS["red"])
    with pytest.raises(UnknownLayout, match=r"names of (V\d, ){3,}V\d were read"):
        locate(page_of(np.asarray(drawn.image)))


@pytest.mark.parametrize(
    ("quarter_turns", "said"),
    [
        (0, "the right way up"),
        (1, "on its side, and was turned"),
        (2, "upside down, and was turned"),
        (3, "on its side, and was turned"),
    ],
)
def test_a_sheet_says_how_the_upload_lay(quarter_turns: int, said: str) -> None:
    drawn = draw_sheet(SIGNALS, LAYOUTS["3x4"], ("II",), VENDORS["pink"])
    turned = degrade(drawn, Degradation(quarter_turns=quarter_turns), seed=0)
    steps = {step.step: step.found for step in locate(page_of(np.asarray(turned.image))).steps}
    assert steps["Way up"] == said


@pytest.mark.parametrize(("words", "is_ecg"), [((), True), (("aVL",), True), (LEADS[3:], False)])
def test_names_that_stand_elsewhere_speak_against_limb_leads_that_fit(
    words: tuple[str, ...], is_ecg: bool
) -> None:
    # As on sheets whose columns stand apart: only a stroke is in place, and is taken for I.
    reading = LayoutReading(
        contents=SimpleNamespace(pulses=None, page=SimpleNamespace(scale_known=True)),  # type: ignore[arg-type]
        best=SimpleNamespace(n_named=1, unexplained=0.04, layout=LAYOUTS["3x4"], score=9.0),  # type: ignore[arg-type]
        next_best_score=0.0,
        words=frozenset(words),
    )
    assert _is_ecg(reading) == is_ecg


@pytest.mark.parametrize(
    ("pulse_s", "said", "seconds"),
    [
        (0.2, "50 mm/s, 5.0 seconds in all, told by the width of its pulses", 5),
        (0.1, "25 mm/s", 10),
    ],
)
def test_the_width_of_pulses_tells_the_speed_where_none_is_printed(
    pulse_s: float, said: str, seconds: float
) -> None:
    style = replace(VENDORS["red"], prints=(), pulse_s=pulse_s, curves_left_mm=30)
    sheet = read(draw_sheet(SIGNALS, LAYOUTS["6x2"], ("II",), style, 50.0, seconds=5))
    assert {step.step: step.found for step in sheet.steps}["Paper speed"] == said
    assert (sheet.seconds, sheet.missing) == (seconds, ())
    # Beats lie as far apart as the speed says: 76 a minute, or half as many.
    assert sheet.boxes["V1"].left - sheet.boxes["I"].left == pytest.approx(
        seconds / 2 * PX_PER_S, abs=2
    )


def test_a_sheet_none_of_whose_leads_is_whole_is_refused_by_a_sentence(monkeypatch) -> None:
    def shows_nothing(*reading: object) -> LocatedSheet:
        return replace(place_leads(*reading), boxes={}, baselines_px={})

    monkeypatch.setattr("ecgapp.sheet.layout.search.place_leads", shows_nothing)
    page = np.asarray(Case("12x1", (), "pink").draw().image)
    with pytest.raises(UnknownLayout, match="read as 12x1, the sheet shows none of its leads"):
        locate(page_of(page))


@pytest.mark.parametrize("factor", [0.4, 0.8])
@pytest.mark.parametrize("case", [CASES[1], Case("12x1", (), "green")], ids=str)
def test_a_grid_that_was_miscounted_is_told_by_rows_and_pulses(
    case: Case, factor: float, monkeypatch
) -> None:
    def miscounted(*upload: object) -> AlignedPage:
        page = enlarged(align(*upload), factor)
        return replace(page, pose=replace(page.pose, sureness=0.5))

    monkeypatch.setattr("ecgapp.sheet.layout.search.align", miscounted)
    drawn, sheet = case.draw(), read(case.draw())
    assert (sheet.layout.name, sheet.seconds, sheet.gain_mm_per_mv) == (case.layout, 10, 10)
    for name in ("I", "V6"):
        expected = drawn.truth.boxes_mm[name]
        found = on_paper_mm(sheet, drawn, name)[:, 0]
        assert found == pytest.approx((expected[0], expected[2]), abs=1.0)
