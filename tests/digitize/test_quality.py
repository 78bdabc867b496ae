"""Readings that fit together are kept; what does not is refused or left out, with the reason."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest

from ecgapp.benchmark.reading import snr_db
from ecgapp.digitize.leads import NamedLead, cut_leads
from ecgapp.digitize.quality import (
    LEAST_QUALITY,
    ReadingQuality,
    keep_reliable,
    reading_quality,
)
from ecgapp.digitize.trace import digitize
from ecgapp.ecg import LAYOUTS, LEADS, Signals
from ecgapp.errors import Refusal
from ecgapp.io.pages import PageImage
from ecgapp.sheet.locate import locate
from ecgapp.sheet.located import LocatedSheet
from ecgapp.synthesis.draw import draw_sheet
from ecgapp.synthesis.edan import render
from ecgapp.synthesis.simulate import PatientModel, simulate
from ecgapp.synthesis.vendors import VENDORS

SIGNALS = simulate(PatientModel(heart_rate_bpm=76, seed=5))


def page_of(rgb: np.ndarray) -> PageImage:
    return PageImage(rgb, np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8), "PNG")


def read(rgb: np.ndarray) -> tuple[LocatedSheet, dict[str, NamedLead], Signals]:
    sheet = locate(page_of(rgb))
    leads = cut_leads(sheet)
    return sheet, leads, digitize(sheet, leads)


@pytest.fixture(scope="module")
def right() -> tuple[LocatedSheet, dict[str, NamedLead], Signals]:
    return read(np.asarray(draw_sheet(SIGNALS, LAYOUTS["3x4"], ("II",)).image))


def quality_of(
    reading: tuple[LocatedSheet, dict[str, NamedLead], Signals], **changed: float
) -> ReadingQuality:
    sheet, leads, signals = reading
    assert sheet.support is not None
    return reading_quality(
        replace(sheet, support=replace(sheet.support, **changed)), leads, signals
    )


def test_a_plain_sheet_is_read_with_every_lead(
    right: tuple[LocatedSheet, dict[str, NamedLead], Signals],
) -> None:
    quality = quality_of(right)
    assert quality.sheet > LEAST_QUALITY
    assert min(quality.leads.values()) > LEAST_QUALITY
    sheet, leads, signals = keep_reliable(*right, quality)
    assert sheet.missing == ()
    assert leads == right[1]
    assert signals is right[2]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"n_misnamed": 5}, "another lead's name"),
        ({"grid": 0.0, "slant": 1.05}, "no grid"),
        ({"grid": 0.0, "n_pulses": 0}, "neither a grid nor a calibration pulse"),
        ({"grid": 0.0, "pulse_stretch": 1.2}, "1.20 times the height"),
        ({"grid": 0.0, "pulse_stretch": 0.82}, "0.82 times the height"),
        ({"split": True}, "between the columns"),
        ({"layout": 0.55}, "55% sure"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(
    right: tuple[LocatedSheet, dict[str, NamedLead], Signals],
    changed: dict[str, float],
    reason: str,
) -> None:
    with pytest.raises(Refusal) as refused:
        keep_reliable(*right, quality_of(right, **changed))
    assert refused.value.code == "unreliable_reading"
    assert reason in refused.value.message


@pytest.fixture(scope="module")
def of_6_8_seconds() -> tuple[LocatedSheet, dict[str, NamedLead], Signals]:
    style = replace(VENDORS["pink"], pulse="none")
    sheet = draw_sheet(SIGNALS, LAYOUTS["12x1"], (), style, seconds=6.8)
    return read(np.asarray(sheet.image))


@pytest.mark.parametrize(
    ("seconds", "gain_mm_per_mv", "grid", "is_sure"),
    [
        (6.8, 10.0, 0.6, True),
        (6.8, None, 0.6, False),
        (6.8, 10.0, 0.5, False),
        # So many seem ten where four lines of a grid are taken for five.
        (8.0, 10.0, 0.6, False),
        (8.0, None, 0.96, True),
    ],
)
def test_without_pulses_print_and_grid_together_tell_how_many_seconds_are_shown(
    of_6_8_seconds: tuple[LocatedSheet, dict[str, NamedLead], Signals],
    seconds: float,
    gain_mm_per_mv: float | None,
    grid: float,
    is_sure: bool,
) -> None:
    sheet, leads, signals = of_6_8_seconds
    assert (sheet.layout.name, sheet.seconds) == ("12x1", pytest.approx(6.8))
    changed = {"grid": grid, "printed_gain_mm_per_mv": gain_mm_per_mv}
    found = quality_of((replace(sheet, seconds=seconds), leads, signals), **changed)
    assert any(check.kind == "seconds" for check in found.checks) != is_sure


def test_limb_leads_that_do_not_fit_together_are_refused(
    right: tuple[LocatedSheet, dict[str, NamedLead], Signals],
) -> None:
    sheet, leads, signals = right
    other = Signals(500, {**signals.leads, "III": np.roll(signals.leads["V3"], -2500)})
    with pytest.raises(Refusal, match="fit together to 20%"):
        keep_reliable(sheet, leads, other, quality_of((sheet, leads, other), fits=0.2))


def test_leads_that_are_stored_each_to_a_scale_of_its_own_are_kept() -> None:
    scales = dict.fromkeys(LEADS, 1.0) | {"I": 0.6, "III": 1.6, "aVL": 1.5, "aVF": 0.7}
    stored = Signals(500, {name: scales[name] * SIGNALS.leads[name] for name in LEADS})
    reading = read(np.asarray(draw_sheet(stored, LAYOUTS["3x4"], ("II",)).image))
    kept, _, _ = keep_reliable(*reading, reading_quality(*reading))
    assert kept.missing == ()


def test_a_lead_whose_beats_stand_elsewhere_is_left_out(
    right: tuple[LocatedSheet, dict[str, NamedLead], Signals],
) -> None:
    sheet, leads, signals = right
    noise = np.random.default_rng(1).standard_normal(signals.n_samples).cumsum() / 40
    wrong = Signals(500, {**signals.leads, "V2": noise.astype(np.float32)})
    quality = reading_quality(sheet, leads, wrong)
    assert quality.leads["V2"] < LEAST_QUALITY
    kept, kept_leads, kept_signals = keep_reliable(sheet, leads, wrong, quality)
    assert kept.missing == ("V2",)
    assert "V2" not in kept_leads
    assert "V2" not in kept.boxes
    assert np.isnan(kept_signals.leads["V2"]).all()
    assert np.isfinite(kept_signals.leads["V3"]).any()


def test_the_straight_line_of_a_lead_that_was_not_connected_is_kept(
    right: tuple[LocatedSheet, dict[str, NamedLead], Signals],
) -> None:
    sheet, leads, signals = right
    flat = 0 * signals.leads["V1"]
    flat += np.random.default_rng(3).normal(0, 0.002, len(flat)).astype(np.float32)
    quality = reading_quality(sheet, leads, Signals(500, {**signals.leads, "V1": flat}))
    assert quality.leads["V1"] > LEAST_QUALITY


def test_a_limb_lead_without_beats_is_kept_where_the_others_foretell_it(
    right: tuple[LocatedSheet, dict[str, NamedLead], Signals],
) -> None:
    sheet, leads, signals = right
    noise = np.random.default_rng(2).normal(0, 0.02, signals.n_samples).astype(np.float32)
    across = {"I": signals.leads["II"] - noise, "III": noise}
    quality = reading_quality(sheet, leads, Signals(500, {**signals.leads, **across}))
    assert quality.leads["III"] > LEAST_QUALITY


def test_two_leads_on_one_curve_are_not_both_right(
    right: tuple[LocatedSheet, dict[str, NamedLead], Signals],
) -> None:
    sheet, leads, signals = right
    step_mv = (sheet.baselines_px["V2"] - sheet.baselines_px["V1"]) / 78.74
    twice = Signals(500, {**signals.leads, "V1": signals.leads["V2"] - np.float32(step_mv)})
    quality = reading_quality(sheet, leads, twice)
    assert quality.leads["V1"] < LEAST_QUALITY


def test_a_lead_whose_beats_are_not_known_is_left_out(
    right: tuple[LocatedSheet, dict[str, NamedLead], Signals],
) -> None:
    sheet, leads, signals = right
    steep = np.abs(np.gradient(np.nan_to_num(signals.leads["V2"]))) > 0.02
    around = np.convolve(steep, np.ones(61), "same") > 0
    unknown = np.where(around, np.nan, signals.leads["V2"]).astype(np.float32)
    quality = reading_quality(sheet, leads, Signals(500, {**signals.leads, "V2": unknown}))
    assert quality.leads["V2"] < LEAST_QUALITY
    assert quality.leads["V3"] > LEAST_QUALITY


@pytest.fixture(scope="module")
def six_limb_leads() -> tuple[LocatedSheet, dict[str, NamedLead], Signals]:
    return read(np.asarray(draw_sheet(SIGNALS, LAYOUTS["6x2"], ("II",)).image))


def test_the_limb_lead_that_contradicts_the_five_others_is_left_out(
    six_limb_leads: tuple[LocatedSheet, dict[str, NamedLead], Signals],
) -> None:
    sheet, leads, signals = six_limb_leads
    # Its second half jumps to the curve below, as where a trace takes the wrong branch.
    curve = signals.leads["aVL"].copy()
    curve[1200:2500] = signals.leads["aVF"][1200:2500]
    quality = reading_quality(sheet, leads, Signals(500, {**signals.leads, "aVL": curve}))
    left_out = {name for name, value in quality.leads.items() if value < LEAST_QUALITY}
    assert left_out == {"aVL"}
    assert quality.lead_checks["aVL"].kind == "fit"


def test_limb_leads_out_of_step_are_kept(
    six_limb_leads: tuple[LocatedSheet, dict[str, NamedLead], Signals],
) -> None:
    sheet, leads, signals = six_limb_leads
    late = {name: np.roll(signals.leads[name], 15) for name in ("II", "aVF")}
    quality = reading_quality(sheet, leads, Signals(500, {**signals.leads, **late}))
    assert min(quality.leads[name] for name in ("I", "II", "III", "aVF")) > LEAST_QUALITY


def test_limb_leads_on_bent_paper_are_kept(
    right: tuple[LocatedSheet, dict[str, NamedLead], Signals],
) -> None:
    sheet, leads, signals = right
    bent = signals.leads["III"].copy()
    bent[:1250] -= 0.25 * np.linspace(-1, 1, 1250) ** 2
    late = np.roll(signals.leads["I"], 13)
    quality = reading_quality(sheet, leads, Signals(500, {**signals.leads, "I": late, "III": bent}))
    assert min(quality.leads[name] for name in ("I", "II", "III")) > LEAST_QUALITY


def crossing_sheet(times: float) -> tuple[LocatedSheet, dict[str, NamedLead], Signals]:
    """Rows two millivolts apart, of curves so many times as high as a person's."""
    tall = {k: v * np.float32(times) for k, v in SIGNALS.leads.items()}
    style = replace(VENDORS["blank"], curves_top_mm=90.0, curves_bottom_mm=60.0, prints=())
    return read(np.asarray(draw_sheet(Signals(500, tall), LAYOUTS["3x4"], (), style).image))


