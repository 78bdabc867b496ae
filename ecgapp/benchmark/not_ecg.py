"""Pictures that are no twelve-lead ECG, drawn at random: none of them may ever get a verdict.

Each kind is one function; many are chosen to look like what the reader looks for: grids, long
curves, rows, regular spikes, short labels. Signals with fewer than twelve leads are among them.
"""

from __future__ import annotations

import string
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Picture = NDArray[np.uint8]

# Common sizes of scans, screens and photographs, across and down.
_SIZES_PX = ((2213, 1572), (1600, 1200), (1200, 1600), (1754, 1240), (3000, 2000), (1024, 768))
_TEXT = (
    "patient lead normal report department result ECG rhythm value mean total page V1 V2 aVR II "
    "25 mm/s 10 mm/mV heart rate 72 bpm date name sex age left right of and the was in with"
)


def picture(number: int, seed: int = 0) -> tuple[str, Picture]:
    """Draw a picture; every kind comes in turn.

    Parameters
    ----------
    number : int
        Which one.
    seed : int
        Of everything random.

    Returns
    -------
    kind : str
        What is shown.
    rgb : ndarray, shape (height, width, 3), uint8
        The picture.
    """
    kinds = list(KINDS)
    rng = np.random.default_rng((seed, number))
    width, height = _SIZES_PX[rng.integers(len(_SIZES_PX))]
    kind = kinds[number % len(kinds)]
    return kind, KINDS[kind](rng, width, height)


def _paper(rng: np.random.Generator, width: int, height: int) -> Picture:
    tone = rng.integers(225, 256, 3) if rng.random() < 0.5 else np.full(3, 255)
    return np.tile(tone.astype(np.uint8), (height, width, 1))


def _on_grid(rng: np.random.Generator, width: int, height: int) -> Picture:
    """Paper with a millimetre grid in one of the usual colours."""
    picture = _paper(rng, width, height)
    colours = ((250, 170, 170), (240, 190, 140), (180, 210, 180), (170, 190, 230), (200, 200, 200))
    colour = colours[rng.integers(len(colours))]
    pitch = width / rng.uniform(230, 300)
    for step in range(int(max(width, height) / pitch) + 1):
        at, thick = round(step * pitch), 2 if step % 5 == 0 else 1
        if step % 5 == 0 or pitch > 4:
            cv2.line(picture, (at, 0), (at, height), colour, thick)
            cv2.line(picture, (0, at), (width, at), colour, thick)
    return picture


