"""How fast and how lean a reading is, as ratios against the obvious way of doing it.

Both sides of a ratio are measured in turns, in one run on one machine, so that the ratio holds
where the milliseconds do not.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.progress import track
from rich.table import Table

from ecgapp.digitize.leads import GAUSSIAN_SIGMA_PX, WINDOW_PX
from ecgapp.ecg import NAMED_LEADS
from ecgapp.inference.shipped_models import MODEL_NAMES, MODELS_FOLDER
from ecgapp.synthesis.samples import SAMPLES, draw_sample

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

    from ecgapp.ecg import Box

T = TypeVar("T")

LOAD_WITH_KERAS = (
    "import keras, sys; [keras.saving.load_model(path, compile=False) for path in sys.argv[1:]]"
)


@dataclass(frozen=True)
class Comparison:
    """One quantity, measured for this project and for what it is compared with.

    Attributes
    ----------
    quantity : str
        What was measured, and against what.
    unit : str
        ``ms``, ``s`` or ``MB``.
    ours, theirs : float
        Medians of the repeats.
    repeats : int
        Measurements behind each median.
    """

    quantity: str
    unit: str
    ours: float
    theirs: float
    repeats: int

    @property
    def ratio(self) -> float:
        """How many times more the other way takes."""
        return self.theirs / self.ours

    def to_dict(self) -> dict[str, str | float | int]:
        """Return all attributes and the ratio, ready for JSON."""
        return {**asdict(self), "ratio": self.ratio}


def run_benchmark(warm_repeats: int, cold_repeats: int) -> list[Comparison]:
    """Measure warm readings and cold processes on a sheet that the app draws itself.

    Parameters
    ----------
    warm_repeats : int
        Readings of each kind in the warm process.
    cold_repeats : int
        Processes of each kind.

    Returns
    -------
    list of Comparison
        Warm time of one reading, time of a cold process, peak memory of a cold process.

    Raises
    ------
    FileNotFoundError
        If a model was not trained yet.
    RuntimeError
        If a measured process failed or the drawn sheet was refused.
    """
    model_paths = [MODELS_FOLDER / name / "model.keras" for name in MODEL_NAMES]
    for path in model_paths:
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing: train it first")
    page = draw_sample(next(iter(SAMPLES)))
    # Processes first: a child's peak memory starts at its parent's, which Keras would swell.
    return [
        *compare_cold(page, model_paths, cold_repeats),
        compare_warm(page, model_paths, warm_repeats),
    ]


def compare_cold(page: bytes, model_paths: list[Path], repeats: int) -> list[Comparison]:
    """Compare ``python -m ecgapp predict`` with importing Keras and loading the same models.

    Parameters
    ----------
    page : bytes
        A sheet's image file.
    model_paths : list of Path
        The ``model.keras`` files.
    repeats : int
        Processes of each kind.

    Returns
    -------
    list of Comparison
        Wall time and peak resident memory. The files are in the system's cache; the processes
        start anew.

    Raises
    ------
    RuntimeError
        If a process failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sheet.png"
        file.write_bytes(page)
        predict = [sys.executable, "-m", "ecgapp", "predict", str(file), "--json"]
        load = [sys.executable, "-c", LOAD_WITH_KERAS, *map(str, model_paths)]
        ours, theirs = _in_turns(
            lambda: _run_process(predict), lambda: _run_process(load), repeats, "Cold processes"
        )
    what = "cold predict vs. importing Keras and loading both models"
    return [
        Comparison(
            f"{label}, {what}",
            unit,
            median(measured[place] for measured in ours),
            median(measured[place] for measured in theirs),
            repeats,
        )
        for place, (label, unit) in enumerate([("Time", "s"), ("Peak memory", "MB")])
    ]


