"""The name reader goes on from the network that ships, on pieces that say where names are."""

import numpy as np
import onnxruntime
import pytest

from ecgapp.io.weights import MODELS_FOLDER
from ecgapp.sheet.detect.names import CELL_PX, NAME_CLASSES
from ecgapp.training.name_pages import draw_page_pieces
from ecgapp.training.name_pictures import draw_piece, find_fonts

pytestmark = pytest.mark.training

SHIPPED = MODELS_FOLDER / "names" / "model.onnx"


def test_the_network_that_ships_is_taken_over_as_it_is() -> None:
    from ecgapp.training.name_reader import build_reader, parts_of, take_over

    rng, fonts = np.random.default_rng(0), find_fonts()
    pictures = np.stack([draw_piece(fonts, rng).gray for _ in range(24)])[..., None]
    model = build_reader()
    take_over(model, parts_of(SHIPPED), pictures[:16])
    served = onnxruntime.InferenceSession(SHIPPED).run(None, {"page": pictures[16:]})
    for one, other in zip(model.predict(pictures[16:], verbose=0), served, strict=True):
        assert np.abs(one - other).max() < 1e-3


def test_pieces_of_whole_sheets_have_ink_where_their_names_are() -> None:
    pieces = draw_page_pieces(4, 12)
    assert len(pieces) == 12
    n_classes = len(NAME_CLASSES)
    named = 0
    for piece in pieces:
        on_name = np.argwhere(piece.target[..., n_classes] == 0)
        named += len(on_name)
        for row, column in on_name:
            x, y = (column + 0.5) * CELL_PX, (row + 0.5) * CELL_PX
            left, top, right, bottom = piece.target[row, column, n_classes + 2 :] * CELL_PX
            box = piece.gray[
                max(0, round(y - top)) : round(y + bottom),
                max(0, round(x - left)) : round(x + right),
            ]
            assert (box < 200).any()
    assert named > 5
