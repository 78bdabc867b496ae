import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from window_sets import make_windows

from ecgapp.study.splits import fold_split, grouped_stratified, hold_out_validation


@settings(max_examples=30, deadline=None)
@given(
    sheets=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=60),
    n_parts=st.integers(2, 6),
    seed=st.integers(0, 5),
)
def test_no_session_is_ever_in_two_parts(
    sheets: list[tuple[int, int]], n_parts: int, seed: int
) -> None:
    strata = np.array([f"class {label}" for label, _ in sheets])
    groups = np.array([session for _, session in sheets])
    part = grouped_stratified(strata, groups, n_parts, seed)
    assert len(part) == len(sheets)
    for session in set(groups):
        assert len(set(part[groups == session])) == 1


def test_every_part_gets_its_share_of_a_rare_class() -> None:
    strata = np.array(["common"] * 200 + ["rare"] * 10)
    part = grouped_stratified(strata, np.arange(210), 5, seed=0)
    np.testing.assert_array_equal(np.bincount(part[strata == "rare"]), [2] * 5)
    np.testing.assert_array_equal(np.bincount(part[strata == "common"]), [40] * 5)


def test_a_fold_is_tested_on_sessions_that_neither_train_nor_validate() -> None:
    windows = make_windows(n_sheets=80)
    for fold in np.unique(windows.fold):
        split = fold_split(windows, int(fold), seed=0)
        rows = np.concatenate([split.train, split.validation, split.test])
        assert sorted(rows) == list(range(len(windows)))
        assert set(windows.fold[split.test]) == {fold}
        train, validation, test = (
            set(windows.session[part]) for part in (split.train, split.validation, split.test)
        )
        assert train
        assert validation
        assert not train & validation
        assert not (train | validation) & test


def test_validation_sees_every_class() -> None:
    windows = make_windows(n_sheets=120)
    _, validation = hold_out_validation(windows, np.arange(len(windows)), seed=0)
    assert set(windows.label[validation]) == set(windows.label)


def test_an_empty_fold_is_an_error_and_not_an_empty_test() -> None:
    with pytest.raises(ValueError, match="fold 7"):
        fold_split(make_windows(n_sheets=10), 7, seed=0)
