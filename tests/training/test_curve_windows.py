"""Windows to train the curve reader on say where their own stroke is."""

import numpy as np

from ecgapp.digitize.curve_reader import N_BINS, WIDTH_PX
from ecgapp.training.curve_windows import draw_windows


def test_the_own_stroke_lies_where_the_window_has_ink() -> None:
    rng = np.random.default_rng(3)
    beats = np.zeros((4, 1000, 8))
    beats[:, 50::90] = rng.uniform(-150, 150, (4, 1, 8))
    windows = draw_windows(beats.astype(np.int16), 12, seed=5)
    on_ink = 0
    counted = 0
    for picture, extents in zip(windows.pictures, windows.extents, strict=True):
        columns = np.flatnonzero(extents[:, 2])
        middle = extents[columns, :2].mean(axis=1).round().astype(int)
        near = np.clip(middle[:, None] + np.arange(-1, 2), 0, N_BINS - 1)
        on_ink += int((picture[near, columns[:, None], 1].max(axis=1) > 40).sum())
        counted += len(columns)
    assert counted > 6 * WIDTH_PX
    # Some ink is lost on purpose.
    assert on_ink / counted > 0.85
