import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed")

from study_sets import build_tiny_window_net  # noqa: E402
from window_sets import make_windows  # noqa: E402

from ecgapp.cli import main  # noqa: E402
from ecgapp.datasets.splits import fold_split  # noqa: E402
from ecgapp.datasets.window_set import CLASSES, load_windows  # noqa: E402
from ecgapp.evaluation.predictions import read_predictions  # noqa: E402
from ecgapp.training import fit as training  # noqa: E402
from ecgapp.training.augment import Augmentation  # noqa: E402
from ecgapp.training.networks.recipe import Recipe  # noqa: E402
from ecgapp.training.networks.registry import ARCHITECTURES  # noqa: E402

RECIPE = Recipe(epochs=4, learning_rate=0.05, batch_size=16)


@pytest.fixture(autouse=True)
def tiny_cnn(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = replace(ARCHITECTURES["cnn"], build=build_tiny_window_net, recipe=RECIPE)
    monkeypatch.setitem(ARCHITECTURES, "cnn", tiny)


@pytest.mark.filterwarnings("error:Skipping variable loading")
def test_interrupted_training_goes_on_with_the_next_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = make_windows(n_sheets=40)
    split = fold_split(windows, 0, seed=0)

    def run() -> Any:
        return training.train(
            "cnn", windows, CLASSES, split.train, split.validation, RECIPE, tmp_path
        )

    write = training._Journal.on_epoch_end

    def stop_in_second_epoch(self: Any, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            raise KeyboardInterrupt
        write(self, epoch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(training._Journal, "on_epoch_end", stop_in_second_epoch)
        with pytest.raises(KeyboardInterrupt):
            run()
    before = training.read_history(tmp_path)
    assert [row["epoch"] for row in before] == [1]

    run()
    history = training.read_history(tmp_path)
    assert history[0] == before[0]
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    assert history[1]["loss"] < history[0]["loss"]

    # A finished training is not repeated, and gives the same model.
    first = training.predict(run(), windows, split.test)
    np.testing.assert_array_equal(training.predict(run(), windows, split.test), first)
    assert len(training.read_history(tmp_path)) == 4


def test_training_stops_early_and_keeps_the_best_epochs_weights(tmp_path: Path) -> None:
    windows = make_windows(n_sheets=40)
    split = fold_split(windows, 0, seed=0)
    # Steps so long that the loss cannot keep falling.
    recipe = Recipe(epochs=20, learning_rate=5.0, batch_size=16, patience=2)
    net = training.train("cnn", windows, CLASSES, split.train, split.validation, recipe, tmp_path)
    history = training.read_history(tmp_path)
    assert len(history) == training.best_epoch(history) + 2
    net.compile(loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing))
    loss = net.evaluate(
        windows.inputs(split.validation),
        training.one_hot(windows.label[split.validation], CLASSES),
        sample_weight=training.sheet_weights(windows, split.validation, recipe.class_balance),
        verbose=0,
    )
    assert loss == pytest.approx(min(row["val_loss"] for row in history), rel=1e-3)


def test_in_full_balance_every_class_weighs_alike_and_without_it_every_sheet() -> None:
    windows = make_windows(n_sheets=30)
    rows = np.arange(len(windows))[3:]
    weights = training.sheet_weights(windows, rows, class_balance=1)
    by_class = [weights[windows.label[rows] == name].sum() for name in CLASSES]
    np.testing.assert_allclose(by_class, by_class[0], rtol=1e-5)
    assert weights.mean() == pytest.approx(1)
    weights = training.sheet_weights(windows, rows, class_balance=0)
    by_sheet = [weights[windows.sheet[rows] == name].sum() for name in set(windows.sheet[rows])]
    np.testing.assert_allclose(by_sheet, by_sheet[0], rtol=1e-5)


def test_cross_validation_ships_predictions_of_models_that_never_saw_the_session(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    windows = make_windows(n_sheets=40)
    windows.save(tmp_path / "windows.npz")
    command = ["crossval", "cnn", "--windows", str(tmp_path / "windows.npz")]
    command += ["--runs", str(tmp_path / "runs"), "--models", str(tmp_path / "models")]
    assert main.main([*command, "--fold", "2"]) == 0
    assert not (tmp_path / "models").exists()
    assert main.main(command) == 0

    model = tmp_path / "models" / "cnn"
    leads = read_predictions(model / "predictions.csv")
    assert leads.classes == CLASSES
    assert len(leads) == 80  # two leads a sheet, whatever the number of windows
    assert (leads.predicted == leads.true).mean() > 0.9
    metadata = json.loads((model / "metadata.json").read_text())
    assert metadata["classes"] == list(CLASSES)
    assert metadata["metrics"]["all_layouts"]["accuracy"] > 0.9
    assert metadata["training"]["data_sha256"] == windows.digest()
    with (model / "history.csv").open(newline="") as file:
        runs = {row["run"] for row in csv.DictReader(file)}
    assert {"fold0", "fold1", "fold2"} < runs
    shipped = keras.saving.load_model(model / "model.keras", compile=False)
    assert shipped.output_shape == (None, 4)
    trained = tmp_path / "runs" / "cnn" / "model.keras"
    assert (model / "model.keras").stat().st_size < 0.95 * trained.stat().st_size
    learnt = keras.saving.load_model(trained, compile=False).get_weights()
    assert all(map(np.array_equal, shipped.get_weights(), learnt))

    # Other data in the same run folder would mix two experiments.
    make_windows(n_sheets=20).save(tmp_path / "windows.npz")
    assert main.main(command) == 2
    assert "--runs" in capsys.readouterr().err


def test_data_that_cannot_be_read_are_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["train", "cnn", "--data", str(tmp_path)]) == 2
    assert "manifest.csv" in capsys.readouterr().err
    assert main.main(["train", "cnn", "--windows", str(tmp_path / "a.npz")]) == 2
    assert "No such file" in capsys.readouterr().err
    (tmp_path / "a.npz").write_text("no windows")
    with pytest.raises(SystemExit) as exit_info:
        main.main(["train", "cnn", "--windows", str(tmp_path / "a.npz")])
    assert exit_info.value.code == 2
    make_windows(n_sheets=20).save(tmp_path / "a.npz")
    crossval = ["crossval", "cnn", "--windows", str(tmp_path / "a.npz"), "--fold", "9"]
    assert main.main([*crossval, "--runs", str(tmp_path / "runs")]) == 2
    assert "no fold 9" in capsys.readouterr().err
    assert main.main(["export", "--models", str(tmp_path)]) == 2
    assert "crossval" in capsys.readouterr().err


def test_train_holds_sessions_out_and_writes_a_model(tmp_path: Path) -> None:
    make_windows(n_sheets=40).save(tmp_path / "windows.npz")
    command = ["train", "cnn", "--windows", str(tmp_path / "windows.npz")]
    assert main.main([*command, "--runs", str(tmp_path / "runs")]) == 0
    run = tmp_path / "runs" / "cnn"
    assert "val_loss" in training.read_history(run / "held_out")[0]
    assert main.main([*command, "--runs", str(tmp_path / "runs"), "--epochs", "1"]) == 0
    assert len(training.read_history(run / "final_1_epochs")) == 1
    assert (run / "model.keras").exists()


def test_a_window_file_comes_back_as_it_was(tmp_path: Path) -> None:
    windows = make_windows(n_sheets=5)
    windows.save(tmp_path / "windows.npz")
    again = load_windows(tmp_path / "windows.npz")
    assert again.digest() == windows.digest()
    np.testing.assert_array_equal(again.images, windows.images)
    assert make_windows(n_sheets=6).digest() != windows.digest()


def test_augmentation_changes_windows_in_training_only_and_never_by_much() -> None:
    windows = np.zeros((64, 150, 150, 1), np.uint8)
    windows[:, 70:73] = 255
    windows[:, 30:73, 20:23] = 255  # one upright beat in the first part
    layer = Augmentation(seed=0)
    np.testing.assert_array_equal(np.asarray(layer(windows)), windows)
    changed = np.asarray(layer(windows, training=True))[..., 0]
    assert changed.shape == (64, 150, 150)
    assert len({image.tobytes() for image in changed}) == 64
    above, below = changed[:, :62].sum(axis=(1, 2)), changed[:, 82:].sum(axis=(1, 2))
    assert (above > 0).all()
    assert (below == 0).all()  # never upside down
    beat_columns = changed[:, 45:60].sum(axis=1).argmax(axis=1)
    assert (beat_columns < 45).all()  # never mirrored
    ink = changed.sum(axis=(1, 2)) / windows[0].astype(float).sum()
    assert (ink > 0.5).all()
    assert (ink < 1.7).all()
