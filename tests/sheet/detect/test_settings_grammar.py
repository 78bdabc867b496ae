"""Whether speed and gain are understood however a machine writes them, and never half."""

import numpy as np
import pytest

from ecgapp.sheet.detect.settings_grammar import settings_in
from ecgapp.training.settings_lines import as_letters

Said = tuple[float | None, float | None, float | None]


def said(*lines: str) -> Said:
    """What lines say of which every letter is surely read."""
    letters = [as_letters(line) for line in lines]
    return settings_in((line, np.ones(len(line))) for line in letters)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("25 mm/s   10/5 mm/mV   0.15-100Hz  50Hz", (25, 10, 5)),
        ("10(limb) 5(chest) mm/mV  25 mm/s  Filter: H50 0.05-40Hz", (25, 10, 5)),
        ("20 (Limb) / 10 (Chest) mm/mV", (None, 20, 10)),
        ("Speed: 25 mm/sec   Limb: 10 mm/mV   Chest: 5.0 mm/mV", (25, 10, 5)),
        ("Limb: 10 mm/mV   Chest: 10.0 mm/mV", (None, 10, None)),
        ("25 mm/s   1 mV = 10 mm", (25, 10, None)),
        ("50mm/s 1mV/20mm", (50, 20, None)),
        ("20 mm = 1 mV", (None, 20, None)),
        ("5mm/1mV", (None, 5, None)),
        ("1 cm/mV  25 mm/s", (25, 10, None)),
        ("0.5 cm/mV", (None, 5, None)),
        ("x1.0  0.05-150Hz  25mm/sec", (25, 10, None)),
        ("25mm/s x0.5", (25, 5, None)),
        ("\N{MULTIPLICATION SIGN}2 25mm/s", (25, 20, None)),
        ("AC50 5mm/mV  25mm/s", (25, 5, None)),
        ("Скорость: 50 мм/с  Усиление: 10 мм/мВ  ФВЧ 0,05 Гц", (50, 10, None)),
        ("25 ММ/СЕК 5 ММ/МВ", (25, 5, None)),
        ("AUTO 5Ømm/s 1Ømm/mV Ø.Ø5-35Hz", (50, 10, None)),
        ("25 mm/s 2Ø mm/mV", (25, 20, None)),
        ("5Ø mm/mV 2Ø mm/s", (None, None, None)),
        ("1Ø/5 mm/mV 25mm/s", (25, 10, 5)),
        ("2 5Ø mm/s", (None, None, None)),
    ],
)
def test_a_line_is_understood_as_machines_write_it(text: str, expected: Said) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Points are lost to the cleaning of a page.
        ("2 5 mm/mV  12 5 mm/s", (12.5, 2.5, None)),
        ("Chest: 50 mm/mV  Limb: 100 mm/mV", (None, 10, 5)),
        ("x100 05-250Hz  25mm/sec", (25, 10, None)),
        ("x0 5 0 05-250Hz  25mm/sec", (25, 5, None)),
        # So are a slash, and blanks.
        ("25 mm/s5 mm/mV", (25, 5, None)),
        ("2. 5 mm/mV  125.0 mm/s", (None, 2.5, None)),
        ("10 5 mm/mV  25 mm/s", (25, None, None)),
        ("10 mm mV", (None, 10, None)),
        ("10 mm/ V", (None, 10, None)),
    ],
)
def test_small_marks_that_are_lost_change_no_value(text: str, expected: Said) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    "text", ["Limb: 10 mm/mV", "Chest: 5 mm/mV", "10(limb) 5 mm/mV", "Prec.: 5 mm/mV"]
)
def test_one_of_two_gains_is_not_taken_for_the_gain_of_all_leads(text: str) -> None:
    assert said(f"25 mm/s  {text}") == (25, None, None)


@pytest.mark.parametrize(
    "text",
    [
        "PR 160 ms  QRS 92 ms  72 bpm  50 Hz",
        "ST 1 mV, 10 mm",
        "x1.0 0.05-150Hz",
        "RV5 1.0 mV = 10 mm/s2",
        "3x10 mm/mV",
        "7 mm/mV",
        "94. 5 mm/mV",
    ],
)
def test_other_words_say_nothing(text: str) -> None:
    assert said(text) == (None, None, None)


def test_strips_of_ten_seconds_are_no_multiple() -> None:
    assert said("25 mm/s  x0.5  1 x 10 s") == (25, 5, None)


def test_a_multiple_is_not_mixed_with_a_gain_in_millimetres() -> None:
    assert said("x2  20 mm/mV  25 mm/s", "x1  25 mm/s") == (25, 20, None)


def test_a_letter_that_is_not_sure_makes_a_value_none() -> None:
    text = "25 mm/s  10 mm/mv"
    for letter in range(len(text)):
        sureness = np.ones(len(text))
        sureness[letter] = 0.5
        speed, gain, _ = settings_in([(text, sureness)])
        if text[letter] != " ":
            assert (speed, gain) == ((None, 10) if letter < 7 else (25, None)), letter
