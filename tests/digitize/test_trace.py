import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from paths import DATA
from PIL import Image

from ecgapp.benchmark.reading import snr_db as shifted_snr_db
from ecgapp.cli import main
from ecgapp.digitize.leads import INK, PAPER, NamedLead, cut_leads
from ecgapp.digitize.trace import digitize, likeliest_signals, trace
from ecgapp.ecg import LAYOUTS, LEADS, PX_PER_MV, PX_PER_S, RHYTHM_STRIP, Signals
from ecgapp.io.pages import PageImage
from ecgapp.io.signals_csv import read_signals_csv
from ecgapp.sheet.locate import locate
from ecgapp.synthesis.draw import draw_sheet
from ecgapp.synthesis.edan import render
from ecgapp.synthesis.simulate import PatientModel, simulate
from ecgapp.synthesis.vendors import VENDORS

LUDB = DATA / "ludb"
BEATS = simulate(PatientModel(heart_rate_bpm=76, seed=5))


def page_of(rgb: NDArray[np.uint8]) -> PageImage:
    return PageImage(rgb, cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), "PNG")


def read_back(signals: Signals, template: str, shift_px: int = 0) -> Signals:
    rgb = np.roll(np.array(render(signals, template)), shift_px, axis=0)
    sheet = locate(page_of(rgb))
    return digitize(sheet, cut_leads(sheet))


