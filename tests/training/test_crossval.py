"""Cross-validation: what a fold's network may have seen, and what is loaded of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed")

from study_sets import build_tiny_window_net  # noqa: E402
from window_sets import make_windows  # noqa: E402

from ecgapp.datasets.window_set import CLASSES  # noqa: E402
from ecgapp.evaluation.predictions import by_lead, read_predictions, write_predictions  # noqa: E402
from ecgapp.training import crossval, fit  # noqa: E402
from ecgapp.training.networks.recipe import Recipe  # noqa: E402
from ecgapp.training.networks.registry import ARCHITECTURES  # noqa: E402
from ecgapp.training.run_folder import StaleRunError, UnfinishedRunError  # noqa: E402

RECIPE = Recipe(epochs=2, learning_rate=0.05, batch_size=16, patience=None)
WINDOWS = make_windows(n_sheets=24)


@pytest.fixture(autouse=True)
def tiny_cnn(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = replace(ARCHITECTURES["cnn"], build=build_tiny_window_net, recipe=RECIPE)
    monkeypatch.setitem(ARCHITECTURES, "cnn", tiny)


def cross_validate(runs: Path, folds: list[int]) -> None:
    crossval.cross_validate("cnn", WINDOWS, CLASSES, RECIPE, runs, folds)


def load_fold(runs: Path, fold: int, recipe: Recipe = RECIPE) -> keras.Model:
    return crossval.load_fold("cnn", WINDOWS, CLASSES, recipe, runs, fold)


def test_a_fold_learns_from_no_session_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt = {}
    monkeypatch.setattr(
        crossval,
        "train",
        lambda *arguments: learnt.setdefault(arguments[-1].name, arguments[3]) is None,
    )
    monkeypatch.setattr(
        crossval, "predict", lambda net, windows, rows: np.full((len(rows), 4), 0.25, np.float32)
    )
    cross_validate(tmp_path, [0, 1, 2])
    assert sorted(learnt) == ["fold0", "fold1", "fold2"]
    for fold, rows in enumerate(learnt.values()):
        sessions = set(WINDOWS.session[WINDOWS.fold == fold])
        assert not sessions & set(WINDOWS.session[rows])
        # Nothing is held out where the number of epochs is fixed.
        assert len(rows) == (WINDOWS.fold != fold).sum()


def test_the_loaded_fold_says_what_it_said_when_it_was_tested(tmp_path: Path) -> None:
    cross_validate(tmp_path, [1])
    rows = np.flatnonzero(WINDOWS.fold == 1)
    said = fit.predict(load_fold(tmp_path, 1), WINDOWS, rows)
    tested = crossval.out_of_fold(WINDOWS, tmp_path, [1])[rows]
    np.testing.assert_allclose(said, tested, atol=1e-6)


def test_a_fold_with_early_stopping_is_loaded_with_its_best_weights(tmp_path: Path) -> None:
    # Steps so long that the last epoch is not the best.
    recipe = replace(RECIPE, epochs=12, learning_rate=5.0, patience=1)
    crossval.cross_validate("cnn", WINDOWS, CLASSES, recipe, tmp_path, [0])
    rows = np.flatnonzero(WINDOWS.fold == 0)
    said = fit.predict(load_fold(tmp_path, 0, recipe), WINDOWS, rows)
    tested = crossval.out_of_fold(WINDOWS, tmp_path, [0])[rows]
    np.testing.assert_allclose(said, tested, atol=1e-6)


def test_nothing_is_loaded_where_no_training_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FileNotFoundError):
        load_fold(tmp_path, 0)

    def stop_in_second_epoch(self: object, epoch: int, logs: object = None) -> None:
        if epoch == 1:
            raise KeyboardInterrupt
        write(self, epoch, logs)

    write = fit._Journal.on_epoch_end
    with monkeypatch.context() as patch:
        patch.setattr(fit._Journal, "on_epoch_end", stop_in_second_epoch)
        with pytest.raises(KeyboardInterrupt):
            cross_validate(tmp_path, [0])
    for fold in (0, 1):
        with pytest.raises(UnfinishedRunError, match=f"fold{fold} holds {1 - fold} of up to 2"):
            load_fold(tmp_path, fold)
    assert len(fit.read_history(tmp_path / "fold0")) == 1
    assert not (tmp_path / "fold1").exists()


def test_a_run_of_other_data_is_not_taken_for_the_folds_network(tmp_path: Path) -> None:
    cross_validate(tmp_path, [0])
    with pytest.raises(StaleRunError):
        load_fold(tmp_path, 0, replace(RECIPE, seed=1))
    others = replace(WINDOWS, images=WINDOWS.images // 2)
    with pytest.raises(StaleRunError):
        crossval.load_fold("cnn", others, CLASSES, RECIPE, tmp_path, 0)


def test_a_fold_that_is_done_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cross_validate(tmp_path, [2])
    monkeypatch.setattr(crossval, "train", lambda *_: pytest.fail("trained again"))
    cross_validate(tmp_path, [2])


def test_a_leads_prediction_is_the_mean_of_its_windows(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(4), len(WINDOWS)).astype(np.float32)
    write_predictions(tmp_path / "p.csv", by_lead(WINDOWS, probabilities, CLASSES)[0])
    written = read_predictions(tmp_path / "p.csv")
    assert len(written) == 24 * 2
    for row in (0, 1, 47):
        own = (WINDOWS.sheet == written.sheet[row]) & (WINDOWS.lead == written.lead[row])
        np.testing.assert_allclose(
            written.probabilities[row], probabilities[own].mean(axis=0), atol=1e-4
        )


def test_the_final_model_learns_for_as_long_as_the_folds_needed(tmp_path: Path) -> None:
    for fold, losses in enumerate(((3, 1, 2), (3, 2, 1), (1, 2, 3))):
        (tmp_path / f"fold{fold}").mkdir()
        lines = [f"{epoch},{loss}" for epoch, loss in enumerate(losses, start=1)]
        (tmp_path / f"fold{fold}" / "history.csv").write_text(
            "\n".join(["epoch,val_loss", *lines, ""])
        )
    assert crossval.learnt_epochs(tmp_path, [0, 1, 2]) == 2
