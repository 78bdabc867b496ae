from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="writing ONNX files needs onnx, which is not installed")
import onnxruntime  # noqa: E402

from ecgapp.inference.shipped_models import MODELS_FOLDER  # noqa: E402
from ecgapp.training.inked_convolutions import convolve_where_ink_is  # noqa: E402

# Two blocks as the networks have them, on a height and a width that do not divide.
GRAPH = """
<ir_version: 8, opset_import: ["" : 15]>
net (float[n,1,41,34] windows) => (float[n,6,3,8] y) {
    c1 = Conv <strides = [2, 2], kernel_shape = [3, 3], pads = [0, 0, 1, 1]> (windows, w1, b1)
    r1 = Relu (c1)
    p1 = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r1)
    m1 = Mul (p1, gain1)
    x = Add (m1, shift1)
    c2 = Conv <strides = [1, 1], kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (x, w2, b2)
    r2 = Relu (c2)
    p2 = MaxPool <kernel_shape = [3, 1], strides = [3, 1]> (r2)
    m2 = Mul (p2, gain2)
    y = Add (m2, shift2)
}
"""


def write_net(path: Path) -> None:
    rng = np.random.default_rng(4)
    shapes = {"w1": (5, 1, 3, 3), "b1": (5,), "gain1": (1, 5, 1, 1), "shift1": (1, 5, 1, 1)}
    shapes |= {"w2": (6, 5, 3, 3), "b2": (6,), "gain2": (1, 6, 1, 1), "shift2": (1, 6, 1, 1)}
    model = onnx.parser.parse_model(GRAPH)
    model.graph.initializer.extend(
        onnx.numpy_helper.from_array(rng.standard_normal(shape, dtype=np.float32), name)
        for name, shape in shapes.items()
    )
    onnx.save(model, path)


def run(path: Path, windows: np.ndarray) -> np.ndarray:
    return np.asarray(onnxruntime.InferenceSession(path).run(None, {"windows": windows})[0])


def test_windows_of_any_ink_are_read_as_before(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    write_net(path)
    # One inked pixel at every place in turn, so that each edge is met; then none, a line, noise.
    single = np.eye(41 * 34, dtype=np.float32).reshape(-1, 1, 41, 34)
    line = np.zeros((2, 1, 41, 34), np.float32)
    line[1, 0, 20] = 1
    noise = np.random.default_rng(5).random((3, 1, 41, 34), dtype=np.float32)
    windows = np.concatenate([single, line, noise])
    expected = run(path, windows)
    convolve_where_ink_is(path)
    assert [n.op_type for n in onnx.load(path).graph.node].count("Conv") == 1
    np.testing.assert_allclose(run(path, windows), expected, atol=1e-5)
    np.testing.assert_allclose(run(path, line[:1]), expected[-5:-4], atol=1e-5)


def test_a_network_of_signals_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    shipped = (MODELS_FOLDER / "statements" / "model.onnx").read_bytes()
    path.write_bytes(shipped)
    convolve_where_ink_is(path)
    assert path.read_bytes() == shipped


@pytest.mark.parametrize("name", ["cnn", "crnn"])
def test_the_shipped_networks_convolve_where_ink_is(name: str) -> None:
    graph = onnx.load(MODELS_FOLDER / name / "model.onnx").graph
    assert [node.op_type for node in graph.node].count("Conv") == 1