def snr_db(true: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    both = np.isfinite(found) & np.isfinite(true)
    true = true[both] - true[both].mean()
    found = found[both] - found[both].mean()
    return float(10 * np.log10((true**2).mean() / ((true - found) ** 2).mean()))


@pytest.mark.parametrize("template", ["3x4", "6x2", "6x2+rhythm"])
def test_drawn_signals_are_read_back(template: str) -> None:
    signals = simulate(PatientModel(heart_rate_bpm=75))
    found = read_back(signals, template)
    assert found.sampling_rate_hz == 500
    assert found.n_samples == 5000
    values = [snr_db(signals.leads[name][:5000], found.leads[name]) for name in LEADS]
    assert np.median(values) > 15
    assert min(values) > 10


def test_zero_millivolts_stay_where_they_are_when_the_page_is_shifted() -> None:
    signals = simulate(PatientModel())
    here, lower = read_back(signals, "3x4"), read_back(signals, "3x4", shift_px=1)
    for name in LEADS:
        assert np.nanmedian(lower.leads[name] - here.leads[name]) == pytest.approx(0, abs=0.002)


def test_a_lead_is_empty_where_the_sheet_does_not_show_it() -> None:
    found = read_back(simulate(PatientModel()), "3x4")
    shown = {name: np.flatnonzero(np.isfinite(found.leads[name])) / 500 for name in LEADS}
    assert shown["V1"][0] == pytest.approx(5, abs=0.05)
    assert shown["V1"][-1] == pytest.approx(7.5, abs=0.05)
    # The rhythm strip repeats lead II over all ten seconds.
    assert len(shown["II"]) > 4900


def test_the_command_writes_the_table_that_render_reads(tmp_path: Path) -> None:
    page, table, again = tmp_path / "a.png", tmp_path / "a.csv", tmp_path / "b.png"
    render(simulate(PatientModel()), "6x2+rhythm").save(page)
    assert main.main(["digitize", str(page), "-o", str(table)]) == 0
    assert np.isfinite(read_signals_csv(table.read_bytes()).leads["aVR"]).mean() > 0.4
    assert main.main(["render", str(table), "-o", str(again), "--layout", "6x2+rhythm"]) == 0


def test_the_command_refuses_what_is_no_sheet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.png").write_text("no picture")
    command = ["digitize", str(tmp_path / "a.png"), "-o", str(tmp_path / "a.csv")]
    assert main.main(command) == 3
    assert "text" in capsys.readouterr().err
    assert not (tmp_path / "a.csv").exists()


def test_the_command_says_that_it_cannot_write_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "a.png"
    render(simulate(PatientModel()), "3x4").save(page)
    for output in (tmp_path / "nowhere" / "a.csv", tmp_path):
        with pytest.raises(SystemExit) as exit_info:
            main.main(["digitize", str(page), "-o", str(output)])
        assert exit_info.value.code == 2
        assert "folder" in capsys.readouterr().err


def test_real_recordings_are_read_back() -> None:
    if not LUDB.is_dir():
        pytest.skip("the data set is not at ../shared/data")
    records = np.load(LUDB / "signals_500hz_uV.npz", allow_pickle=False)
    names = [str(name) for name in records["leads"]]
    by_upper = {name.upper(): name for name in LEADS}
    values = []
    for record in records["signal"][:12]:
        leads = {
            by_upper[name.upper()]: (record[:, k] / 1000).astype(np.float32)
            for k, name in enumerate(names)
        }
        found = read_back(Signals(500, leads), "3x4")
        values += [snr_db(leads[name], found.leads[name]) for name in LEADS]
    assert np.median(values) > 15


@pytest.mark.parametrize("gain_mm_per_mv", [5.0, 20.0])
def test_narrow_waves_keep_their_height_at_other_gains(gain_mm_per_mv: float) -> None:
    signals = simulate(PatientModel(heart_rate_bpm=80))
    drawn = draw_sheet(signals, LAYOUTS["3x4"], ("II",), gain_mm_per_mv=gain_mm_per_mv)
    rgb = np.asarray(drawn.image)
    gray = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    sheet = locate(PageImage(rgb, gray, "PNG"))
    found = digitize(sheet, cut_leads(sheet))
    for name in ("V4", "V5", "V6"):
        assert np.nanmax(found.leads[name]) == pytest.approx(
            float(signals.leads[name][3750:].max()), rel=0.2
        )


@pytest.mark.parametrize(
    ("speed_mm_per_s", "gain_mm_per_mv", "least_db"), [(50.0, 10.0, 22.5), (25.0, 20.0, 17.0)]
)
def test_sheets_of_other_scales_are_traced_well(
    speed_mm_per_s: float, gain_mm_per_mv: float, least_db: float
) -> None:
    signals = simulate(PatientModel(heart_rate_bpm=72, seed=2))
    drawn = draw_sheet(
        signals,
        LAYOUTS["3x4"],
        ("II",),
        speed_mm_per_s=speed_mm_per_s,
        gain_mm_per_mv=gain_mm_per_mv,
        px_per_mm=6.0,
    )
    sheet = locate(page_of(np.asarray(drawn.image)))
    assert (sheet.speed_mm_per_s, sheet.gain_mm_per_mv) == (speed_mm_per_s, gain_mm_per_mv)
    found = digitize(sheet, cut_leads(sheet))
    ratios = [shifted_snr_db(signals.leads[name], found.leads[name], 0.06) for name in LEADS]
    assert np.median(ratios) > least_db


def test_merged_strokes_of_a_tremor_are_traced_along_their_middle() -> None:
    # A band twice as high as the pen is wide, and one beat.
    curve = np.full((240, 400), PAPER, np.uint8)
    curve[115:125] = INK
    curve[40:125, 200:207] = INK
    lead = NamedLead("I", Image.fromarray(curve), curve, pen_px=5.0, pen_half_width_px=2.5)
    traced_px = trace(lead) * PX_PER_MV
    assert np.nanmax(traced_px) > 65
    assert np.abs(traced_px[20:180]).max() < 1


def test_tremor_in_some_leads_takes_no_peaks_off_them() -> None:
    shaking = 0.06 * np.sin(2 * np.pi * 32 * np.arange(BEATS.n_samples) / 500).astype(np.float32)
    limbs = ("I", "II", "III", "aVR", "aVL", "aVF")
    leads = {n: v + shaking if n in limbs else v for n, v in BEATS.leads.items()}
    style = replace(VENDORS["pink"], curve_mm=0.6)
    drawn = draw_sheet(Signals(500, leads), LAYOUTS["3x4"], (), style)
    sheet = locate(page_of(np.asarray(drawn.image)))
    found = digitize(sheet, cut_leads(sheet))
    assert snr_db(leads["II"][:5000], found.leads["II"]) > 10


def test_tremor_in_all_leads_takes_no_peaks_off_them() -> None:
    rng = np.random.default_rng(4)
    leads = {
        name: (lead + rng.normal(0, 0.02, len(lead))).astype(np.float32)
        for name, lead in BEATS.leads.items()
    }
    style = replace(VENDORS["pink"], curve_mm=0.18)
    drawn = draw_sheet(Signals(500, leads), LAYOUTS["3x4"], (), style, px_per_mm=6)
    sheet = locate(page_of(np.asarray(drawn.image)))
    found = digitize(sheet, cut_leads(sheet))
    heights = [np.nanmax(found.leads[n]) / BEATS.leads[n].max() for n in ("I", "II", "V5", "V6")]
    assert min(heights) > 0.85


def test_a_strip_goes_on_where_its_lead_ends() -> None:
    sheet = locate(page_of(np.asarray(draw_sheet(BEATS, LAYOUTS["3x4"], ("II",)).image)))
    # Each row's 0 mV is found on its own.
    lines = sheet.baselines_px | {"rhythm": sheet.baselines_px["rhythm"] + 15}
    sheet = replace(sheet, baselines_px=lines)
    found = digitize(sheet, cut_leads(sheet))
    assert np.isfinite(found.leads["II"]).mean() > 0.95
    off_mv = found.leads["II"] - BEATS.leads["II"][:5000]
    assert abs(np.nanmedian(off_mv[:1200]) - np.nanmedian(off_mv[1300:])) < 0.02


def test_a_stroke_into_which_a_strip_runs_is_no_part_of_it_where_limb_leads_show_none() -> None:
    signals = simulate(PatientModel(heart_rate_bpm=70, seed=6))
    drawn = draw_sheet(signals, LAYOUTS["3x4"], ("II",), VENDORS["orange"])
    truth = drawn.truth
    left, line = truth.boxes_mm[RHYTHM_STRIP][0], truth.baselines_mm[RHYTHM_STRIP]
    seconds = 3.6
    x = left + 25 * seconds
    ends = truth.to_image(np.array([[x, line + 0.5], [x, line - 14]]))
    rgb = np.array(drawn.image)
    (x0, y0), (x1, y1) = np.round(ends).astype(int).tolist()
    cv2.line(rgb, (x0, y0), (x1, y1), (0, 0, 0), 3)
    sheet = locate(PageImage(rgb, np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)), "PNG"))
    found = digitize(sheet, cut_leads(sheet)).leads["II"]
    beside = found[round(500 * (seconds - 0.08)) : round(500 * (seconds + 0.08))]
    assert np.nanmax(beside) < 0.6
    assert np.isfinite(found).mean() > 0.95


