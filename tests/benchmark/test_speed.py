"""What is printed of speed follows from what was measured."""

from ecgapp.benchmark.speed import (
    JPEG,
    NAIVE,
    PHOTO,
    PHOTO_JPEG,
    READING,
    Comparison,
    Cost,
    SpeedReport,
    to_rows,
    to_sentence,
)

CPU_MS = {JPEG: 10.0, READING: 80.0, NAIVE: 400.0, PHOTO_JPEG: 50.0, PHOTO: 320.0}
REPORT = SpeedReport(
    2,
    0.4,
    [Comparison("Time, cold", "s", 0.5, 4.0, 3)],
    [Cost(what, ms, 2 * ms, 7) for what, ms in CPU_MS.items()],
    {"decode": 12.0, "total": 90.0},
).to_dict()


def test_ratios_are_those_of_processor_time() -> None:
    assert [row["times"] for row in to_rows(REPORT)] == ["8.0", "8.0", "5.0", "6.4", "4.0"]


def test_a_thousand_sheets_cost_a_thousand_times_one() -> None:
    said = to_sentence(REPORT)
    assert "1,000 sheets take 80 s of processor time" in said
    assert "320 s (medians of 7" in said
