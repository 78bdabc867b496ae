"""Graphs of networks that read pictures: convolutions worked out only where ink can be seen.

A window is a thin line on empty paper. Where a convolution sees paper alone, its output is that of
an empty window at the same place. So the graph holds the empty window's output, and works out of
each window the places that ink reaches: on sheets a quarter of the second convolution's places and
half of the third's. The probabilities stay the same but for rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper

# What a convolution block becomes in a graph: the last two are the batch normalisation.
_BLOCK = ("Conv", "Relu", "MaxPool", "Mul", "Add")

# One block, worked out where ink is. A *cell* is one place of its output; `inked` says which cells
# see ink, `paper` is the output of an empty window, of which most rows and columns are alike: ONNX
# Runtime puts it together when it opens the graph. Patches are gathered from rows of channels.
_WHERE_INK_IS = """
where_ink_is () => () {
    here = Squeeze (inked, second)
    is_inked = Cast <to = 9> (here)
    by_axis = NonZero (is_inked)
    cells = Transpose <perm = [1, 0]> (by_axis)
    distances = Mul (cells, rows_apart)
    first_rows = ReduceSum (distances, second)
    rows_seen = Add (first_rows, row_offsets)
    channels_last = Transpose <perm = [0, 2, 3, 1]> (x)
    padded = Pad (channels_last, padding)
    rows = Reshape (padded, shape_of_rows)
    gathered = Gather <axis = 0> (rows, rows_seen)
    patches = Reshape (gathered, shape_of_patches)
    products = MatMul (patches, weights)
    sums = Add (products, bias)
    positive = Relu (sums)
    by_cell = Reshape (positive, shape_by_cell)
    pooled = ReduceMax <axes = [1], keepdims = 0> (by_cell)
    scaled = Mul (pooled, gain)
    normalised = Add (scaled, shift)
    shape = Shape (is_inked)
    n_windows = Slice (shape, zero, second)
    shape_of_output = Concat <axis = 0> (n_windows, shape_of_one)
    tall = Gather <axis = 1> (distinct_paper, row_of)
    paper = Gather <axis = 2> (tall, column_of)
    empty = Expand (paper, shape_of_output)
    filled = ScatterND (empty, cells, normalised)
    y = Transpose <perm = [0, 3, 1, 2]> (filled)
}
"""


@dataclass(frozen=True)
class _Block:
    """A convolution block of a graph; sizes are of rows and columns."""

    nodes: list[onnx.NodeProto]
    kernel: NDArray[np.int64]
    stride: NDArray[np.int64]
    pool: NDArray[np.int64]
    # Zeros before the first row and column of what it reads.
    before: NDArray[np.int64]

    @property
    def x(self) -> str:
        return str(self.nodes[0].input[0])

    @property
    def y(self) -> str:
        return str(self.nodes[-1].output[0])

    @property
    def seen(self) -> NDArray[np.int64]:
        """Places of the input that one cell sees."""
        return self.stride * (self.pool - 1) + self.kernel

    @property
    def step(self) -> NDArray[np.int64]:
        """Places of the input between two cells."""
        return self.stride * self.pool

    def after(self, size: NDArray[np.int64], n_cells: NDArray[np.int64]) -> NDArray[np.int64]:
        """Zeros behind the last row and column, as far as the last cells see them."""
        return np.maximum(0, self.step * (n_cells - 1) + self.seen - self.before - size)


def convolve_where_ink_is(path: Path) -> None:
    """Let a graph that reads pictures work out its convolutions only where ink can be seen.

    The first convolution stays as it is: it reads one channel, and is cheap.

    Parameters
    ----------
    path : Path
        The graph; written anew if it reads pictures through convolution blocks.
    """
    model = onnx.load(path)
    blocks = _blocks(model.graph)
    if not blocks:
        return
    empty = _of_an_empty_window(model, blocks)
    first = blocks[0]
    inked = _mark_inked(model.graph, first, first.x, empty, 0)
    for number, block in enumerate(blocks[1:], 1):
        inked = _mark_inked(model.graph, block, inked, empty, number)
        _replace(model.graph, block, inked, empty, number)
    used = {name for node in model.graph.node for name in node.input}
    for one in [one for one in model.graph.initializer if one.name not in used]:
        model.graph.initializer.remove(one)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _blocks(graph: onnx.GraphProto) -> list[_Block]:
    """Find the chain of blocks that reads pictures."""
    if not any(len(one.type.tensor_type.shape.dim) == 4 for one in graph.input):
        return []
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    blocks: list[_Block] = []
    for convolution in (node for node in graph.node if node.op_type == "Conv"):
        nodes = [convolution]
        while len(nodes) < len(_BLOCK):
            nodes.append(readers[nodes[-1].output[0]][0])
        if tuple(node.op_type for node in nodes) != _BLOCK or (
            blocks and convolution.input[0] != blocks[-1].y
        ):
            return []
        of_convolution, of_pool = (
            {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
            for node in (convolution, nodes[2])
        )
        sizes = [of_convolution[name] for name in ("kernel_shape", "strides")]
        sizes += [of_pool["strides"], of_convolution["pads"][:2]]
        blocks.append(_Block(nodes, *(np.array(size, np.int64) for size in sizes)))
    return blocks


def _of_an_empty_window(
    model: onnx.ModelProto, blocks: list[_Block]
) -> dict[str, NDArray[np.float32]]:
    """Work out what the blocks read and say of a window without ink, by the graph's names."""
    names = list(dict.fromkeys(name for block in blocks for name in (block.x, block.y)))
    seen = onnx.ModelProto()
    seen.CopyFrom(model)
    seen.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names
    )
    session = onnxruntime.InferenceSession(
        seen.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    inputs = {}
    for one in model.graph.input:
        tensor = one.type.tensor_type
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        inputs[one.name] = np.zeros((1, *(dim.dim_value for dim in tensor.shape.dim[1:])), dtype)
    return dict(zip(names, session.run(names, inputs), strict=True))


def _mark_inked(
    graph: onnx.GraphProto,
    block: _Block,
    inked: str,
    empty: dict[str, NDArray[np.float32]],
    number: int,
) -> str:
    """Add the node that says which cells of a block see ink; its output is above zero there."""
    size, n_cells = (np.array(empty[name].shape[2:]) for name in (block.x, block.y))
    marked = f"block_{number}_inked"
    node = onnx.helper.make_node(
        "MaxPool",
        [inked],
        [marked],
        name=marked,
        kernel_shape=block.seen.tolist(),
        strides=block.step.tolist(),
        pads=[*block.before.tolist(), *block.after(size, n_cells).tolist()],
    )
    graph.node.insert(list(graph.node).index(block.nodes[0]), node)
    return marked


def _replace(
    graph: onnx.GraphProto,
    block: _Block,
    inked: str,
    empty: dict[str, NDArray[np.float32]],
    number: int,
) -> None:
    """Put `_WHERE_INK_IS` in a block's place."""
    values = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    convolution, *_, multiply, add = block.nodes
    kernels = values[convolution.input[1]]
    n_out, n_in = kernels.shape[:2]
    size, n_cells = (np.array(empty[name].shape[2:]) for name in (block.x, block.y))
    after = block.after(size, n_cells)
    height, width = size + block.before + after
    row, column = np.indices(tuple(block.kernel)).reshape(2, 1, -1)
    pool_row, pool_column = np.indices(tuple(block.pool)).reshape(2, -1, 1)
    seen = (row + block.stride[0] * pool_row) * width + column + block.stride[1] * pool_column
    paper, row_of = np.unique(empty[block.y], axis=2, return_inverse=True)
    paper, column_of = np.unique(paper, axis=3, return_inverse=True)
    constants: dict[str, Any] = {
        "zero": np.array([0]),
        "second": np.array([1]),
        # From a window, a row of cells and a column of cells to the next.
        "rows_apart": np.array([height * width, block.step[0] * width, block.step[1]]),
        "row_offsets": seen.reshape(1, -1),
        "padding": np.array([0, *block.before, 0, 0, *after, 0]),
        "shape_of_rows": np.array([-1, n_in]),
        "shape_of_patches": np.array([-1, row.size * n_in]),
        "weights": kernels.transpose(2, 3, 1, 0).reshape(-1, n_out),
        "bias": values[convolution.input[2]],
        "shape_by_cell": np.array([-1, pool_row.size, n_out]),
        "gain": values[multiply.input[1]].reshape(n_out),
        "shift": values[add.input[1]].reshape(n_out),
        "shape_of_one": np.array([*n_cells, n_out]),
        "distinct_paper": paper.transpose(0, 2, 3, 1),
        "row_of": row_of,
        "column_of": column_of,
    }
    for name, value in constants.items():
        array = np.ascontiguousarray(value)
        graph.initializer.append(numpy_helper.from_array(array, f"block_{number}_{name}"))
    own = {"x": block.x, "y": block.y, "inked": inked}
    place = list(graph.node).index(convolution)
    for node in block.nodes:
        graph.node.remove(node)
    for offset, node in enumerate(onnx.parser.parse_graph(_WHERE_INK_IS).node):
        for names in (node.input, node.output):
            names[:] = [own.get(name, f"block_{number}_{name}") for name in names]
        node.name = node.output[0]
        graph.node.insert(place + offset, node)
