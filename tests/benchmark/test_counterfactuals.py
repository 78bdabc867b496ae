"""What a change of the heart, and what a change of the page, does to the shipped verdict."""

import pytest

from ecgapp.benchmark.counterfactuals import LAYOUTS, VERDICT, change_effects, page_effect


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_change_of_the_heart_moves_its_class_up(layout: str) -> None:
    effects = [effect for effect in change_effects(layout, 2) if effect.model == VERDICT]
    assert len(effects) == 4
    assert all(effect.rose == effect.n for effect in effects)
    assert effects[0].called == effects[0].n, "a rate of 110 is no normal heartbeat"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_header_footer_and_grid_move_nothing(layout: str) -> None:
    assert page_effect(layout, 1).largest < 0.05
