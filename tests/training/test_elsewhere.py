from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mapie", reason="training needs the offline half")

from ecgapp.datasets.drawn_sheets import (
    DRAWN_FILE,
    PTBXL,
    SIGNALS_FILE,
    DrawnSheets,
    read_drawn_sheets,
    write_drawn_sheets,
)
from ecgapp.datasets.statements import LABELS
from ecgapp.inference.shipped_models import MODELS_FOLDER, STATEMENT_NETWORK
from ecgapp.inference.verdict import read_rule
from ecgapp.training.stacking import fit_elsewhere, judge_elsewhere, sureness


def made_up(n: int, source: str = PTBXL, seed: int = 0) -> DrawnSheets:
    """Sheets whose probabilities mean what they say, but for being squared."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet([0.4] * 4, n)
    true = np.array([rng.choice(4, p=row) for row in probabilities])
    possible = np.arange(4) == true[:, None]
    # As elsewhere: the stage of an infarction is not known.
    possible[true >= 2, 2:] = True
    surer = probabilities**2 / (probabilities**2).sum(axis=1, keepdims=True)
    return DrawnSheets(
        source=np.full(n, source),
        record=np.arange(n).astype(str),
        vendor=np.full(n, "pink"),
        arrangement=np.full(n, "3x4 + II"),
        defined=np.full(n, ""),
        photographed=np.arange(n) % 3 == 0,
        abstained=np.zeros(n, bool),
        possible=possible,
        labels=np.round(surer, 5),
        codes=("NORM",),
        stated=(true == 0).astype(int)[:, None],
        statements=probabilities[:, :1],
    )


def test_what_is_too_sure_is_drawn_back_and_the_threshold_holds_on_others() -> None:
    rule = fit_elsewhere(made_up(4000))
    assert rule.weights[STATEMENT_NETWORK] == pytest.approx(0.5, abs=0.05)
    shipped = replace(read_rule(MODELS_FOLDER), elsewhere=rule)
    others = made_up(3000, "elsewhere", seed=1)
    judged = judge_elsewhere(others, shipped, made_up(10))
    assert judged.right[judged.confident].mean() == pytest.approx(0.95, abs=0.025)
    assert 0.1 < judged.confident.mean() < 0.9


def test_that_an_ecg_is_not_normal_holds_on_others_too() -> None:
    sheets = made_up(4000)
    shipped = replace(read_rule(MODELS_FOLDER), elsewhere=fit_elsewhere(sheets))
    others = made_up(3000, "elsewhere", seed=1)
    called = judge_elsewhere(others, shipped, sheets).not_normal
    assert others.possible[called][:, 0].mean() == pytest.approx(0.01, abs=0.01)
    assert 0.1 < called.mean() < 0.9
    doubtful = replace(others, abstained=np.ones(3000, bool))
    assert not judge_elsewhere(doubtful, shipped, sheets).not_normal.any()


def test_no_verdict_on_a_doubtful_sheet_is_confident() -> None:
    sheets = made_up(1000)
    shipped = replace(read_rule(MODELS_FOLDER), elsewhere=fit_elsewhere(sheets))
    doubtful = replace(sheets, source=np.full(1000, "other"), abstained=np.ones(1000, bool))
    assert not judge_elsewhere(doubtful, shipped, sheets).confident.any()


def test_infarctions_of_any_age_are_taken_together() -> None:
    found = sureness(np.array([[0.1, 0.1, 0.3, 0.5], [0.6, 0.1, 0.1, 0.2]]))
    np.testing.assert_allclose(found, [0.8, 0.6])
    assert LABELS[2:] == ("mi", "history_of_mi")


def test_the_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    sheets = made_up(20)
    write_drawn_sheets(tmp_path / DRAWN_FILE, sheets)
    again = read_drawn_sheets(tmp_path / DRAWN_FILE)
    assert again.codes == sheets.codes
    for name in ("source", "record", "photographed", "possible", "stated"):
        np.testing.assert_array_equal(getattr(again, name), getattr(sheets, name))
    np.testing.assert_allclose(again.labels, sheets.labels)


def test_the_shipped_rule_is_the_one_of_the_shipped_tables() -> None:
    folder = MODELS_FOLDER / STATEMENT_NETWORK
    found = fit_elsewhere(read_drawn_sheets(folder / SIGNALS_FILE))
    rule = read_rule(MODELS_FOLDER).elsewhere
    assert rule is not None
    assert found.min_probability == pytest.approx(rule.min_probability, abs=1e-3)
    assert found.weights == pytest.approx(rule.weights, abs=1e-3)
    assert {PTBXL + ", other half", "LUDB", "five other collections"} == set(rule.judged)


def test_a_sheet_that_is_not_normal_by_definition_is_called_what_it_is() -> None:
    sheets = made_up(200, "elsewhere")
    rule = replace(read_rule(MODELS_FOLDER), elsewhere=fit_elsewhere(made_up(1000)))
    plain = judge_elsewhere(sheets, rule, made_up(10))
    normal = plain.probabilities.argmax(axis=1) == LABELS.index("normal")
    defined = replace(sheets, defined=np.where(normal, "mi", "history_of_mi"))
    moved = judge_elsewhere(defined, rule, made_up(10))
    found = moved.probabilities.argmax(axis=1)
    assert (found[normal] == LABELS.index("mi")).all()
    np.testing.assert_array_equal(moved.probabilities[~normal], plain.probabilities[~normal])
    assert not moved.confident[normal].any()
