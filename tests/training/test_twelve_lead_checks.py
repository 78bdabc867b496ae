"""What is measured of the twelve-lead network, and what it is not measured on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from ecgapp.datasets.window_set import CLASSES  # noqa: E402
from ecgapp.inference.twelve_lead_inputs import TwelveLeadInputs  # noqa: E402
from ecgapp.synthesis.simulate import PatientModel, simulate  # noqa: E402
from ecgapp.training import crossval, twelve_lead_checks  # noqa: E402
from ecgapp.training.networks import twelve_lead  # noqa: E402
from ecgapp.training.networks.ensemble import average  # noqa: E402
from ecgapp.training.networks.registry import ARCHITECTURES  # noqa: E402
from ecgapp.training.run_folder import UnfinishedRunError, write_json  # noqa: E402
from ecgapp.training.twelve_lead_sheets import SheetSet  # noqa: E402

RECIPE = replace(ARCHITECTURES["twelve_lead"].recipe, epochs=1, batch_size=16, learning_rate=0.0)
N_SHEETS = 60


def build_tiny(n_classes: int) -> keras.Model:
    """A network whose features are which leads are shown, and how high the leads are."""
    leads = keras.Input((250, 12), name="leads")
    shown = keras.Input((12,), name="shown")
    activity = keras.Input((1000,), name="activity")
    pooled = keras.layers.GlobalMaxPooling1D()(leads)
    joined = keras.layers.Concatenate()([pooled, shown])
    features = keras.layers.Dense(twelve_lead.HIDDEN, name=twelve_lead.FEATURES)(joined)
    kept = keras.layers.Concatenate()([features, activity])
    return keras.Model(
        [leads, shown, activity], keras.layers.Dense(n_classes, activation="softmax")(kept)
    )


@pytest.fixture(autouse=True)
def tiny_network(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = replace(ARCHITECTURES["twelve_lead"], build=build_tiny, recipe=RECIPE, pretrained=None)
    monkeypatch.setitem(ARCHITECTURES, "twelve_lead", entry)


def make_sheets(told_by_layout: bool) -> SheetSet:
    """Make sheets of two labels, both in either layout; 6x2 is higher where it is to be told."""
    rng = np.random.default_rng(0)
    number = np.arange(N_SHEETS)
    is_6x2 = number // 2 % 2 == 1
    leads = rng.normal(size=(N_SHEETS, 250, 12)).astype(np.float32)
    leads += 5 * (is_6x2 & told_by_layout)[:, None, None]
    return SheetSet(
        traced=TwelveLeadInputs(
            leads, np.ones((N_SHEETS, 12), np.float32), np.zeros((N_SHEETS, 1000), np.float32)
        ),
        sheet=np.array([f"sheet{i}" for i in number]),
        label=np.array(CLASSES)[1:3][number % 2],
        layout=np.where(is_6x2, "6x2", "3x4"),
        session=number,
        fold=number % 2,
    )


def test_the_probe_finds_no_layout_in_features_that_do_not_hold_it(tmp_path: Path) -> None:
    sheets = make_sheets(told_by_layout=False)
    crossval.cross_validate("twelve_lead", sheets, CLASSES, RECIPE, tmp_path, [0, 1])
    probed = twelve_lead_checks.probe_layout(sheets, tmp_path, CLASSES)
    assert list(probed) == sorted(CLASSES[1:3])
    for of_label in probed.values():
        assert of_label["3x4"] + of_label["6x2"] == N_SHEETS // 2
        assert 0.15 <= of_label["auroc"] <= 0.85


def test_the_probe_finds_the_layout_that_features_hold_by_the_first_net_of_an_ensemble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build_pair(n_classes: int) -> keras.Model:
        return average([build_tiny(n_classes) for _ in range(2)], "twelve_lead", "probabilities")

    entry = replace(ARCHITECTURES["twelve_lead"], build=build_pair)
    monkeypatch.setitem(ARCHITECTURES, "twelve_lead", entry)
    sheets = make_sheets(told_by_layout=True)
    crossval.cross_validate("twelve_lead", sheets, CLASSES, RECIPE, tmp_path, [0, 1])
    assert (tmp_path / "fold1" / "member1" / "history.csv").exists()
    probed = twelve_lead_checks.probe_layout(sheets, tmp_path, CLASSES)
    assert min(of_label["auroc"] for of_label in probed.values()) >= 0.95
    (tmp_path / "fold1" / "member1" / "history.csv").unlink()
    with pytest.raises(UnfinishedRunError, match="member1"):
        twelve_lead_checks.probe_layout(sheets, tmp_path, CLASSES)


def test_the_probe_trains_nothing_where_a_fold_is_missing(
    tmp_path: Path,
) -> None:
    sheets = make_sheets(told_by_layout=False)
    crossval.cross_validate("twelve_lead", sheets, CLASSES, RECIPE, tmp_path, [0])
    with pytest.raises(UnfinishedRunError, match="fold1"):
        twelve_lead_checks.probe_layout(sheets, tmp_path, CLASSES)
    assert not (tmp_path / "fold1").exists()


def test_a_pretraining_that_was_stopped_is_not_measured(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        twelve_lead_checks.load_pretraining(tmp_path)
    write_json(tmp_path / "plan.json", {"pretraining": {"epochs": 8}, "statements": ["NORM"]})
    (tmp_path / "history.csv").write_text("epoch,loss\n1,0.5\n")
    with pytest.raises(UnfinishedRunError, match="1 of 8 epochs"):
        twelve_lead_checks.load_pretraining(tmp_path)


def test_a_drawn_recording_is_read_back_from_its_pixels() -> None:
    read = twelve_lead_checks.draw_and_read(simulate(PatientModel(heart_rate_bpm=70)))
    assert read.shown.all()
    assert read.leads.shape == (1, 250, 12)
