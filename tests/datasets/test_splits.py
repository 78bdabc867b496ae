import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from window_sets import make_windows

from ecgapp.datasets.splits import (
    fold_split,
    grouped_stratified,
    hold_out_validation,
    holdout_split,
    protocol_splits,
    random_split,
)


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
    part = grouped_stratified(strata, groups, [1] * n_parts, seed)
    assert len(part) == len(sheets)
    for session in set(groups):
        assert len(set(part[groups == session])) == 1


def test_every_part_gets_its_share_of_a_rare_class() -> None:
    strata = np.array(["common"] * 200 + ["rare"] * 10)
    part = grouped_stratified(strata, np.arange(210), [1] * 5, seed=0)
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


def test_a_hold_out_tests_about_a_sixth_on_sessions_of_its_own() -> None:
    windows = make_windows(n_sheets=400)
    split = holdout_split(windows, seed=0)
    assert not split.leaky
    rows = np.concatenate([split.train, split.validation, split.test])
    assert sorted(rows) == list(range(len(windows)))
    parts = (split.train, split.validation, split.test)
    sessions = [set(windows.session[part]) for part in parts]
    assert not sessions[0] & sessions[1]
    assert not (sessions[0] | sessions[1]) & sessions[2]
    sheets = [len(set(windows.sheet[part])) for part in parts]
    np.testing.assert_allclose(np.array(sheets) / 400, [0.70, 0.15, 0.15], atol=0.02)
    assert set(windows.label[split.test]) == set(windows.label)


@settings(max_examples=20, deadline=None)
@given(n_sheets=st.integers(40, 80), seed=st.integers(0, 5))
def test_honest_protocols_never_share_a_session_and_say_that_they_are_honest(
    n_sheets: int, seed: int
) -> None:
    windows = make_windows(n_sheets, leads=("I",))
    copies = np.ones(len(windows), dtype=np.int64)
    for protocol in ("grouped", "holdout"):
        for split in protocol_splits(protocol, windows, copies, seed).values():
            assert not split.leaky
            train, validation, test = (
                set(windows.session[part]) for part in (split.train, split.validation, split.test)
            )
            assert not train & validation
            assert not (train | validation) & test


def test_the_published_split_leaks_and_says_so() -> None:
    windows = make_windows(n_sheets=200)
    sheet_number = np.unique(windows.sheet, return_inverse=True)[1]
    copies = np.array([0, 1, 2, 8])[sheet_number % 4]
    (split,) = protocol_splits("random", windows, copies, seed=0).values()
    assert split.leaky
    rows = np.concatenate([split.train, split.validation, split.test])
    # Every row once for each copy of its sheet's file.
    np.testing.assert_array_equal(np.bincount(rows, minlength=len(windows)), copies)
    assert len(split.train) / len(rows) == pytest.approx(0.70, abs=0.03)
    in_training = np.isin(windows.sheet[split.test], windows.sheet[split.train])
    assert in_training.mean() > 0.5
    # The leads of one copy stay together.
    for part in (split.train, split.validation, split.test):
        times = np.bincount(part, minlength=len(windows))
        for sheet in set(windows.sheet):
            assert len(set(times[windows.sheet == sheet])) == 1


def test_every_kind_of_input_is_split_at_random_alike() -> None:
    leads, pages = make_windows(n_sheets=60), make_windows(n_sheets=60, leads=("I",))
    tests = [random_split(rows, np.full(len(rows), 2), seed=3).test for rows in (leads, pages)]
    assert set(leads.sheet[tests[0]]) == set(pages.sheet[tests[1]])


def test_too_few_sessions_are_an_error_and_not_an_empty_part() -> None:
    with pytest.raises(ValueError, match="2 sessions"):
        holdout_split(make_windows(n_sheets=4), seed=0)
