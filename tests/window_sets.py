"""Small generated window sets: each class draws a line of its own shape."""

import numpy as np

from ecgapp.datasets.window_set import CLASSES, WindowSet


def make_windows(n_sheets: int, leads: tuple[str, ...] = ("I", "II")) -> WindowSet:
    """Make sheets of two leads; the second lead has two windows, as on a 6x2 sheet."""
    rng = np.random.default_rng(0)
    rows = []
    images = []
    for sheet in range(n_sheets):
        kind = sheet % len(CLASSES)
        session = sheet // 2
        for number, lead in enumerate(leads):
            for window in range(1 + number % 2):
                image = np.zeros((150, 150), np.uint8)
                image[30 * kind + rng.integers(0, 10) :][:4] = 255
                images.append(image)
                rows.append((f"sheet{sheet}", CLASSES[kind], session, session % 3, lead, window))
    sheet_id, label, session_id, fold, lead_name, window_number = map(
        np.array, zip(*rows, strict=True)
    )
    return WindowSet(
        images=np.stack(images),
        sheet=sheet_id,
        label=label,
        layout=np.full(len(rows), "3x4"),
        session=session_id,
        fold=fold,
        lead=lead_name,
        window=window_number,
        preprocessing_version=np.array(1),
    )
