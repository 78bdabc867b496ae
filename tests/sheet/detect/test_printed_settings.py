"""Whether paper speed and gain are read where a page prints them, and only there."""

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest
from as_printed import read as read_sheet
from PIL import Image, ImageDraw, ImageFont

from ecgapp import diagnose
from ecgapp.ecg import LAYOUTS, PX_PER_MM, Signals
from ecgapp.io.weights import MODELS_FOLDER, ModelError, write_checksums
from ecgapp.sheet.detect.printed_settings import (
    PrintedSettings,
    load_settings_reader,
    read_settings,
)
from ecgapp.synthesis.draw import draw_sheet
from ecgapp.synthesis.simulate import PatientModel, simulate
from ecgapp.synthesis.vendors import VENDORS, Print

SIGNALS = simulate(PatientModel(heart_rate_bpm=76, seed=5))


def test_one_reading_of_a_page_is_filled_from_another_with_both_its_gains() -> None:
    speed_alone = PrintedSettings(50.0, None)
    both = PrintedSettings(25.0, 10.0, 5.0)
    assert speed_alone.filled_from(both) == PrintedSettings(50.0, 10.0, 5.0)
    one_gain = PrintedSettings(None, 20.0)
    assert one_gain.filled_from(both) == PrintedSettings(25.0, 20.0, None)


def page(
    text: str,
    capital_mm: float = 2.4,
    ink: int = 0,
    turned_deg: float = 0,
    font_file: Path | None = None,
) -> np.ndarray:
    """A footer below two rows of waves, at canonical scale."""
    picture = Image.new("L", (2200, 900), 255)
    pen = ImageDraw.Draw(picture)
    size = capital_mm * PX_PER_MM / 0.72
    font = ImageFont.truetype(font_file, size) if font_file else ImageFont.load_default(size)
    pen.text((150, 800), text, ink, font)
    gray = np.array(picture.rotate(turned_deg, Image.Resampling.BICUBIC, fillcolor=255))
    x = np.arange(100, 2100)
    for line in (250, 500):
        y = np.round(line - 60 * np.exp(-((((x % 200) - 60) / 6) ** 2))).astype(int)
        points = np.column_stack([x, y])
        cv2.polylines(gray, [points], False, 0, 3)
    return gray


@pytest.mark.parametrize(
    ("text", "speed", "gain", "chest_gain"),
    [
        ("25 mm/s   10 mm/mV   0.05-150 Hz", 25.0, 10.0, None),
        ("50mm/s 20mm/mV AC50", 50.0, 20.0, None),
        ("0.67~100Hz  25mm/s  5mm/mV  AC50", 25.0, 5.0, None),
        ("Speed: 25 mm/sec  Gain: 2.5 mm/mV", 25.0, 2.5, None),
        ("Limb: 10 mm/mV  Chest: 5 mm/mV", None, 10.0, 5.0),
        ("25 mm/s  10 mm/mV  2.5 mm/mV", 25.0, None, None),
        ("10x5 mm/mV  25 mm/s", 25.0, None, None),
        ("10/5 mm/mV  25 mm/s", 25.0, 10.0, 5.0),
        ("10(limb) 5(chest) mm/mV  25 mm/s  Filter: 50", 25.0, 10.0, 5.0),
        (
            "Speed: 25 mm/sec" + 12 * " " + "Limb: 10 mm/mV" + 12 * " " + "Chest: 5.0 mm/mV",
            25.0,
            10.0,
            5.0,
        ),
        ("25 mm/s   1 mV = 10 mm", 25.0, 10.0, None),
        ("x0.5  0.05-150Hz  25mm/sec", 25.0, 5.0, None),
        ("PR 160 ms  QRS 92 ms  72 bpm  50 Hz", None, None, None),
    ],
)
def test_speed_and_gain_are_read(
    text: str, speed: float | None, gain: float | None, chest_gain: float | None
) -> None:
    assert read_settings(page(text)) == PrintedSettings(speed, gain, chest_gain)


@pytest.mark.parametrize(
    "look",
    [
        {"capital_mm": 1.5},
        {"capital_mm": 4.0},
        {"ink": 140},
        {"turned_deg": 1.0},
        {"turned_deg": -1.0},
    ],
)
def test_small_pale_and_turned_print_is_read(look: dict[str, float]) -> None:
    read = read_settings(page("25 mm/s   10/5 mm/mV   0.15-100 Hz   50 Hz", **look))
    assert read == PrintedSettings(25.0, 10.0, 5.0)


@pytest.mark.parametrize(
    ("text", "speed", "gain"),
    [
        ("50 мм/с   10 мм/мВ   0,05-150 Гц", 50.0, 10.0),
        ("Скорость: 25 мм/с  Усиление: 5 мм/мВ", 25.0, 5.0),
        ("ЧСС 72 уд/мин  PQ 160 мс  ФНЧ 75 Гц", None, None),
    ],
)
def test_cyrillic_units_are_read(text: str, speed: float | None, gain: float | None) -> None:
    # Pillow's own font has no such letters.
    with_cyrillic = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    assert read_settings(page(text, font_file=with_cyrillic)) == PrintedSettings(speed, gain)


@pytest.mark.parametrize("gain", [5.0, 10.0, 20.0])
def test_a_sheet_without_a_pulse_is_read_at_the_gain_that_it_prints(gain: float) -> None:
    style = replace(VENDORS["pink"], pulse="none")
    signals = simulate(PatientModel(heart_rate_bpm=76, seed=5))
    drawn = draw_sheet(signals, LAYOUTS["3x4"], ("II",), style, gain_mm_per_mv=gain)
    sheet = read_sheet(drawn.image)
    assert sheet.gain_mm_per_mv == gain
    said = {step.step: step.found for step in sheet.steps}["Gain"]
    assert said == f"{gain:g} mm/mV, as printed: no calibration pulse"


