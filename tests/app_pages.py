"""Run a page of the app without a browser, and read what it shows."""

import csv
from pathlib import Path

import numpy as np
from fakes import CLASSES
from streamlit.testing.v1 import AppTest

from ecgapp.ecg import LEADS, RHYTHM_STRIP

TIMEOUT_S = 60


def open_page(path: Path) -> AppTest:
    page = AppTest.from_file(str(path), default_timeout=TIMEOUT_S)
    page.session_state["routed"] = True
    return page.run()


def texts(page: AppTest) -> str:
    """All that a visitor can read, but for the figures."""
    parts = [*page.title, *page.header, *page.subheader, *page.markdown, *page.caption]
    parts += [*page.error, *page.warning, *page.info]
    html = [element.proto.body for element in page.get("html")]
    badges_and_boxes = [str(part.value) for part in parts]
    return "\n".join(badges_and_boxes + html)


def write_predictions(folder: Path, n_sheets: int = 40, n_6x2: int = 10, seed: int = 0) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    with (folder / "predictions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        names = [f"p_{name}" for name in CLASSES]
        writer.writerow(["sheet", "label", "layout", "session", "fold", "lead", *names])
        for sheet in range(n_sheets):
            label = sheet % 4
            layout = "6x2" if sheet < n_6x2 else "3x4"
            for lead in (*LEADS, RHYTHM_STRIP):
                shares = rng.dirichlet(np.eye(4)[label] * 3 + 0.3)
                row = [f"{sheet:064d}", CLASSES[label], layout, sheet // 2, sheet % 5, lead]
                writer.writerow([*row, *(f"{share:.4f}" for share in shares)])
