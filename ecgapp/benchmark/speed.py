"""How fast and how lean a reading is, as ratios against the obvious way of doing it.

Both sides of a ratio are measured in turns, in one run on one machine, so that the ratio holds
where the milliseconds do not.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, TypeVar

from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from ecgapp.digitize.leads import GAUSSIAN_SIGMA_PX, WINDOW_PX
from ecgapp.ecg import NAMED_LEADS
from ecgapp.inference.shipped_models import MODEL_NAMES, MODELS_FOLDER
from ecgapp.service.memory import keep_freed_memory
from ecgapp.synthesis.samples import SAMPLES, draw_sample

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

    from ecgapp.ecg import Box

T = TypeVar("T")

# What is measured warm, as the table names it.
JPEG = "decoding the JPEG alone"
READING = "a sheet, from bytes to verdict"
NAIVE = "the naive pipeline (scikit-image, PNG files, two model.predict)"
PHOTO_JPEG = "decoding its JPEG alone"
PHOTO = "a photograph of 12 megapixels"
# Pixels of the photograph: a 12-megapixel camera's, all of it paper.
PHOTO_PX = (4000, 2842)
# Pillow's own default.
JPEG_QUALITY = 75

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


@dataclass(frozen=True)
class Cost:
    """What one thing takes in a warm process.

    Attributes
    ----------
    what : str
        One of `JPEG`, `READING`, `NAIVE`, `PHOTO_JPEG` and `PHOTO`.
    cpu_ms, wall_ms : float
        Processor time of all threads, and time that passed; medians of the repeats.
    repeats : int
        Measurements behind each median.
    """

    what: str
    cpu_ms: float
    wall_ms: float
    repeats: int


@dataclass(frozen=True)
class SpeedReport:
    """All that `run_benchmark` measures.

    Attributes
    ----------
    cores : int
        Of the machine.
    others : float
        Processes that wanted a core before the run, a mean over a minute.
    cold : list of Comparison
        Processes that start anew.
    warm : list of Cost
        In a process that has read before.
    stages_ms : dict of str to float
        Time that passed in the stages of a warm reading; medians.
    """

    cores: int
    others: float
    cold: list[Comparison]
    warm: list[Cost]
    stages_ms: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return all attributes, ready for JSON."""
        return {**asdict(self), "cold": [one.to_dict() for one in self.cold]}


