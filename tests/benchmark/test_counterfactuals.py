"""What a change of the heart, and what a change of the page, does to what is read."""

import pytest

from ecgapp.benchmark.counterfactuals import CHANGES, SHEETS, change_effects, page_effect


@pytest.mark.parametrize("sheets", SHEETS)
def test_finding_statement_and_verdict_follow_a_change_of_the_heart(sheets: str) -> None:
    effects = change_effects(sheets, 1)
    assert [effect.change for effect in effects] == [change.name for change in CHANGES]
    missed = [
        f"{effect.change}: {part}"
        for effect in effects
        for part in ("finding", "statement", "verdict")
        if getattr(effect, part) < effect.n
    ]
    # This patient's fibrillation is not irregular enough, and limb leads hide part of a wide QRS.
    assert len(missed) <= 3, missed


@pytest.mark.parametrize("layout", ["3x4", "6x2"])
def test_header_footer_and_grid_move_nothing(layout: str) -> None:
    assert page_effect(layout, 1).largest < 0.05