def test_a_limb_lead_that_crosses_another_is_kept_where_the_others_foretell_it(
    six_limb_leads: tuple[LocatedSheet, dict[str, NamedLead], Signals],
) -> None:
    sheet, leads, signals = six_limb_leads
    everywhere = replace(leads["aVF"], curve=np.zeros_like(leads["aVF"].curve))
    quality = reading_quality(sheet, {**leads, "aVF": everywhere}, signals)
    assert quality.leads["aVL"] > LEAST_QUALITY


def test_a_limb_lead_that_lost_most_of_one_beat_is_left_out(
    six_limb_leads: tuple[LocatedSheet, dict[str, NamedLead], Signals],
) -> None:
    sheet, leads, signals = six_limb_leads
    curve = signals.leads["aVF"].copy()
    beat = 500 + int(np.abs(curve[500:900]).argmax())
    curve[beat - 10 : beat + 10] /= 4
    quality = reading_quality(sheet, leads, Signals(500, {**signals.leads, "aVF": curve}))
    left_out = {name for name, value in quality.leads.items() if value < LEAST_QUALITY}
    assert left_out == {"aVF"}


def test_leads_that_cross_are_told_apart() -> None:
    reading = crossing_sheet(2)
    _, leads, signals = keep_reliable(*reading, reading_quality(*reading))
    kept = [name for name in LEADS if name in leads]
    assert len(kept) >= 10
    assert min(snr_db(2 * SIGNALS.leads[name], signals.leads[name], 0.06) for name in kept) > 10