def run_benchmark(warm_repeats: int, cold_repeats: int) -> SpeedReport:
    """Measure warm readings and cold processes on a sheet that the app draws itself.

    Parameters
    ----------
    warm_repeats : int
        Readings of each kind in the warm process.
    cold_repeats : int
        Processes of each kind.

    Returns
    -------
    SpeedReport

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
    others = os.getloadavg()[0]
    drawn = Image.open(io.BytesIO(draw_sample(next(iter(SAMPLES))))).convert("RGB")
    page = _jpeg(drawn)
    photo = _jpeg(drawn.resize(PHOTO_PX, Image.Resampling.BICUBIC))
    # Processes first: a child's peak memory starts at its parent's, which Keras would swell.
    cold = compare_cold(page, model_paths, cold_repeats)
    warm, stages_ms = measure_warm(page, photo, model_paths, warm_repeats)
    return SpeedReport(os.cpu_count() or 1, others, cold, warm, stages_ms)


def _jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


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
        file = Path(folder) / "sheet.jpg"
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


def measure_warm(
    page: bytes, photo: bytes, model_paths: list[Path], repeats: int
) -> tuple[list[Cost], dict[str, float]]:
    """Measure ``diagnose()``, decoding alone and the naive pipeline, all warm, in this process.

    Parameters
    ----------
    page, photo : bytes
        JPEG files of a sheet: a native scan, and one of `PHOTO_PX`.
    model_paths : list of Path
        The ``model.keras`` files.
    repeats : int
        Measurements of each kind, taken in turns.

    Returns
    -------
    costs : list of Cost
    stages_ms : dict of str to float
        Of the native scan.

    Raises
    ------
    RuntimeError
        If ``diagnose()`` refused a sheet.
    """
    import keras

    from ecgapp import diagnose

    # As `predict` and the server's workers do.
    keep_freed_memory()
    diagnosis = diagnose(page)
    if diagnosis.sheet is None or diagnosis.verdict is None:
        raise RuntimeError(f"the drawn sheet was refused: {diagnosis.refusal}")
    boxes = diagnosis.sheet.boxes
    models = [keras.saving.load_model(path, compile=False) for path in model_paths]
    stages: list[dict[str, float]] = []
    actions: dict[str, Callable[[], object]] = {
        JPEG: lambda: _decode(page),
        READING: lambda: stages.append(diagnose(page).timings_ms),
        NAIVE: lambda: read_naively(page, boxes, models),
        PHOTO_JPEG: lambda: _decode(photo),
        PHOTO: lambda: diagnose(photo),
    }
    measured: dict[str, list[tuple[float, float]]] = {what: [] for what in actions}
    for _ in track(range(repeats + 1), "Warm readings", console=Console(stderr=True)):
        for what, action in actions.items():
            cpu_s, wall_s = time.process_time(), time.perf_counter()
            action()
            measured[what].append((time.process_time() - cpu_s, time.perf_counter() - wall_s))
    costs = []
    for what, taken in measured.items():
        # The first round only fills caches.
        cpu_ms, wall_ms = (1e3 * median(one) for one in zip(*taken[1:], strict=True))
        costs.append(Cost(what, cpu_ms, wall_ms, repeats))
    return costs, {name: median(one[name] for one in stages[1:]) for name in stages[0]}


def _decode(data: bytes) -> None:
    Image.open(io.BytesIO(data)).convert("RGB").load()


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


def to_rows(report: dict[str, Any]) -> list[dict[str, str]]:
    """Lay the figures out as a table.

    Parameters
    ----------
    report : dict
        As `SpeedReport.to_dict` gives it.

    Returns
    -------
    list of dict of str to str
    """
    cpu_ms = {one["what"]: one["cpu_ms"] for one in report["warm"]}
    rows = [
        {
            "": one["quantity"],
            "ecgapp": f"{one['ours']:.3g} {one['unit']}",
            "compared with": f"{one['theirs']:.3g} {one['unit']}",
            "times": f"{one['ratio']:.1f}",
        }
        for one in report["cold"]
    ]
    for ours, theirs in (
        (READING, JPEG),
        (READING, NAIVE),
        (PHOTO, PHOTO_JPEG),
        (PHOTO, READING),
    ):
        # Of two readings of one sheet it is the gain that is asked for, else the cost.
        ratio = cpu_ms[ours] / cpu_ms[theirs]
        times = 1 / ratio if theirs == NAIVE else ratio
        rows.append(
            {
                "": f"{ours}, processor time",
                "ecgapp": f"{cpu_ms[ours]:.0f} ms",
                "compared with": f"{theirs} {cpu_ms[theirs]:.0f} ms",
                "times": f"{times:.1f}",
            }
        )
    return rows


def to_sentence(report: dict[str, Any]) -> str:
    """Say what a thousand sheets cost, and where the time of one goes.

    Parameters
    ----------
    report : dict
        As `SpeedReport.to_dict` gives it.

    Returns
    -------
    str
    """
    cost = {one["what"]: one for one in report["warm"]}
    others = round(report["others"])
    beside = f"{others} other processes wanted too" if others else "nothing else wanted"
    return (
        f"1,000 sheets take {cost[READING]['cpu_ms']:.0f} s of processor time, 1,000 photographs "
        f"of 12 megapixels {cost[PHOTO]['cpu_ms']:.0f} s (medians of {cost[READING]['repeats']} "
        f"warm readings of a drawn sheet, on {report['cores']} cores that {beside})."
    )


def to_table(report: SpeedReport) -> Table:
    """Lay the figures out for a terminal.

    Parameters
    ----------
    report : SpeedReport

    Returns
    -------
    rich.table.Table
        One row a figure; the stages of a reading below.
    """
    rows = to_rows(report.to_dict())
    table = Table(*rows[0], caption=stages_text(report.to_dict()))
    for row in rows:
        table.add_row(*row.values())
    return table


def stages_text(report: dict[str, Any]) -> str:
    """Say how long the stages of a reading take.

    Parameters
    ----------
    report : dict
        As `SpeedReport.to_dict` gives it.

    Returns
    -------
    str
    """
    found = ", ".join(f"{name} {ms:.0f}" for name, ms in report["stages_ms"].items())
    return f"Milliseconds that passed in a warm reading: {found}."
