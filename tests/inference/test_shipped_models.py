import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from ecgapp.digitize.leads import PREPROCESSING_VERSION
from ecgapp.ecg import NAMED_LEADS
from ecgapp.inference.shipped_models import MODELS_FOLDER, ModelError, load_model, load_models
from ecgapp.io.weights import read_json, write_checksums

CLASSES = ["normal", "mi"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a model that always says 30% and 70%."""
    graph = helper.make_graph(
        [
            helper.make_node("Shape", ["windows"], ["n"], start=0, end=1),
            helper.make_node("Concat", ["n", "one"], ["repeats"], axis=0),
            helper.make_node("Tile", ["answer", "repeats"], ["probabilities"]),
        ],
        "constant",
        [
            helper.make_tensor_value_info("windows", TensorProto.UINT8, ["n", 150, 150, 1]),
            helper.make_tensor_value_info("leads", TensorProto.INT32, ["n"]),
        ],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 2])],
        [
            helper.make_tensor("one", TensorProto.INT64, [1], [1]),
            helper.make_tensor("answer", TensorProto.FLOAT, [1, 2], [0.3, 0.7]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    model_folder = tmp_path / "cnn"
    model_folder.mkdir()
    onnx.save(model, model_folder / "model.onnx")
    write_metadata(model_folder, PREPROCESSING_VERSION)
    return model_folder


def write_metadata(folder: Path, preprocessing_version: int) -> None:
    metadata = {
        "classes": CLASSES,
        "leads": list(NAMED_LEADS),
        "onnx_sha256": hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest(),
        "preprocessing_version": preprocessing_version,
    }
    (folder / "metadata.json").write_text(json.dumps(metadata))
    write_checksums(folder.parent)


def test_windows_as_the_leads_give_them_are_read(folder: Path) -> None:
    model = load_model(folder)
    probabilities = model.predict(np.zeros((3, 150, 150), np.uint8), ["I", "V6", "rhythm"])
    np.testing.assert_allclose(probabilities, [[0.3, 0.7]] * 3)
    assert model.metadata["classes"] == CLASSES


def test_weights_that_were_tampered_with_are_refused(folder: Path) -> None:
    weights = bytearray((folder / "model.onnx").read_bytes())
    weights[-1] ^= 1
    (folder / "model.onnx").write_bytes(weights)
    with pytest.raises(ModelError, match=r"cnn.*SHA-256.*not loaded"):
        load_model(folder)


def test_weights_without_a_checksum_are_refused(folder: Path) -> None:
    (folder / "metadata.json").write_text(json.dumps({"classes": CLASSES}))
    write_checksums(folder.parent)
    with pytest.raises(ModelError, match="SHA-256"):
        load_model(folder)


def test_a_model_of_another_preprocessing_is_refused(folder: Path) -> None:
    write_metadata(folder, PREPROCESSING_VERSION + 1)
    with pytest.raises(ModelError, match="preprocessing version"):
        load_model(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('["normal", "mi"]', '["mi", "normal"]'),
        lambda text: "[]",
        lambda text: "",
    ],
    ids=["classes reversed", "list", "empty"],
)
def test_metadata_that_were_changed_are_refused(folder: Path, change) -> None:
    metadata = folder / "metadata.json"
    assert change(metadata.read_text()) != metadata.read_text()
    metadata.write_text(change(metadata.read_text()))
    with pytest.raises(ModelError, match=r"cnn/metadata\.json"):
        load_model(folder)


@pytest.mark.parametrize("content", ["[]", "{", "null", "[" * 100_000])
def test_metadata_that_are_no_object_are_refused(folder: Path, content: str) -> None:
    (folder / "metadata.json").write_text(content)
    write_checksums(folder.parent)
    with pytest.raises(ModelError, match=r"cnn/metadata\.json"):
        load_model(folder)


@pytest.mark.parametrize("content", [None, "[]", "{}", "{"])
def test_checksums_that_are_missing_or_damaged_are_refused(
    folder: Path, content: str | None
) -> None:
    checksums = folder.parent / "checksums.json"
    checksums.unlink()
    if content is not None:
        checksums.write_text(content)
    with pytest.raises(ModelError, match=r"checksums\.json"):
        load_model(folder)


def test_the_shipped_files_are_those_that_the_checksums_name() -> None:
    named = json.loads((MODELS_FOLDER / "checksums.json").read_text())
    assert {"verdict.json", "cnn/metadata.json", "twelve_lead/metadata.json"} <= set(named)
    for name in named:
        assert read_json(MODELS_FOLDER, name)


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    write_checksums(tmp_path)
    with pytest.raises(ModelError, match="crnn"):
        load_model(tmp_path / "crnn")


@pytest.mark.skipif(
    not (MODELS_FOLDER / "cnn" / "model.onnx").exists(), reason="no models are shipped yet"
)
def test_the_shipped_models_load_once_and_agree_on_their_classes() -> None:
    models = load_models()
    assert list(models) == ["cnn", "crnn"]
    assert load_models() is models
    classes = [model.metadata["classes"] for model in models.values()]
    assert classes[0] == classes[1]
    for model in models.values():
        probabilities = model.predict(np.zeros((2, 150, 150), np.uint8), ["I", "rhythm"])
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