def compare_warm(page: bytes, model_paths: list[Path], repeats: int) -> Comparison:
    """Compare ``diagnose()`` with the naive pipeline, both warm and in this process.

    Parameters
    ----------
    page : bytes
        A sheet's image file.
    model_paths : list of Path
        The ``model.keras`` files.
    repeats : int
        Readings of each kind.

    Returns
    -------
    Comparison
        Wall time of one reading.

    Raises
    ------
    RuntimeError
        If ``diagnose()`` refused the sheet.
    """
    import keras

    from ecgapp import diagnose

    diagnosis = diagnose(page)
    if diagnosis.sheet is None or diagnosis.verdict is None:
        raise RuntimeError(f"the drawn sheet was refused: {diagnosis.refusal}")
    boxes = diagnosis.sheet.boxes
    models = [keras.saving.load_model(path, compile=False) for path in model_paths]
    ours, theirs = _in_turns(
        lambda: _seconds(lambda: diagnose(page)),
        lambda: _seconds(lambda: read_naively(page, boxes, models)),
        repeats,
        "Warm readings",
    )
    return Comparison(
        "Time, warm diagnose() vs. the naive pipeline",
        "ms",
        1e3 * median(ours),
        1e3 * median(theirs),
        repeats,
    )


def read_naively(
    page: bytes, boxes: dict[str, Box], models: list[keras.Model]
) -> list[NDArray[np.float32]]:
    """Read a sheet the way published apps do: scikit-image, PNG files and ``model.predict``.

    Parameters
    ----------
    page : bytes
        A sheet's image file.
    boxes : dict of str to Box
        Where the leads lie; given, since published apps cut at fixed places.
    models : list of keras.Model
        The models.

    Returns
    -------
    list of ndarray, shape (n_leads, n_classes), float32
        Probabilities, one array a model.
    """
    import numpy as np
    from skimage import color, filters, io, transform, util

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "page").write_bytes(page)
        gray = color.rgb2gray(io.imread(folder / "page")[..., :3])
        for lead, box in boxes.items():
            crop = gray[box.top : box.bottom, box.left : box.right]
            smooth = filters.gaussian(crop, sigma=GAUSSIAN_SIGMA_PX)
            ink = smooth < filters.threshold_otsu(smooth)
            io.imsave(folder / f"{lead}.png", util.img_as_ubyte(ink), check_contrast=False)
        leads = [io.imread(folder / f"{lead}.png") for lead in boxes]
        size = (WINDOW_PX, WINDOW_PX)
        windows = util.img_as_ubyte(np.stack([transform.resize(lead, size) for lead in leads]))
    numbers = np.array([NAMED_LEADS.index(lead) for lead in boxes], dtype=np.int32)
    return [model.predict([windows[..., None], numbers], verbose=0) for model in models]


def _in_turns(
    ours: Callable[[], T], theirs: Callable[[], T], repeats: int, title: str
) -> tuple[list[T], list[T]]:
    """Measure both sides alternately, after one round that only fills caches."""
    rounds = track(range(repeats + 1), title, console=Console(stderr=True))
    measured = [(ours(), theirs()) for _ in rounds][1:]
    return [one for one, _ in measured], [other for _, other in measured]


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _run_process(command: list[str]) -> tuple[float, float]:
    """Wall time in seconds and peak resident memory in MB of one process."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            cwd=MODELS_FOLDER.parent,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            stdin=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        # Reaped above, for its memory; Popen must not wait for it again.
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            text = errors.read().decode(errors="replace")
            raise RuntimeError(f"{' '.join(command[:4])} failed:\n{text}")
    # Linux counts kilobytes, macOS bytes.
    bytes_per_unit = 1 if sys.platform == "darwin" else 1024
    return seconds, usage.ru_maxrss * bytes_per_unit / 1e6


def to_table(comparisons: list[Comparison]) -> Table:
    """Lay the comparisons out for a terminal.

    Parameters
    ----------
    comparisons : list of Comparison
        Measured by :func:`run_benchmark`.

    Returns
    -------
    rich.table.Table
        One row a comparison.
    """
    table = Table("Measured", "ecgapp", "compared with", "ratio", "repeats")
    for one in comparisons:
        table.add_row(
            one.quantity,
            f"{one.ours:.3g} {one.unit}",
            f"{one.theirs:.3g} {one.unit}",
            f"{one.ratio:.1f}",
            str(one.repeats),
        )
    return table
