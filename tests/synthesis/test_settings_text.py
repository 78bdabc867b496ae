"""Lines with speed and gain say what the machine prints, in the words of its spelling."""

import numpy as np
import pytest

from ecgapp.synthesis.settings_text import Spelling, settings_text


@pytest.mark.parametrize(
    ("spelling", "parts"),
    [
        ("usual", ["50 mm/s", "10 mm/mV"]),
        ("respelled", ["50", "mm", "10/5"]),
        ("labelled", ["50", "Limb: 10", "Chest: 5"]),
        ("capitals", ["50", "MM", "10/5"]),
    ],
)
def test_a_line_says_speed_and_both_gains(spelling: Spelling, parts: list[str]) -> None:
    rng = np.random.default_rng(1)
    lines = [settings_text(spelling, 50.0, 10.0, 5.0, rng) for _ in range(40)]
    assert all(part in line.replace(".0", "") for line in lines for part in parts)
    assert spelling != "capitals" or all(line == line.upper() for line in lines)
    assert spelling == "usual" or len(set(lines)) > 5


def test_one_gain_is_written_once() -> None:
    lines = [
        settings_text("respelled", 25.0, 10.0, 10.0, np.random.default_rng(seed))
        for seed in range(40)
    ]
    assert not any("10/10" in line for line in lines)
    assert any("10.0" in line for line in lines)
    assert any("25mm/s" in line for line in lines)
    assert any("mm/sec" in line for line in lines)
