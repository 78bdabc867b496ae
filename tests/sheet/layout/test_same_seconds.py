import io
from dataclasses import replace

import numpy as np
import pytest
from as_printed import is_as_printed, read
from PIL import Image

from ecgapp.digitize.leads import cut_leads
from ecgapp.digitize.trace import digitize, likeliest_signals
from ecgapp.ecg import LAYOUTS, LEADS, PX_PER_MM, Signals
from ecgapp.errors import Refusal
from ecgapp.explain.evidence import find_places
from ecgapp.inference.twelve_lead_inputs import twelve_lead_inputs
from ecgapp.io.pages import PageImage, read_pages
from ecgapp.pipeline import diagnose, trace_file
from ecgapp.sheet.detect.rows import SHRINK
from ecgapp.sheet.layout.same_seconds import show_same_beats
from ecgapp.sheet.locate import locate
from ecgapp.synthesis.draw import draw_sheet
from ecgapp.synthesis.simulate import PatientModel, Rhythm, simulate
from ecgapp.synthesis.vendors import VENDORS

SIGNALS = simulate(PatientModel(heart_rate_bpm=67, st_level_mv={"V2": 0.2}, seed=5))
PLAIN = replace(VENDORS["pink"], page_mm=(297, 400), pulse="none", name_place="above", blocks=())
OTHER = simulate(PatientModel(heart_rate_bpm=91, seed=6))


def side_by_side(limb: Signals, chest: Signals) -> bytes:
    """Ten seconds of six leads in either column, as plotting programs print them."""
    halves = []
    for signals, names in ((limb, LEADS[:6]), (chest, LEADS[6:])):
        shown = {
            name: lead if name in names else np.full_like(lead, np.nan)
            for name, lead in signals.leads.items()
        }
        six = Signals(signals.sampling_rate_hz, shown)
        drawn = draw_sheet(six, LAYOUTS["12x1"], (), PLAIN)
        truth = drawn.truth
        left, _, right, _ = truth.boxes_mm[names[0]]
        rows = [truth.baselines_mm[name] for name in names]
        around = 0.4 * (rows[1] - rows[0])
        corners = truth.to_image(
            np.array([[left - 4, rows[0] - 2 * around], [right + 2, rows[-1] + 2 * around]])
        )
        (x0, y0), (x1, y1) = np.round(corners).astype(int).tolist()
        halves.append(np.asarray(drawn.image)[y0:y1, x0:x1])
    height = min(map(len, halves))
    sheet = io.BytesIO()
    Image.fromarray(np.hstack([half[:height] for half in halves])).save(sheet, "PNG")
    return sheet.getvalue()


def page_of(data: bytes) -> PageImage:
    return next(iter(read_pages(data)))


def test_columns_of_the_same_ten_seconds_are_read_at_their_own_speed() -> None:
    data = side_by_side(SIGNALS, SIGNALS)
    sheet = locate(page_of(data))
    assert (sheet.layout.name, sheet.speed_mm_per_s, sheet.same_seconds) == ("6x2", 25, True)
    traced = digitize(sheet, cut_leads(sheet))
    for name in LEADS:
        both = np.isfinite(traced.leads[name])
        assert both.sum() > 4700, name
        # Within 20 ms.
        printed = [np.roll(SIGNALS.leads[name], shift)[: len(both)] for shift in range(-10, 11)]
        alike = [np.corrcoef(traced.leads[name][both], one[both])[0, 1] for one in printed]
        assert max(alike) > 0.98, name
    rate = diagnose(data).measurements["heart_rate_bpm"].value
    assert rate == pytest.approx(67, abs=1)


def test_a_steady_rhythm_that_is_in_step_by_chance_stays_at_fifty_millimetres_a_second() -> None:
    # Seven beats to every column of five seconds.
    steady = simulate(PatientModel(heart_rate_bpm=84, seed=2))
    drawn = draw_sheet(steady, LAYOUTS["6x2"], (), VENDORS["pink"], speed_mm_per_s=50)
    sheet = io.BytesIO()
    drawn.image.save(sheet, "PNG")
    located = locate(page_of(sheet.getvalue()))
    assert (located.speed_mm_per_s, located.same_seconds) == (50, False)


def test_durations_of_no_heart_are_refused_and_not_written_out() -> None:
    # Ten seconds either, but not the same ones: as wide as ten seconds at twice the speed.
    data = side_by_side(SIGNALS, OTHER)
    with pytest.raises(Refusal, match=r"at 50 mm/s the sheet would show .* as no heart does"):
        trace_file(data)
    refusal = diagnose(data).refusal
    assert refusal is not None
    assert refusal.code == "unreliable_reading"


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize(
    ("rhythm", "strips"),
    [("atrial_fibrillation", ("II",)), ("atrial_fibrillation", ()), ("sinus", ())],
)
def test_a_strip_or_beats_alone_tell_whether_both_columns_show_the_same_five_seconds(
    rhythm: Rhythm, strips: tuple[str, ...], same: bool
) -> None:
    signals = simulate(PatientModel(heart_rate_bpm=85, rhythm=rhythm, seed=3))
    half = 5 * signals.sampling_rate_hz * same
    drawn = {n: np.roll(lead, half * (n in LEADS[6:])) for n, lead in signals.leads.items()}
    page = Signals(signals.sampling_rate_hz, drawn)
    sheet = read(draw_sheet(page, LAYOUTS["6x2"], strips, VENDORS["pink"]).image)
    assert (sheet.layout.name, sheet.rhythm_strips) == ("6x2", strips)
    assert (sheet.seconds, sheet.same_seconds) == (10, same)
    assert sheet.seconds_of("V1") == ((0, 5) if same else (5, 10))
    is_as_printed(sheet, signals)