def test_leads_that_cannot_be_told_apart_are_refused() -> None:
    reading = crossing_sheet(3)
    with pytest.raises(Refusal, match="told from other ink"):
        keep_reliable(*reading, reading_quality(*reading))


@pytest.mark.parametrize(("layout", "gain"), [("3x4", 10.0), ("6x2", 5.0)])
def test_leads_on_both_sides_of_pulses_between_the_columns_are_read(
    layout: str, gain: float
) -> None:
    style = replace(VENDORS["pink"], pulse="between")
    drawn = draw_sheet(SIGNALS, LAYOUTS[layout], ("V1", "II"), style, gain_mm_per_mv=gain)
    reading = read(np.asarray(drawn.image))
    sheet, _, signals = keep_reliable(*reading, reading_quality(*reading))
    assert (sheet.layout.name, sheet.rhythm_strips) == (layout, ("V1", "II"))
    assert (sheet.gain_mm_per_mv, sheet.missing) == (gain, ())
    for name in LEADS:
        assert snr_db(SIGNALS.leads[name], signals.leads[name], 0.01) > 12, name
    # The strips run on through the gap.
    assert np.isfinite(signals.leads["II"]).mean() > 0.98


def test_a_header_close_above_the_first_row_is_no_curve_that_was_missed(
    right: tuple[LocatedSheet, dict[str, NamedLead], Signals],
) -> None:
    sheet, leads, signals = right
    first = round(min(sheet.baselines_px.values()))

    def explained(gray: np.ndarray) -> float:
        quality = reading_quality(replace(sheet, gray=gray), leads, signals)
        return next(check.value for check in quality.checks if check.kind == "ink")

    print_above, curve_above = sheet.gray.copy(), sheet.gray.copy()
    for x in range(300, 1500, 30):
        print_above[first - 68 : first - 50, x : x + 20] = 0
    curve_above[first - 60 : first - 54, 300:1500] = 0
    assert explained(print_above) == explained(sheet.gray)
    assert explained(curve_above) < explained(sheet.gray) - 0.05


