"""Whether a reading that shows another paper speed than it was read at is refused."""

import pytest

from ecgapp.errors import Refusal
from ecgapp.measure.durations import require_not_half_speed
from ecgapp.measure.measurements import Measurement


def measured(**values: float) -> dict[str, Measurement]:
    return {name: Measurement(value, "") for name, value in values.items()}


def test_slow_wide_and_late_together_are_taken_for_another_paper_speed() -> None:
    with pytest.raises(
        Refusal, match="37 beats a minute, QRS complexes of 190 ms and a PR"
    ) as found:
        require_not_half_speed(measured(heart_rate_bpm=37, qrs_ms=190, pr_ms=310), 25.0)
    assert found.value.code == "unreliable_reading"
    assert "at 50 mm/s that would be usual" in found.value.message


@pytest.mark.parametrize(
    "values",
    [
        {"heart_rate_bpm": 37, "qrs_ms": 95, "pr_ms": 200},
        {"heart_rate_bpm": 72, "qrs_ms": 160, "pr_ms": 200},
        {"heart_rate_bpm": 48, "qrs_ms": 150, "pr_ms": 150},
        {"heart_rate_bpm": 37, "qrs_ms": 190},
        {"heart_rate_bpm": 37},
    ],
)
def test_hearts_that_are_slow_or_have_wide_complexes_are_read(values: dict[str, float]) -> None:
    require_not_half_speed(measured(**values), 25.0)
