"""Pieces of whole drawn sheets, cleaned as uploads are, to train the name reader on.

What `name_pictures` draws shows names of every kind; what cleaning makes of headers, tables,
pulses, dividers and grids, only whole pages show. The machines are drawn at random, and none of
them is one that readings are judged on.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import PX_PER_MM
from ecgapp.errors import Refusal
from ecgapp.io.pages import read_pages
from ecgapp.sheet.detect.names import CELL_PX, NAME_CLASSES, SHRINK
from ecgapp.sheet.first_sheet import first_readable
from ecgapp.sheet.rectify.align import align
from ecgapp.synthesis.draw import DrawnSheet, as_png
from ecgapp.synthesis.machines import print_sheet, random_machine
from ecgapp.synthesis.simulate import PatientModel, simulate
from ecgapp.training.name_pictures import HEIGHT_PX, WIDTH_PX, Piece, TextBox, target_of

# Machines' seeds begin here; smaller ones build and judge readers.
_FIRST_SEED = 1_000_000
# A page that lies otherwise, or whose scale was guessed further off, is passed over.
_MAX_TURN_DEG, _MAX_SCALE_FACTOR = 8.0, 1.4
# Part of a page's pieces that show a name; the rest shows any ink, at least so much of it.
_NAMED_PART, _LEAST_INK = 0.5, 0.01
_TRIES = 20  # for ink
# Below this part of its box, a name is no longer one; nor where cleaning left less ink in it.
_LEAST_SHOWN, _LEAST_NAME_INK = 0.75, 0.08
# Blocks on which pieces begin, so that cells lie as the reader's do.
_BLOCK_PX = SHRINK * CELL_PX


def draw_page_pieces(seed: int, n_pieces: int) -> list[Piece]:
    """Draw a machine's sheet, clean it, and cut pieces from it.

    Parameters
    ----------
    seed : int
        Which machine, and everything random.
    n_pieces : int

    Returns
    -------
    list of Piece
        None where the page could not be aligned.
    """
    rng = np.random.default_rng((seed, 12))
    rate = float(rng.uniform(45, 130))
    signals = simulate(PatientModel(heart_rate_bpm=rate, seed=_FIRST_SEED + seed))
    drawn = print_sheet(random_machine(_FIRST_SEED + seed), signals)
    seen = _cleaned(drawn)
    if seen is None:
        return []
    gray, names = seen
    pieces = []
    for number in range(n_pieces):
        on_name = names and number < _NAMED_PART * n_pieces
        around = names[int(rng.integers(len(names)))][1] if on_name else None
        left, top = _place(gray, around, rng)
        piece = gray[top : top + HEIGHT_PX, left : left + WIDTH_PX]
        size = (WIDTH_PX // SHRINK, HEIGHT_PX // SHRINK)
        small = np.asarray(cv2.resize(piece, size, interpolation=cv2.INTER_AREA), np.uint8)
        pieces.append(Piece(small, _target(gray, names, left, top)))
    return pieces


def _cleaned(drawn: DrawnSheet) -> tuple[NDArray[np.uint8], list[tuple[str, TextBox]]] | None:
    """Align and clean a sheet; second are its names and their boxes on the page."""
    try:
        page = align(first_readable(read_pages(as_png(drawn.image))))
    except Refusal:
        return None
    to_page = np.linalg.inv(page.to_upload) @ drawn.truth.mm_to_image

    def on_page(points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        places = np.column_stack([points_mm, np.ones(len(points_mm))]) @ to_page.T
        return np.asarray(places[:, :2] / places[:, 2:])

    left, top, right, bottom = drawn.truth.curves_mm
    corners = on_page(np.array([[left, top], [right, top], [left, bottom]]))
    across, down = corners[1] - corners[0], corners[2] - corners[0]
    turn_deg = float(np.degrees(np.arctan2(across[1], across[0])))
    scales = [
        float(np.hypot(*across)) / ((right - left) * PX_PER_MM),
        float(np.hypot(*down)) / ((bottom - top) * PX_PER_MM),
    ]
    straight = abs(turn_deg) < _MAX_TURN_DEG and across[0] * down[1] > 0
    if not straight or max(max(scales), 1 / min(scales)) > _MAX_SCALE_FACTOR:
        return None
    names = []
    for name, (x, y, x_end, y_end) in drawn.truth.names_mm:
        box = on_page(np.array([[x, y], [x_end, y], [x_end, y_end], [x, y_end]]))
        names.append((name, (*box.min(axis=0).tolist(), *box.max(axis=0).tolist())))
    height, width = (
        max(side, least) for side, least in zip(page.gray.shape, (HEIGHT_PX, WIDTH_PX), strict=True)
    )
    gray = np.full((height, width), 255, np.uint8)
    gray[: page.gray.shape[0], : page.gray.shape[1]] = page.gray
    return gray, names


def _place(
    gray: NDArray[np.uint8], around: TextBox | None, rng: np.random.Generator
) -> tuple[int, int]:
    """Where a piece begins: around a box, or where there is ink."""
    height, width = gray.shape
    for _ in range(_TRIES):
        x, y = rng.uniform(0, width - WIDTH_PX), rng.uniform(0, height - HEIGHT_PX)
        if around is not None:
            x = (around[0] + around[2]) / 2 - rng.uniform(0.1, 0.9) * WIDTH_PX
            y = (around[1] + around[3]) / 2 - rng.uniform(0.1, 0.9) * HEIGHT_PX
        left, top = (
            int(np.clip(place, 0, side) // _BLOCK_PX * _BLOCK_PX)
            for place, side in ((x, width - WIDTH_PX), (y, height - HEIGHT_PX))
        )
        ink = gray[top : top + HEIGHT_PX : 2, left : left + WIDTH_PX : 2] < 128
        if around is not None or ink.mean() >= _LEAST_INK:
            break
    return left, top


def _target(
    gray: NDArray[np.uint8], names: list[tuple[str, TextBox]], left: int, top: int
) -> NDArray[np.float32]:
    """Say of each cell of a piece what the reader should say; names cut off do not count."""
    placed: list[tuple[str | None, TextBox]] = []
    cut: list[TextBox] = []
    for name, (x, y, x_end, y_end) in names:
        box = x - left, y - top, x_end - left, y_end - top
        shown_x = min(box[2], WIDTH_PX) - max(box[0], 0)
        shown_y = min(box[3], HEIGHT_PX) - max(box[1], 0)
        if shown_x <= 0 or shown_y <= 0:
            continue
        area = max((box[2] - box[0]) * (box[3] - box[1]), 1.0)
        inside = gray[max(0, int(y)) : int(y_end) + 1, max(0, int(x)) : int(x_end) + 1]
        is_seen = inside.size and 1 - inside.mean() / 255 >= _LEAST_NAME_INK
        if is_seen and shown_x * shown_y >= _LEAST_SHOWN * area:
            placed.append((name, box))
        else:
            cut.append(box)
    target = target_of(placed)
    counts = target[..., len(NAME_CLASSES) + 1]
    for x, y, x_end, y_end in cut:
        first, last = (max(0, int(edge // _BLOCK_PX)) for edge in (x, x_end))
        above, below = (max(0, int(edge // _BLOCK_PX)) for edge in (y, y_end))
        counts[above : below + 1, first : last + 1] = 0
    return target
