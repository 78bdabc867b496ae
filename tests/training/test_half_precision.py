from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="writing ONNX files needs onnx, which is not installed")
import onnxruntime  # noqa: E402

from ecgapp.training.half_precision import store_in_half_precision  # noqa: E402


def write_product(path: Path, weights: np.ndarray, offset: np.ndarray) -> None:
    """Write a graph of ``x @ weights + offset``."""
    number = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("MatMul", ["x", "weights"], ["product"]),
            onnx.helper.make_node("Add", ["product", "offset"], ["y"]),
        ],
        "product",
        [onnx.helper.make_tensor_value_info("x", number, [None, weights.shape[0]])],
        [onnx.helper.make_tensor_value_info("y", number, [None, weights.shape[1]])],
        [
            onnx.numpy_helper.from_array(weights, "weights"),
            onnx.numpy_helper.from_array(offset, "offset"),
        ],
    )
    opset = onnx.helper.make_opsetid("", 15)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8), path)


def test_large_weights_take_half_the_room_and_say_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((64, 64), dtype=np.float32)
    offset = rng.standard_normal(64, dtype=np.float32)
    path = tmp_path / "model.onnx"
    write_product(path, weights, offset)
    before = path.stat().st_size
    store_in_half_precision(path)
    assert path.stat().st_size < 0.6 * before
    given = rng.standard_normal((3, 64), dtype=np.float32)
    (found,) = onnxruntime.InferenceSession(path).run(None, {"x": given})
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, given @ weights + offset, atol=0.02)
    # What is small is as exact as it was.
    (at_zero,) = onnxruntime.InferenceSession(path).run(None, {"x": np.zeros_like(given)})
    np.testing.assert_array_equal(at_zero[0], offset)