@pytest.mark.parametrize("refused", [False, True])
def test_many_weak_checks_refuse_a_sheet_that_each_alone_would_not(
    right: tuple[LocatedSheet, dict[str, NamedLead], Signals], refused: bool
) -> None:
    sheet, leads, signals = right
    assert sheet.support is not None
    weak = {"layout": 0.6, "n_misnamed": 1, "n_pulses": 0}
    if refused:
        weak |= {"layout": 0.57, "n_misnamed": 2}
    doubtful = replace(sheet, support=replace(sheet.support, **weak))
    quality = reading_quality(doubtful, leads, signals)
    single = [check.quality for check in quality.checks if check.kind != "together"]
    assert min(single) >= LEAST_QUALITY
    assert (quality.sheet < LEAST_QUALITY) == refused
    if refused:
        with pytest.raises(Refusal, match="checks are weak at once, the weakest: the layout is"):
            keep_reliable(doubtful, leads, signals, quality)


def test_lines_between_columns_are_no_curves_that_were_missed_and_others_are(
    right: tuple[LocatedSheet, dict[str, NamedLead], Signals],
) -> None:
    sheet, leads, signals = right

    def explained(lines_px: Sequence[int]) -> float:
        gray = sheet.gray.copy()
        for x in lines_px:
            gray[:, x : x + 3] = 0
        quality = reading_quality(replace(sheet, gray=gray), leads, signals)
        return next(check.value for check in quality.checks if check.kind == "ink")

    columns = [sheet.boxes[name].left for name in ("I", "aVR", "V1", "V4")]
    before = explained(())
    assert explained(columns) == pytest.approx(before, abs=0.01)
    assert explained([x + 100 for x in columns]) < before - 0.05


