"""Whether a reading that shows another paper speed than it was read at is refused."""

import pytest

from ecgapp.errors import Refusal
from ecgapp.measure.durations import require_not_half_speed
from ecgapp.measure.measurements import Measurement


def measured(**values: float) -> dict[str, Measurement]:
    return {name: Measurement(value, "") for name, value in values.items()}


@pytest.mark.parametrize(
    "values",
    [
        {"heart_rate_bpm": 37, "qrs_ms": 190},
        {"heart_rate_bpm": 37, "qrs_ms": 190, "pr_ms": 150},
        {"heart_rate_bpm": 55, "qrs_ms": 180, "pr_ms": 310},
    ],
)
def test_slow_and_wide_together_are_taken_for_another_paper_speed(
    values: dict[str, float],
) -> None:
    rate, qrs = round(values["heart_rate_bpm"]), round(values["qrs_ms"])
    with pytest.raises(
        Refusal,
        match=f"{rate} beats a minute and QRS complexes of {qrs} ms; at 50 mm/s it would "
        f"be {2 * rate} beats and {qrs // 2} ms",
    ) as found:
        require_not_half_speed(measured(**values), 25.0, pulses_fit=False)
    assert found.value.code == "unreliable_reading"


def test_pulses_that_fit_the_speed_keep_a_slow_heart_with_wide_complexes() -> None:
    block = measured(heart_rate_bpm=34, qrs_ms=160)
    require_not_half_speed(block, 25.0, pulses_fit=True)
    late = measured(heart_rate_bpm=37, qrs_ms=190, pr_ms=310)
    with pytest.raises(Refusal):
        require_not_half_speed(late, 25.0, pulses_fit=True)


@pytest.mark.parametrize(
    "values",
    [
        {"heart_rate_bpm": 37, "qrs_ms": 95, "pr_ms": 200},
        {"heart_rate_bpm": 25, "qrs_ms": 90},
        {"heart_rate_bpm": 30, "qrs_ms": 95, "pr_ms": 180},
        {"heart_rate_bpm": 72, "qrs_ms": 260, "pr_ms": 200},
        {"heart_rate_bpm": 55, "qrs_ms": 180, "pr_ms": 150},
        {"heart_rate_bpm": 37},
        {"qrs_ms": 190},
    ],
)
def test_hearts_that_are_slow_or_have_wide_complexes_are_read(values: dict[str, float]) -> None:
    require_not_half_speed(measured(**values), 25.0, pulses_fit=False)