def test_the_command_says_beside_the_table_where_it_comes_from(tmp_path: Path) -> None:
    page, table = tmp_path / "page.png", tmp_path / "out.csv"
    draw_sheet(simulate(PatientModel()), LAYOUTS["6x2"], ("II",)).image.save(page)
    assert main.main(["digitize", str(page), "-o", str(table)]) == 0
    told = json.loads((tmp_path / "out.json").read_text())
    assert (told["file"], told["page"], told["sampling_rate_hz"]) == ("page.png", 1, 500)
    assert (told["sheet"]["layout"], told["sheet"]["gain_mm_per_mv"]) == ("6x2", 10.0)
    assert told["sheet"]["quality"] > 0.5
    assert set(told["sheet"]["lead_quality"]) == set(LEADS)


def aligned_with(print_on: Callable[[NDArray[np.uint8], float, float], None]) -> Signals:
    """Read a sheet of another machine after something was printed at the tallest R peak of V5."""
    rgb = np.asarray(draw_sheet(BEATS, LAYOUTS["3x4"], (), VENDORS["pink"]).image).copy()
    sheet = locate(page_of(rgb))
    peak_s = 7.7 + np.argmax(BEATS.leads["V5"][3850:4850]) / 500
    across = sheet.start_px + peak_s * PX_PER_S
    up = sheet.baselines_px["V5"] - BEATS.leads["V5"][round(peak_s * 500)] * PX_PER_MV
    x, y, z = sheet.to_upload @ (across, up, 1)
    print_on(rgb, x / z, y / z)
    sheet = locate(page_of(rgb))
    return digitize(sheet, cut_leads(sheet))


def write_above(rgb: NDArray[np.uint8], x: float, y: float) -> None:
    place = (round(x - 30), round(y - 6))
    cv2.putText(rgb, "EGO", place, cv2.FONT_HERSHEY_SIMPLEX, 1.0, (0, 0, 0), 3)


def rub_out(rgb: NDArray[np.uint8], x: float, y: float) -> None:
    rgb[round(y - 10) : round(y + 150), round(x - 1) : round(x + 3)] = 255


@pytest.mark.parametrize("print_on", [write_above, rub_out])
def test_print_at_a_peak_and_a_peak_rubbed_out_are_not_traced(
    print_on: Callable[[NDArray[np.uint8], float, float], None],
) -> None:
    found = aligned_with(print_on)
    assert snr_db(BEATS.leads["V5"], found.leads["V5"]) > 10


def test_networks_read_through_what_is_not_known_for_sure() -> None:
    """Tall waves of close rows cross: what nobody can tell apart is no hole to a network."""
    tall = Signals(500, {name: 2 * values for name, values in BEATS.leads.items()})
    page = draw_sheet(tall, LAYOUTS["12x1"], (), VENDORS["dotted"]).image
    sheet = locate(page_of(np.asarray(page)))
    leads = cut_leads(sheet)
    known = digitize(sheet, leads)
    read = likeliest_signals(sheet, leads, known)
    holes = [np.isnan(known.leads[name]) & np.isfinite(read.leads[name]) for name in LEADS]
    assert sum(map(np.sum, holes)) > 100
    for name in LEADS:
        both = np.isfinite(known.leads[name])
        np.testing.assert_array_equal(read.leads[name][both], known.leads[name][both])
    # A lead that was left out stays so.
    without = Signals(500, {**known.leads, "V3": np.full_like(known.leads["V3"], np.nan)})
    assert np.isnan(likeliest_signals(sheet, leads, without).leads["V3"]).all()


def test_on_the_known_machines_sheets_networks_read_what_is_known() -> None:
    sheet = locate(page_of(np.array(render(BEATS, "3x4"))))
    leads = cut_leads(sheet)
    known = digitize(sheet, leads)
    assert likeliest_signals(sheet, leads, known) is known