@pytest.mark.parametrize("same", [True, False])
def test_a_strip_tells_columns_of_the_same_seconds_though_beats_come_nearly_so_in_others(
    same: bool,
) -> None:
    # Five seconds are eight beats.
    signals = simulate(PatientModel(heart_rate_bpm=96, seed=5))
    half = 5 * signals.sampling_rate_hz * same
    drawn = {n: np.roll(lead, half * (n in LEADS[6:])) for n, lead in signals.leads.items()}
    page = Signals(signals.sampling_rate_hz, drawn)
    sheet = read(draw_sheet(page, LAYOUTS["6x2"], ("II",), VENDORS["pink"]).image)
    assert (sheet.seconds, sheet.same_seconds) == (10, same)


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("strips", [(), ("II",)])
def test_four_columns_may_show_the_same_two_and_a_half_seconds(
    strips: tuple[str, ...], same: bool
) -> None:
    signals = simulate(PatientModel(heart_rate_bpm=67, seed=3))
    columns = LAYOUTS["3x4"].columns
    column = round(2.5 * signals.sampling_rate_hz)
    page = Signals(
        signals.sampling_rate_hz,
        {
            name: np.roll(signals.leads[name], number * column * same)
            for number, names in enumerate(columns)
            for name in names
        },
    )
    # The strip shows lead II, which lies in the first column.
    sheet = read(draw_sheet(page, LAYOUTS["3x4"], strips, VENDORS["pink"]).image)
    assert (sheet.layout.name, sheet.rhythm_strips) == ("3x4", strips)
    assert (sheet.seconds, sheet.same_seconds) == (10, same)
    assert sheet.seconds_of("V4") == ((0, 2.5) if same else (7.5, 10))
    is_as_printed(sheet, signals)


@pytest.mark.parametrize("layout", ["3x4", "6x2"])
def test_networks_read_columns_of_the_same_seconds_one_after_the_other(layout: str) -> None:
    signals = simulate(PatientModel(heart_rate_bpm=67, seed=3))
    columns = LAYOUTS[layout].columns
    column = 10 * signals.sampling_rate_hz // len(columns)
    later = {
        name: np.roll(signals.leads[name], number * column)
        for number, names in enumerate(columns)
        for name in names
    }
    page = Signals(signals.sampling_rate_hz, later)
    sheet = read(draw_sheet(page, LAYOUTS[layout], (), VENDORS["pink"]).image)
    assert sheet.same_seconds
    leads = cut_leads(sheet)
    inputs = twelve_lead_inputs(likeliest_signals(sheet, leads, digitize(sheet, leads)))
    assert inputs.shown.all()
    drawn = twelve_lead_inputs(page)
    for number, name in enumerate(LEADS):
        both = np.corrcoef(inputs.leads[0, 5:-5, number], drawn.leads[0, 5:-5, number])
        assert both[0, 1] > 0.95, name
        places = [place for place in find_places(sheet, leads) if place.lead == name]
        read_samples = {k for place in places for k in range(*place.samples.indices(250))}
        assert len(read_samples) > 240, name


COLUMN_PX = 125 * PX_PER_MM / SHRINK


def column_of_beats(at_mm: list[float], weak: int | None = None) -> np.ndarray:
    """One row of curves in a column of five seconds; two pixels at its ends are not looked at."""
    x = np.arange(2, round(COLUMN_PX) - 2)[:, None]
    heights = np.full(len(at_mm), 10.0)
    if weak is not None:
        heights[weak] = 5.0
    places = np.array(at_mm) * PX_PER_MM / SHRINK
    return (heights * np.exp(-(((x - places) / 2.4) ** 2))).sum(axis=1)[None]


@pytest.mark.parametrize("weak", [None, 2])
@pytest.mark.parametrize("late_mm", [-0.9, 0.0, 0.9])
@pytest.mark.parametrize(
    "at_mm",
    [
        [10.0, 34.5, 60.5, 85.0, 110.5],
        # Every second beat is premature.
        [9.0, 25.0, 51.0, 67.0, 92.5, 108.5],
    ],
)
def test_a_rhythm_in_step_by_chance_is_not_taken_for_the_same_five_seconds(
    at_mm: list[float], late_mm: float, weak: int | None
) -> None:
    # A breath moves beats that come at the same moments of any five seconds.
    breath = [0.6, -0.5, 0.6, -0.6, 0.5, -0.5]
    later = [at + late_mm + off for at, off in zip(at_mm, breath, strict=False)]
    shown = column_of_beats(at_mm, weak)
    assert not show_same_beats(shown, column_of_beats(later, weak), COLUMN_PX)
    assert show_same_beats(shown, shown, COLUMN_PX)


def test_beats_of_no_rhythm_that_are_alike_but_for_their_shapes_are_the_same() -> None:
    at_mm = [8.0, 25.0, 53.0, 66.0, 95.0, 118.0]
    shown, other = column_of_beats(at_mm), column_of_beats([at + 0.4 for at in at_mm])
    rounder = np.convolve(other[0], np.ones(5) / 5, "same")[None]
    assert show_same_beats(shown, rounder, COLUMN_PX)
    assert not show_same_beats(shown, column_of_beats([at + 14.0 for at in at_mm]), COLUMN_PX)
