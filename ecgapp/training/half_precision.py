"""ONNX files of half the size: large weights in half precision, single again when opened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

# Smaller arrays, such as the shapes that nodes take, save nothing.
_LEAST_WEIGHTS = 256


def store_in_half_precision(path: Path) -> None:
    """Round the large weights of an ONNX file to half precision (IEEE 754 binary16).

    A cast to single precision stands before each, which ONNX Runtime works out once, when it
    opens the file: reading sheets costs what it did.

    Parameters
    ----------
    path : Path
        Replaced.
    """
    model = onnx.load(path)
    graph = model.graph
    large = [
        one
        for one in graph.initializer
        if one.data_type == onnx.TensorProto.FLOAT and np.prod(one.dims) >= _LEAST_WEIGHTS
    ]
    casts = []
    for one in large:
        half = numpy_helper.to_array(one).astype(np.float16)
        name = f"{one.name}_half"
        casts.append(onnx.helper.make_node("Cast", [name], [one.name], to=onnx.TensorProto.FLOAT))
        graph.initializer.append(numpy_helper.from_array(half, name))
        graph.initializer.remove(one)
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.save(model, path)