def test_one_small_crossing_that_cannot_be_told_apart_refuses_no_sheet() -> None:
    sheet, leads, signals = read(np.asarray(draw_sheet(SIGNALS, LAYOUTS["3x4"]).image))
    # As where a speck touches the curve: the reader is asked for 41 columns, and unsure of ten.
    sureness = np.ones(leads["V3"].curve.shape[1])
    sureness[200:241] = 0.9
    sureness[216:226] = 0.2
    leads["V3"] = replace(leads["V3"], sureness=sureness)
    quality = reading_quality(sheet, leads, signals)
    assert quality.sheet > LEAST_QUALITY
    keep_reliable(sheet, leads, signals, quality)


def test_a_lead_of_which_a_little_cannot_be_told_apart_refuses_no_sheet(
    right: tuple[LocatedSheet, dict[str, NamedLead], Signals],
) -> None:
    sheet, leads, signals = right
    sureness = np.ones(leads["V3"].curve.shape[1])
    sureness[: round(0.07 * len(sureness))] = 0.2
    untold = {**leads, "V3": replace(leads["V3"], sureness=sureness)}
    assert reading_quality(sheet, untold, signals).sheet > LEAST_QUALITY


def test_pulses_between_the_columns_are_refused_where_no_grid_tells_their_room() -> None:
    style = replace(VENDORS["blank"], pulse="between")
    drawn = draw_sheet(SIGNALS, LAYOUTS["3x4"], (), style)
    reading = read(np.asarray(drawn.image))
    with pytest.raises(Refusal, match="between the columns"):
        keep_reliable(*reading, reading_quality(*reading))


def test_limb_and_chest_leads_of_two_gains_are_read_in_millivolts() -> None:
    drawn = draw_sheet(
        SIGNALS, LAYOUTS["3x4"], ("V1", "II"), VENDORS["pink"], chest_gain_mm_per_mv=5.0
    )
    reading = read(np.asarray(drawn.image))
    sheet, leads, signals = keep_reliable(*reading, reading_quality(*reading))
    assert (sheet.gain_mm_per_mv, sheet.chest_gain_mm_per_mv) == (10.0, 5.0)
    for name in LEADS:
        assert snr_db(SIGNALS.leads[name], signals.leads[name], 0.06) > 12, name
    # What networks read of a chest lead is as high as where it is printed at the usual gain.
    usual = read(np.asarray(draw_sheet(SIGNALS, LAYOUTS["3x4"], ("V1", "II")).image))[1]
    for name in ("III", "V3"):
        heights = [
            np.ptp(np.flatnonzero((np.asarray(one[name].image) == 0).any(axis=1)))
            for one in (leads, usual)
        ]
        assert heights[0] == pytest.approx(heights[1], abs=6), name


def test_pacing_spikes_are_no_pulses() -> None:
    paced = simulate(PatientModel(75.959, rhythm="ventricular_pacing", seed=38))
    reading = read(np.asarray(draw_sheet(paced, LAYOUTS["3x4"], ("II",), VENDORS["bars"]).image))
    sheet, _, _ = keep_reliable(*reading, reading_quality(*reading))
    assert sheet.gain_mm_per_mv == 10
    assert sheet.missing == ()


def test_a_beat_under_a_name_is_not_known_rather_than_torn() -> None:
    peak_s = int(SIGNALS.leads["V5"][3750:4250].argmax()) / 500
    early = Signals(
        500, {name: np.roll(v, -round(500 * (peak_s - 0.1))) for name, v in SIGNALS.leads.items()}
    )
    style = replace(VENDORS["pink"], name_place="on", name_size_mm=4.0)
    reading = read(np.asarray(draw_sheet(early, LAYOUTS["3x4"], (), style).image))
    found = reading[2].leads["V5"][3750:]
    known = np.isfinite(found)
    error = (found - early.leads["V5"][3750:])[known]
    assert known.mean() > 0.7
    assert np.quantile(np.abs(error - np.median(error)), 0.99) < 0.5


def test_a_page_of_the_known_machine_is_told_by_its_print() -> None:
    reading = read(np.asarray(render(SIGNALS, "3x4")))
    quality = reading_quality(*reading)
    assert (quality.sheet, quality.checks) == (1.0, ())
    assert set(quality.leads) == set(LEADS)
    assert keep_reliable(*reading, quality) == reading