def _text(rng: np.random.Generator, width: int, height: int) -> Picture:
    page = Image.fromarray(_paper(rng, width, height))
    pen = ImageDraw.Draw(page)
    size = int(rng.integers(height // 70, height // 25))
    font = ImageFont.load_default(size)
    for y in range(2 * size, height - 2 * size, int(size * rng.uniform(1.3, 2.0))):
        words = rng.choice(_TEXT.split(), rng.integers(3, 14))
        pen.text((width // 15, y), " ".join(words), (20, 20, 20), font)
    return np.array(page)


def _table(rng: np.random.Generator, width: int, height: int) -> Picture:
    page = Image.fromarray(_paper(rng, width, height))
    pen = ImageDraw.Draw(page)
    n_rows, n_columns = int(rng.integers(6, 30)), int(rng.integers(3, 10))
    font = ImageFont.load_default(max(10, height // n_rows // 3))
    for row in range(n_rows):
        y = height // 20 + row * int(height * 0.9) // n_rows
        pen.line((width // 20, y, width - width // 20, y), (0, 0, 0), 2)
        for column in range(n_columns):
            x = width // 20 + column * int(width * 0.9) // n_columns
            pen.text((x + 5, y + 5), str(rng.choice(_TEXT.split())), (0, 0, 0), font)
            pen.line((x, height // 20, x, height - height // 20), (0, 0, 0), 1)
    return np.array(page)


def _bars(rng: np.random.Generator, width: int, height: int) -> Picture:
    picture = _paper(rng, width, height)
    n_bars = int(rng.integers(4, 40))
    step = int(width * 0.8 / n_bars)
    for bar in range(n_bars):
        x, top = width // 10 + bar * step, int(height * rng.uniform(0.15, 0.85))
        colour = tuple(int(c) for c in rng.integers(0, 200, 3))
        cv2.rectangle(picture, (x, top), (x + int(step * 0.7), int(height * 0.9)), colour, -1)
    cv2.line(picture, (width // 10, height // 10), (width // 10, int(height * 0.9)), (0, 0, 0), 3)
    return picture


def _noise(rng: np.random.Generator, width: int, height: int) -> Picture:
    grain = rng.integers(0, 256, (height // 4, width // 4, 3), dtype=np.uint8)
    noise = cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(noise, np.uint8)


def _radiograph(rng: np.random.Generator, width: int, height: int) -> Picture:
    """Smooth bright and dark masses, as on an X-ray or an ultrasound picture."""
    coarse = rng.random((int(rng.integers(4, 12)), int(rng.integers(4, 12)))).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    grey = 255 * np.clip(smooth, 0, 1) + rng.normal(0, 12, (height, width))
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def _empty_grid(rng: np.random.Generator, width: int, height: int) -> Picture:
    return _on_grid(rng, width, height)


def _music(rng: np.random.Generator, width: int, height: int) -> Picture:
    picture = _paper(rng, width, height)
    n_staves = int(rng.integers(3, 12))
    for stave in range(n_staves):
        top = int(height * (0.08 + 0.88 * stave / n_staves))
        gap = max(4, height // n_staves // 10)
        for line in range(5):
            y = top + line * gap
            cv2.line(picture, (width // 20, y), (width - width // 20, y), (0, 0, 0), 2)
        for _ in range(int(rng.integers(8, 30))):
            x, y = (
                int(rng.integers(width // 15, width * 14 // 15)),
                top + int(rng.integers(5)) * gap,
            )
            cv2.ellipse(picture, (x, y), (gap, gap * 2 // 3), -20, 0, 360, (0, 0, 0), -1)
            cv2.line(picture, (x + gap, y), (x + gap, y - 4 * gap), (0, 0, 0), 2)
    return picture


def _plot(
    picture: Picture, values: NDArray[np.float64], top: float, bottom: float, thick: int
) -> None:
    """Draw a series across the picture, its range between two rows."""
    width = picture.shape[1]
    span = float(np.ptp(values)) or 1.0
    y = bottom - (values - values.min()) / span * (bottom - top)
    x = np.linspace(width * 0.06, width * 0.95, len(values))
    points = np.round(np.column_stack([x, y])).astype(np.int32)
    cv2.polylines(picture, [points], False, (15, 15, 15), thick, cv2.LINE_AA)


def _walk(rng: np.random.Generator) -> NDArray[np.float64]:
    """Walk at random, as prices and temperatures do."""
    return np.asarray(np.cumsum(rng.normal(size=int(rng.integers(200, 2000)))))


def _breath(rng: np.random.Generator) -> NDArray[np.float64]:
    """Slow waves, as of breathing or of a spirometer."""
    t = np.linspace(0, 10, 2000)
    return np.asarray(np.sin(2 * np.pi * rng.uniform(0.2, 0.6) * t) + rng.normal(0, 0.02, t.shape))


def _pulse_wave(rng: np.random.Generator) -> NDArray[np.float64]:
    """Pressure or light at the finger, beat after beat."""
    phase = np.linspace(0, rng.uniform(8, 16), 2500) % 1
    first = np.exp(-(((phase - 0.25) / 0.1) ** 2))
    return np.asarray(first + 0.4 * np.exp(-(((phase - 0.55) / 0.12) ** 2)))


def _brain_wave(rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise of a few hertz, as of an EEG."""
    white = rng.normal(size=3000)
    kernel = np.hanning(int(rng.integers(15, 60)))
    return np.asarray(np.convolve(white, kernel, "same"))


def _tremor(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a quake: quiet, a burst, and its end."""
    t = np.arange(3000)
    start = rng.integers(300, 1500)
    swell = np.where(t < start, 0.03, np.exp(-(t - start) / rng.uniform(200, 900)))
    return np.asarray(swell * rng.normal(size=3000))


def _square(rng: np.random.Generator) -> NDArray[np.float64]:
    """Switch between two levels, as a logic signal does."""
    return np.repeat(rng.integers(0, 2, int(rng.integers(20, 80))), 40).astype(float)


def _monitor(rng: np.random.Generator) -> NDArray[np.float64]:
    """One lead of an ECG, ten seconds."""
    from ecgapp.synthesis.simulate import PatientModel, simulate

    rate_bpm = float(rng.uniform(50, 120))
    signals = simulate(PatientModel(heart_rate_bpm=rate_bpm, seed=int(rng.integers(10_000))))
    return signals.leads["II"][:5000].astype(np.float64)


def _series(
    make: Callable[[np.random.Generator], NDArray[np.float64]], least: int, most: int
) -> Callable[[np.random.Generator, int, int], Picture]:
    """Make a kind: some series of one sort one above the other, with or without a grid."""

    def draw(rng: np.random.Generator, width: int, height: int) -> Picture:
        paper = _on_grid if rng.random() < 0.7 else _paper
        picture = paper(rng, width, height)
        n_rows = int(rng.integers(least, most + 1))
        for row in range(n_rows):
            top, bottom = (0.06 + 0.88 * (row + part) / n_rows for part in (0.12, 0.88))
            _plot(picture, make(rng), top * height, bottom * height, max(1, width // 800))
            label = str(rng.choice(["Ch", "Fp1", "O2", "X", "resp", "pleth", "II", "MCL1"]))
            place = (width // 100, round(top * height) + 12)
            cv2.putText(picture, label, place, cv2.FONT_HERSHEY_SIMPLEX, width / 2500, (0, 0, 0), 1)
        return picture

    return draw


def _letters(rng: np.random.Generator, width: int, height: int) -> Picture:
    """Single letters and figures strewn over a grid, as in a crossword or an eye chart."""
    page = Image.fromarray(_on_grid(rng, width, height))
    pen = ImageDraw.Draw(page)
    for _ in range(int(rng.integers(50, 300))):
        font = ImageFont.load_default(int(rng.integers(12, height // 12)))
        place = (int(rng.integers(width)), int(rng.integers(height)))
        pen.text(place, str(rng.choice(list(string.ascii_uppercase + string.digits))), 0, font)
    return np.array(page)


def _shapes(rng: np.random.Generator, width: int, height: int) -> Picture:
    """Lines and circles, as of a drawing."""
    picture = _paper(rng, width, height)
    for _ in range(int(rng.integers(20, 120))):
        (x, y), (u, v) = rng.integers(0, (width, height), (2, 2)).tolist()
        colour = tuple(int(c) for c in rng.integers(0, 200, 3))
        if rng.random() < 0.5:
            cv2.line(picture, (x, y), (u, v), colour, int(rng.integers(1, 6)))
        else:
            cv2.circle(picture, (x, y), abs(u - x) // 4 + 3, colour, int(rng.integers(1, 6)))
    return picture


# By name; of series, how many curves a page shows at least and at most.
KINDS: dict[str, Callable[[np.random.Generator, int, int], Picture]] = {
    "text": _text,
    "table": _table,
    "bar chart": _bars,
    "noise": _noise,
    "radiograph": _radiograph,
    "empty grid": _empty_grid,
    "sheet music": _music,
    "letters": _letters,
    "drawing": _shapes,
    "prices": _series(_walk, 1, 4),
    "breathing": _series(_breath, 1, 6),
    "pulse wave": _series(_pulse_wave, 1, 12),
    "brain waves": _series(_brain_wave, 4, 19),
    "seismogram": _series(_tremor, 1, 12),
    "logic signals": _series(_square, 3, 12),
    "monitor strip": _series(_monitor, 1, 3),
}