def test_a_footer_at_the_papers_edge_is_read_on_a_photograph_too() -> None:
    """Dark beside the paper is taken for the table and its shadow."""
    prints = (Print(30, -2.2, 3.0, "25mm/s 20mm/mV 0.05-100Hz AC50"),)
    style = replace(VENDORS["pink"], pulse="none", prints=prints)
    drawn = draw_sheet(SIGNALS, LAYOUTS["3x4"], ("II",), style, gain_mm_per_mv=20.0)
    table = ((120, 120), (120, 120), (0, 0))
    rgb = np.pad(np.asarray(drawn.image), table, constant_values=70)
    assert read_sheet(rgb).gain_mm_per_mv == 20


def test_settings_far_below_the_grid_are_read() -> None:
    style = replace(VENDORS["pink"], pulse="none", blocks=(), prints=())
    drawn = draw_sheet(SIGNALS, LAYOUTS["3x4"], ("II",), style, gain_mm_per_mv=20.0)
    px_per_mm = drawn.truth.px_per_mm
    below = round(30 * px_per_mm)
    rgb = np.pad(np.asarray(drawn.image), ((0, below), (0, 0), (0, 0)), constant_values=255)
    picture = Image.fromarray(rgb)
    ImageDraw.Draw(picture).text(
        (20 * px_per_mm, len(rgb) - 13 * px_per_mm),
        "25 mm/s   20 mm/mV",
        (0, 0, 0),
        ImageFont.load_default(4 * px_per_mm),
    )
    assert read_sheet(picture).gain_mm_per_mv == 20


def printed_as(text: str, times_as_slow: int = 1) -> bytes:
    """A sheet with pulses of 10 mm whose footer says something else."""
    style = VENDORS["pink"]
    prints = tuple(
        one._replace(text=text) if "{gain:g}" in one.text else one for one in style.prints
    )
    assert prints != style.prints
    drawn_at = np.arange(len(SIGNALS.leads["I"]))
    leads = {
        name: np.interp(drawn_at / times_as_slow, drawn_at, lead)
        for name, lead in SIGNALS.leads.items()
    }
    signals = Signals(SIGNALS.sampling_rate_hz, leads)
    drawn = draw_sheet(signals, LAYOUTS["3x4"], ("II",), replace(style, prints=prints))
    file = io.BytesIO()
    drawn.image.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "25 mm/s   5 mm/mV",
            "prints a gain of 5 mm/mV, but its calibration pulses are 10 mm",
        ),
        (
            "25 mm/s   20/10 mm/mV",
            "prints a gain of 20 mm/mV, but its calibration pulses are 10 mm",
        ),
        ("12.5 mm/s  10 mm/mV", "prints a speed of 12.5 mm/s, but its curves are as wide as at 25"),
    ],
)
def test_a_sheet_that_prints_other_settings_than_it_shows_is_refused(text: str, said: str) -> None:
    found = diagnose(printed_as(text))
    assert found.refusal is not None
    assert found.refusal.code == "unreliable_reading"
    assert said in found.refusal.message


def test_five_seconds_at_twice_the_speed_are_read_as_such() -> None:
    found = diagnose(printed_as("50 mm/s   10 mm/mV", times_as_slow=2))
    assert found.sheet is not None
    assert found.signals is not None
    assert (found.sheet.speed_mm_per_s, found.sheet.seconds) == (50.0, 5.0)
    assert found.measurements["heart_rate_bpm"].value == pytest.approx(76, abs=2)
    # The networks learnt from ten seconds.
    assert found.verdict is None
    assert found.refusal is not None
    assert found.refusal.code == "too_few_seconds"
    assert "5 seconds in all, 1.2 of each lead, at 50 mm/s" in found.refusal.message
    for number, names in enumerate(LAYOUTS["3x4"].columns):
        for name in set(names) - {"II"}:
            shown = np.flatnonzero(np.isfinite(found.signals.leads[name])) / 500
            assert (shown.min(), shown.max()) == pytest.approx(
                (1.25 * number, 1.25 * number + 1.25), abs=0.06
            ), name


def test_five_seconds_are_not_taken_for_ten_where_the_speed_is_not_read() -> None:
    found = diagnose(printed_as("10 mm/mV", times_as_slow=2))
    assert found.refusal is not None
    assert found.refusal.code == "unreliable_reading"
    assert "38 beats a minute" in found.refusal.message
    assert "the speed that the sheet prints was not read" in found.refusal.message


def test_chest_leads_are_read_at_the_gain_that_is_printed_for_them() -> None:
    sheet = diagnose(printed_as("Limb: 10 mm/mV   Chest: 5 mm/mV")).sheet
    assert sheet is not None
    assert (sheet.gain_mm_per_mv, sheet.chest_gain_mm_per_mv) == (10.0, 5.0)


def test_weights_that_know_other_letters_are_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "settings"
    shutil.copytree(MODELS_FOLDER / "settings", folder)
    metadata = json.loads((folder / "metadata.json").read_text())
    (folder / "metadata.json").write_text(json.dumps(metadata | {"letters": "abc"}))
    write_checksums(tmp_path)
    with pytest.raises(ModelError, match="other letters"):
        load_settings_reader(folder)
