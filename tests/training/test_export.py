import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="exporting needs TensorFlow, which is not installed")
import keras
import onnx
import onnxruntime

if keras.backend.backend() != "tensorflow":
    pytest.skip("exporting needs the TensorFlow backend of Keras", allow_module_level=True)

from ecgapp.digitize.leads import PREPROCESSING_VERSION
from ecgapp.ecg import NAMED_LEADS
from ecgapp.inference.shipped_models import GRADIENT_GRAPH, MODELS_FOLDER, load_model
from ecgapp.training import export
from ecgapp.training.gradient_graph import (
    MAX_GRADIENT_DIFFERENCE,
    MAX_HALF_GRADIENT_DIFFERENCE,
    largest_gradient_difference,
    write_gradient,
)
from ecgapp.training.networks import twelve_lead
from ecgapp.training.networks.ensemble import members
from ecgapp.training.networks.registry import ARCHITECTURES

SERVED = ("cnn", "crnn")


@pytest.mark.parametrize("name", SERVED)
def test_the_served_model_says_what_the_trained_one_says(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    keras.utils.set_random_seed(3)
    net = ARCHITECTURES[name].build(4)
    net.save(folder / "model.keras")
    metadata = {
        "classes": list("abcd"),
        "leads": list(NAMED_LEADS),
        "preprocessing_version": PREPROCESSING_VERSION,
    }
    (folder / "metadata.json").write_text(json.dumps(metadata))
    assert export.export_model(folder) < 1e-5

    served = load_model(folder)
    windows = np.random.default_rng(1).integers(0, 256, (25, 150, 150), dtype=np.uint8)
    windows[windows < np.linspace(0, 255, 25)[:, None, None]] = 0  # from dense to empty
    leads = (NAMED_LEADS * 2)[:25]
    expected = net.predict([windows[..., None], np.arange(25) % len(NAMED_LEADS)], verbose=0)
    assert np.ptp(expected, axis=0).max() > 1e-3
    np.testing.assert_allclose(served.predict(windows, leads), expected, atol=1e-5)
    np.testing.assert_allclose(served.predict(windows[:1], leads[:1]), expected[:1], atol=1e-5)
    assert (folder / "model.onnx").stat().st_size < 3_000_000
    assert scales_planes(folder / "model.onnx")


def scales_planes(path: Path) -> bool:
    """Whether pictures are reshaped first: their last axis has one entry, slow to scale."""
    model = onnx.load(path)
    pictures = next(
        one.name for one in model.graph.input if len(one.type.tensor_type.shape.dim) == 4
    )
    first = [node.op_type for node in model.graph.node if pictures in node.input]
    return len(first) == 1 and first[0] in ("Reshape", "Unsqueeze")


def test_the_name_reader_scales_planes() -> None:
    assert scales_planes(MODELS_FOLDER / "names" / "model.onnx")


def test_an_export_that_says_something_else_is_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ARCHITECTURES["cnn"].build(4).save(tmp_path / "model.keras")
    (tmp_path / "metadata.json").write_text("{}")
    monkeypatch.setattr(export, "largest_difference", lambda *_: 0.01)
    with pytest.raises(export.ParityError, match="differ"):
        export.export_model(tmp_path)
    assert "onnx_sha256" not in json.loads((tmp_path / "metadata.json").read_text())


@pytest.mark.parametrize("name", SERVED)
def test_the_shipped_weights_are_the_shipped_keras_models(name: str) -> None:
    folder = MODELS_FOLDER / name
    if not (folder / "model.onnx").exists():
        pytest.skip("no models are shipped yet")
    model = keras.saving.load_model(folder / "model.keras", compile=False)
    assert export.largest_difference(model, folder / "model.onnx") < 1e-5
    assert onnxruntime.InferenceSession(folder / "model.onnx").get_inputs()[0].shape[1:] == [
        150,
        150,
        1,
    ]
    assert scales_planes(folder / "model.onnx")


@pytest.mark.parametrize("name", export.WITH_GRADIENT)
def test_the_shipped_gradients_are_the_shipped_keras_models(name: str) -> None:
    folder = MODELS_FOLDER / name
    own_layers = {"ecgapp>LeadBias": twelve_lead.LeadBias}
    model = keras.saving.load_model(
        folder / "model.keras", custom_objects=own_layers, compile=False
    )
    limit = MAX_HALF_GRADIENT_DIFFERENCE if members(model) else MAX_GRADIENT_DIFFERENCE
    assert largest_gradient_difference(model, folder / GRADIENT_GRAPH) < limit


def test_a_gradient_of_other_weights_is_noticed(tmp_path: Path) -> None:
    keras.utils.set_random_seed(3)
    written, other = (ARCHITECTURES["cnn"].build(4) for _ in range(2))
    write_gradient(written, tmp_path / GRADIENT_GRAPH)
    assert largest_gradient_difference(written, tmp_path / GRADIENT_GRAPH) < 1e-5
    assert largest_gradient_difference(other, tmp_path / GRADIENT_GRAPH) > 0.5


def test_all_served_graphs_together_are_small() -> None:
    assert sum(file.stat().st_size for file in MODELS_FOLDER.rglob("*.onnx")) < 45_000_000
