"""The check of the evidence: a network whose weights are shuffled has learnt nothing."""

import numpy as np
import onnx
import pytest

from ecgapp.benchmark.evidence import shuffle_weights
from ecgapp.inference.shipped_models import MODELS_FOLDER, TWELVE_LEAD_NETWORK


def weights(graph: bytes) -> dict[str, np.ndarray]:
    initializers = onnx.load_from_string(graph).graph.initializer
    arrays = {one.name: onnx.numpy_helper.to_array(one) for one in initializers}
    return {
        name: one
        for name, one in arrays.items()
        if np.issubdtype(one.dtype, np.floating) and one.ndim > 1 and len(np.unique(one)) > 1
    }


@pytest.mark.parametrize("name", [TWELVE_LEAD_NETWORK, "cnn"])
def test_every_kernel_is_shuffled(name: str) -> None:
    graph = (MODELS_FOLDER / name / "model.onnx").read_bytes()
    learnt, shuffled = weights(graph), weights(shuffle_weights(graph, np.random.default_rng(0)))
    assert len(learnt) > 3
    for kernel, values in learnt.items():
        assert values.dtype == shuffled[kernel].dtype
        assert not np.array_equal(values, shuffled[kernel])
        assert np.array_equal(np.sort(values.ravel()), np.sort(shuffled[kernel].ravel()))
