"""Finds the millimetre grid of a sheet, however the sheet lies in the picture.

A grid is two waves. In a window of the picture each is a peak of the spectrum, whose place gives
the grid's direction and pitch there and whose phase says where between two lines the window's
centre lies. From one window to the next both change little, so that counting lines from window to
window gives every window's place on the grid. One homography then carries the picture to
millimetres, and what it leaves over shows how the paper is bent.

Nothing here looks for lines: dots, lines, faint and coloured grids all have the same peaks.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import cv2
import numpy as np
from numpy.typing import NDArray

# Pixels, waves a window and shares, set by hand on drawn photographs (`ecgapp.synthesis.degrade`)
# and on the photographs of the development data; where something was measured, it stands beside the
# value.

# Side of a window and the way from one to the next.
WINDOW_PX = 128
STEP_PX = 64

# Waves a window that are looked for: fewer may be curves or shade, more than the last the picture
# cannot hold.
_MIN_WAVES, _MAX_WAVES = 4.0, 60.0
# A grid line runs at most this far off the picture's sides.
_MAX_SLOPE = float(np.tan(np.radians(30)))
# Power of a peak, in medians of its window's spectrum. Noise reaches 15.
_MIN_POWER = 40.0
# Windows from which a grid is followed; so many where the first lead to no wide one, as where the
# clearest waves are a frame's edges on white paper.
_SEEDS, _MAX_SEEDS = 4, 24
_PEAKS_PER_SEED = 5
# How much more power another pair of waves has to show to be followed instead.
_CLEARLY_MORE = 1.1
# How different the two waves of one grid may be: perspective, and never another harmonic.
_MAX_PITCH_RATIO_LOG = 0.3
_MIN_CROSSING_SINE = 0.85
# Share of a wave by which a window's place may differ from where its neighbour expects it, and
# waves by which their frequencies may: the next harmonic of lines five millimetres apart has four
# waves a window more on any page that fills the picture.
_MAX_PHASE_JUMP = 0.2
_MAX_FREQUENCY_JUMP = 3.0
# Shorter waves than this, three pixels, are high harmonics, which are told apart more strictly.
_SHORT_WAVES, _MAX_JUMP_OF_SHORT = 45.0, 2.0
_FIT_TOLERANCE_WAVES = 1.0
_PLANE_ROUNDS = 8
# How much nearer the camera the page's middle is than its farthest part; there is a horizon at 0.
_MIN_NEARNESS = 0.2
# Share by which the homography may depart in the middle from what the windows tell.
_MAX_DISAGREEMENT = 0.3
# Of 500 pages with a grid 22 windows show it at least, of pages without one up to eight.
_MIN_WINDOWS = 12
# Windows that a part of a grid has at least that was miscounted, the share of the steps across its
# border that agree by how many waves, and how near to a whole number a step is that counts.
_LEAST_PART, _SAME_SLIP, _CLEAR_STEP = 6, 0.7, 0.25

# Where so large a share of the windows lies on one plane, to a share of a pixel, others that a step
# of so many millimetres parts from them were followed wrongly: paper that curls at a corner leaves
# the plane by degrees. Set by hand on three flat pages of other devices.
_FLAT_SHARE, _FLAT_PX, _LEAST_STEP_MM = 0.75, 0.6, 0.3

# A grid that counts: logarithms of the power of its windows' peaks (text reaches 4.8), departure
# of all but the roughest windows from their neighbours (text has 0.045 mm and more, real grids 0.03
# mm at most, or a third of a pixel of coarse pictures), and how many windows there are. So many of
# half that roughness are a grid of so much sureness, though fainter.
_UNSURE_POWER_LOG, _SURE_POWER_LOG = 4.2, 5.8
_ROUGHEST, _ROUGH_MM, _ROUGH_PX = 0.8, 0.07, 0.3
_ENOUGH_WINDOWS = 24
_MANY_WINDOWS, _EVEN, _SURE_IF_MANY = 96, 0.5, 0.6
_MIN_SURENESS = 0.2
# Bends are smoothed by a quadratic surface through so many neighbours on each side, nearer ones
# counting more, and those less that depart from it more than usual.
_SMOOTHING_REACH = 2
_SMOOTHING_ROUNDS = 3
_USUAL_DEPARTURE_MM = 0.3
_Y, _X = np.mgrid[
    -_SMOOTHING_REACH : _SMOOTHING_REACH + 1, -_SMOOTHING_REACH : _SMOOTHING_REACH + 1
]
_NEAR = np.exp(-0.5 * (_X**2 + _Y**2) / 1.0**2).ravel()
_TERMS = np.stack([np.ones(_X.shape), _X, _Y, _X * _X, _X * _Y, _Y * _Y], axis=-1).reshape(-1, 6)
_PRODUCTS = (_TERMS[:, :, None] * _TERMS[:, None, :]).reshape(-1, 36)
# Keeps the surface flat where little is known.
_STIFFNESS = np.array([1e-3, 1e-2, 1e-2, 3e-2, 3e-2, 3e-2])

# Higher harmonics of the coarse lines that may stand out where they are all that is printed: thin
# lines five millimetres apart have their strongest wave there.
_HIGH_HARMONICS = (6, 7, 8, 9, 11, 12, 13)
# Millimetres that one wave may stand for: the fine lines, the coarse lines, or a harmonic of one
# of them, with how likely that is beforehand.
_WAVE_MM = {1.0: 0.0, 5.0: 0.0, 0.5: -2.5, 2.5: -2.0, 5 / 3: -2.0, 1.25: -2.0} | {
    5 / harmonic: -2.0 for harmonic in _HIGH_HARMONICS
}
# How long a picture's longer side usually is on paper, near A4's 297 mm; its spread, and that of
# the ratio of the two directions' scales, as natural logarithms.
_USUAL_PAGE_MM = 270.0
_PAGE_SPREAD = 0.5
_SCALES_SPREAD = 0.12


@dataclass(frozen=True)
class Grid:
    """A millimetre grid and how it lies in the picture.

    Attributes
    ----------
    to_mm : ndarray, shape (3, 3), float64
        Homography from pixels of the picture to millimetres of paper; lines lie at whole numbers.
    centres_px : ndarray, shape (n_rows, n_columns, 2), float64
        Centres of the windows, x and y, in pixels of the picture.
    bend_mm : ndarray, shape (n_rows, n_columns, 2), float64
        How far each window's centre lies on the paper from where `to_mm` puts it; NaN where a
        window shows no grid.
    sureness : float
        From 0 to 1: how clearly the grid stands out, and how well its parts fit each other.
    """

    to_mm: NDArray[np.float64]
    centres_px: NDArray[np.float64]
    bend_mm: NDArray[np.float64]
    sureness: float

    @property
    def px_per_mm(self) -> float:
        """Pixels of the picture a millimetre, mean of both directions in the grid's middle."""
        seen = self.centres_px[~np.isnan(self.bend_mm[..., 0])]
        return 1 / float(np.sqrt(abs(np.linalg.det(jacobian(self.to_mm, seen.mean(axis=0))))))


@dataclass(frozen=True)
class _Spectra:
    """Windows of a picture and their whitened power.

    Attributes
    ----------
    tops, lefts : ndarray of int
        Where the windows begin.
    windows : ndarray, shape (n_tops, n_lefts, WINDOW_PX, WINDOW_PX), float32
        The windows, tapered.
    power : ndarray, shape (n_tops, n_lefts, len(_V), len(_U)), float32
        Power in medians of the window, at ``_V`` and ``_U`` waves a window.
    """

    tops: NDArray[np.intp]
    lefts: NDArray[np.intp]
    windows: NDArray[np.float32]
    power: NDArray[np.float32]


@dataclass(frozen=True)
class _Place:
    """One window's place on the grid.

    Attributes
    ----------
    waves : ndarray, shape (2,)
        Number of waves from the grid's origin to the window's centre, for both waves.
    frequency : ndarray, shape (2, 2)
        Both waves' (u, v), in waves a window.
    power : float
        Power of the weaker of the two peaks.
    """

    waves: NDArray[np.float64]
    frequency: NDArray[np.float64]
    power: float


_Node = tuple[int, int]
_Peak = tuple[float, float, float]

# Places in a window, in turns a wave, and waves a window at which its power is known: all upright
# and half of the level ones, and around them so many as a peak is looked for in.
_OFFSETS = (np.arange(WINDOW_PX) / WINDOW_PX - 0.5) * -2 * np.pi
_HALF_WINDOW, _AROUND = WINDOW_PX // 2, 3
_U = np.arange(-_AROUND, _HALF_WINDOW + _AROUND + 1)[None, :]
_V = np.arange(-_HALF_WINDOW - _AROUND, _HALF_WINDOW + _AROUND)[:, None]
_SQUARED_WAVES = (_U**2 + _V**2).astype(np.float32)
_IN_BAND = (_SQUARED_WAVES >= _MIN_WAVES**2) & (_SQUARED_WAVES <= _MAX_WAVES**2)
_WHITENING = np.where(_IN_BAND, _SQUARED_WAVES, 0)
_SEEN_ONCE = _IN_BAND & (_U >= 0)
_ACROSS = _SEEN_ONCE & (np.abs(_V) <= _MAX_SLOPE * _U)
_DOWN = _SEEN_ONCE & (_MAX_SLOPE * np.abs(_V) >= _U)
# Enough of the spectrum to tell its median.
_SOME_IN_BAND = np.roll(np.arange(_SEEN_ONCE.size).reshape(_SEEN_ONCE.shape), len(_V) // 2, axis=0)
_SOME_IN_BAND = _SOME_IN_BAND[np.roll(_SEEN_ONCE, len(_V) // 2, axis=0)][::7]


def find_grid(print_darkness: NDArray[np.float32]) -> Grid | None:
    """Find the millimetre grid of a picture.

    Parameters
    ----------
    print_darkness : ndarray, shape (height, width), float32
        How dark the print is, with wide changes of light taken out; both sides at least
        `WINDOW_PX`.

    Returns
    -------
    Grid or None
        None when no regular grid is seen.
    """
    spectra = _spectra(print_darkness)
    places = _places(spectra)
    if len(places) < _MIN_WINDOWS:
        return None
    return _fit(spectra, places, max(print_darkness.shape))


def jacobian(homography: NDArray[np.float64], point: NDArray[np.float64]) -> NDArray[np.float64]:
    """Differentiate a homography at a point.

    Parameters
    ----------
    homography : ndarray, shape (3, 3)
        The homography.
    point : ndarray, shape (2,)
        Where, x and y.

    Returns
    -------
    ndarray, shape (2, 2), float64
        Change of the image a unit of x (first column) and of y (second).
    """
    x, y, w = homography @ np.append(point, 1.0)
    image = np.array([x, y]) / w
    return np.asarray((homography[:2, :2] - np.outer(image, homography[2, :2])) / w)


def _spectra(picture: NDArray[np.float32]) -> _Spectra:
    height, width = picture.shape
    tops, lefts = _starts(height), _starts(width)
    taper = np.hanning(WINDOW_PX + 1)[:-1].astype(np.float32)
    tapers = np.outer(taper, taper)
    windows = np.empty((len(tops), len(lefts), WINDOW_PX, WINDOW_PX), np.float32)
    for row, column in np.ndindex(len(tops), len(lefts)):
        top, left = tops[row], lefts[column]
        window = picture[top : top + WINDOW_PX, left : left + WINDOW_PX]
        np.multiply(window - window.mean(), tapers, out=windows[row, column])
    power = _power(windows)
    # Pictures have power in inverse proportion to the square of the frequency.
    power *= _WHITENING
    median = np.median(power.reshape(*power.shape[:2], -1)[..., _SOME_IN_BAND], axis=-1)
    # Empty paper is no grid, however regular the little that it shows.
    power /= np.maximum(median, np.median(median) + 1e-9)[..., None, None]
    return _Spectra(tops, lefts, windows, power)


def _power(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Power of windows' waves, at ``_V`` and ``_U``; 0 for waves that no window holds."""
    packed = np.empty_like(windows)
    for place in np.ndindex(windows.shape[:2]):
        # OpenCV's transform takes a tenth of the time of NumPy's.
        cv2.dft(windows[place], dst=packed[place])
    np.square(packed, out=packed)
    # Of each row v: the real and the imaginary part for u = 1, 2, ...; for u = 0 the parts for v
    # = 1, 2, ... stand below each other. Waves of -v and -u are those of v and u.
    of_rows = packed[..., 1:-1:2] + packed[..., 2::2]
    of_columns = packed[..., 1:-1:2, 0] + packed[..., 2::2, 0]
    power = np.zeros((*windows.shape[:2], len(_V), _U.size), np.float32)
    middle, first = _HALF_WINDOW + _AROUND, _AROUND
    power[..., middle:-_AROUND, first + 1 : first + _HALF_WINDOW] = of_rows[..., :_HALF_WINDOW, :]
    power[..., _AROUND:middle, first + 1 : first + _HALF_WINDOW] = of_rows[..., _HALF_WINDOW:, :]
    power[..., middle + 1 : middle + _HALF_WINDOW, first] = of_columns
    upside_down = power[..., middle - _HALF_WINDOW + 1 : middle + _HALF_WINDOW, :][..., ::-1, :]
    power[..., middle - _HALF_WINDOW + 1 : middle, first] = of_columns[..., ::-1]
    power[..., middle - _HALF_WINDOW + 1 : middle + _HALF_WINDOW, :first] = upside_down[
        ..., 2 * first : first : -1
    ]
    return power


def _starts(length: int) -> NDArray[np.intp]:
    """Where windows begin so that they are spread evenly over a side of the picture."""
    last = length - WINDOW_PX
    return np.round(np.linspace(0, last, -(-last // STEP_PX) + 1)).astype(np.intp)


def _places(spectra: _Spectra) -> dict[_Node, _Place]:
    """Place of every window that the grid can be followed to, from the best of a few seeds."""
    flat = spectra.power.reshape(*spectra.power.shape[:2], -1)
    across, down = (flat[..., np.flatnonzero(one)].max(axis=2) for one in (_ACROSS, _DOWN))
    weaker = np.minimum(across, down)
    best: dict[_Node, _Place] = {}
    reached: set[_Node] = set()
    n_seeds = 0
    for index in np.argsort(-weaker, axis=None):
        row, column = divmod(int(index), weaker.shape[1])
        seed = row, column
        enough = _SEEDS if len(best) >= _ENOUGH_WINDOWS else _MAX_SEEDS
        if n_seeds >= enough or weaker[seed] < _MIN_POWER:
            break
        if seed in reached:
            continue
        n_seeds += 1
        for waves in _likely_pairs(spectra.power[seed]):
            followed = _follow(spectra, _seed_place(spectra, seed, waves))
            reached |= set(followed)
            places = _fitting_together(spectra, followed)
            if _total_power(places) > _CLEARLY_MORE * _total_power(best):
                best = places
    # Where it was followed wrongly it may be reached from elsewhere.
    return _fitting_together(spectra, _follow(spectra, best))


def _total_power(places: dict[_Node, _Place]) -> float:
    return sum(min(4.0, 0.2 + float(np.log(p.power / _MIN_POWER))) for p in places.values())


def _likely_pairs(power: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    """Find the two waves of a grid in one window, each (u, v), the likeliest first.

    Of two harmonics the lower one is followed more safely, unless it is much weaker.
    """
    pairs = []
    for ua, va, power_a in _peaks(power, _ACROSS):
        for ub, vb, power_b in _peaks(power, _DOWN):
            if vb < 0:
                ub, vb = -ub, -vb
            lengths = np.hypot(ua, va), np.hypot(ub, vb)
            ratio = abs(float(np.log(lengths[0] / lengths[1])))
            crossing = abs(ua * vb - va * ub) / (lengths[0] * lengths[1])
            if ratio > _MAX_PITCH_RATIO_LOG or crossing < _MIN_CROSSING_SINE:
                continue
            strength = min(power_a, power_b) * float(np.exp(-3 * ratio))
            pairs.append((strength, float(lengths[0]), np.array([[ua, va], [ub, vb]])))
    if not pairs:
        return []
    lower = max(pairs, key=lambda pair: pair[0] / pair[1])
    stronger = max(pairs, key=lambda pair: pair[0])
    return [lower[2]] if lower is stronger else [lower[2], stronger[2]]


def _peaks(power: NDArray[np.float32], sector: NDArray[np.bool_]) -> Iterator[_Peak]:
    """Yield the strongest peaks of a sector: u, v, power."""
    left = np.where(sector, power, 0)
    middle = _HALF_WINDOW + _AROUND
    for _ in range(_PEAKS_PER_SEED):
        row, column = divmod(int(left.argmax()), left.shape[1])
        peak = float(left[row, column])
        if peak < _MIN_POWER:
            return
        yield float(column - _AROUND), float(row - middle), peak
        left[row - 2 : row + 3, column - 2 : column + 3] = 0
        # What lies left of u = 0 is the same wave turned round.
        row, column = 2 * middle - row, 2 * _AROUND - column
        left[row - 2 : row + 3, max(0, column - 2) : max(0, column + 3)] = 0


def _seed_place(spectra: _Spectra, seed: _Node, waves: NDArray[np.float64]) -> dict[_Node, _Place]:
    """Place of the first window that a grid is followed from; none where it does not show it."""
    frequency, power = _measure(spectra.power[seed], waves, 1)
    if power < _MIN_POWER:
        return {}
    return {seed: _Place(_phases(spectra.windows[seed], frequency), frequency, power)}


def _follow(spectra: _Spectra, begun: dict[_Node, _Place]) -> dict[_Node, _Place]:
    """Places of all windows that can be reached from those known, the clearest first."""
    places = dict(begun)
    heap: list[tuple[float, _Node, _Node]] = []

    def look_around(node: _Node) -> None:
        for near in _beside(spectra, node):
            if near not in places:
                heapq.heappush(heap, (-places[node].power, near, node))

    for node in begun:
        look_around(node)
    while heap:
        _, node, source = heapq.heappop(heap)
        if node in places:
            continue
        place = _next_place(spectra, places, node, source)
        if place is not None:
            places[node] = place
            look_around(node)
    return places


def _beside(spectra: _Spectra, node: _Node) -> Iterator[_Node]:
    """Windows next to one, on the picture."""
    for step_row, step_column in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        near = node[0] + step_row, node[1] + step_column
        if 0 <= near[0] < len(spectra.tops) and 0 <= near[1] < len(spectra.lefts):
            yield near


def _fitting_together(spectra: _Spectra, places: dict[_Node, _Place]) -> dict[_Node, _Place]:
    """Keep the largest part of the windows that fit their neighbours in it.

    Where lines are all that is printed of a grid, its harmonics are all as clear, and a window
    between curves may lead from one to the next.
    """
    if not places:
        return places
    pairs = _pairs_beside(places)
    fitting = pairs[_fit_each_other(spectra, places, pairs)]
    part = _parts(len(places), fitting)
    in_largest = part == np.bincount(part).argmax()
    return {
        node: place for (node, place), kept in zip(places.items(), in_largest, strict=True) if kept
    }


def _pairs_beside(nodes: Iterable[_Node]) -> NDArray[np.intp]:
    """Pairs of windows, by number, that lie next to each other, shape (n, 2)."""
    number = {node: k for k, node in enumerate(nodes)}
    pairs = [
        (k, number[near])
        for (row, column), k in number.items()
        for near in ((row, column + 1), (row + 1, column))
        if near in number
    ]
    return np.array(pairs, np.intp).reshape(-1, 2)


def _fit_each_other(
    spectra: _Spectra, places: dict[_Node, _Place], pairs: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Whether two windows that lie beside each other can show the same grid; one value a pair."""
    rows, columns = np.array(list(places)).T
    waves = np.array([place.waves for place in places.values()])
    frequency = np.array([place.frequency for place in places.values()])
    one, other = pairs.T
    jump = np.abs(frequency[one] - frequency[other]).max(axis=(1, 2))
    short = np.linalg.norm(frequency[one], axis=2).max(axis=1) > _SHORT_WAVES
    most = np.where(short, _MAX_JUMP_OF_SHORT, _MAX_FREQUENCY_JUMP)
    starts = np.column_stack([spectra.lefts[columns], spectra.tops[rows]])
    pitch = (frequency[one] + frequency[other]) / 2
    between = np.einsum("nij,nj->ni", pitch, starts[other] - starts[one]) / WINDOW_PX
    off = np.abs(waves[other] - waves[one] - between).max(axis=1)
    return np.asarray((jump <= most) & (off <= _MAX_PHASE_JUMP))


def _counted(
    spectra: _Spectra, known: _Place, source: _Node, node: _Node, frequency: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Count the waves to a window from a neighbour's place."""
    step = np.array(
        [
            spectra.lefts[node[1]] - spectra.lefts[source[1]],
            spectra.tops[node[0]] - spectra.tops[source[0]],
        ]
    )
    return np.asarray(known.waves + (frequency + known.frequency) / 2 @ step / WINDOW_PX)


def _next_place(
    spectra: _Spectra, places: dict[_Node, _Place], node: _Node, source: _Node
) -> _Place | None:
    """Place of a window next to one whose place is known, or None when it shows no such grid."""
    known = places[source]
    expected = known.frequency
    behind = places.get((2 * source[0] - node[0], 2 * source[1] - node[1]))
    if behind is not None:
        expected = expected + 0.7 * (expected - behind.frequency)
    frequency, power = _measure(spectra.power[node], expected, 2)
    if power < _MIN_POWER:
        return None
    counted = _counted(spectra, known, source, node, frequency)
    phases = _phases(spectra.windows[node], frequency)
    waves = phases + np.round(counted - phases)
    if np.abs(waves - counted).max() > _MAX_PHASE_JUMP:
        return None
    return _Place(waves, frequency, power)


def _measure(
    power: NDArray[np.float32], expected: NDArray[np.float64], radius: int
) -> tuple[NDArray[np.float64], float]:
    """Frequencies of the peaks nearest to the two expected, and the power of the weaker."""
    frequency = np.empty((2, 2))
    weaker = np.inf
    for wave, (u, v) in enumerate(np.round(expected).astype(int).tolist()):
        around = _neighbourhood(power, u, v, radius + 1)
        inner = around[1:-1, 1:-1]
        row, column = divmod(int(inner.argmax()), len(inner))
        weaker = min(weaker, float(inner[row, column]))
        if weaker < _MIN_POWER:
            break
        logs = np.log(np.maximum(around[row : row + 3, column : column + 3], 1e-3)).tolist()
        frequency[wave] = (
            u - radius + column + _vertex(*logs[1]),
            v - radius + row + _vertex(*(of_row[1] for of_row in logs)),
        )
    return frequency, weaker


def _neighbourhood(power: NDArray[np.float32], u: int, v: int, reach: int) -> NDArray[np.float32]:
    """Square of a spectrum around a frequency, rows along v; zero beyond its ends."""
    if u < 0:
        return _neighbourhood(power, -u, -v, reach)[::-1, ::-1]
    if u > _HALF_WINDOW or abs(v) >= _HALF_WINDOW:
        return np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    row, column = v + _HALF_WINDOW + _AROUND, u + _AROUND
    return power[row - reach : row + reach + 1, column - reach : column + reach + 1]


def _vertex(before: float, peak: float, after: float) -> float:
    """Where a parabola through three neighbours peaks, from the middle one."""
    curvature = before - 2 * peak + after
    if curvature >= 0:
        return 0.0
    return min(0.6, max(-0.6, 0.5 * (before - after) / curvature))


def _phases(window: NDArray[np.float32], frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    """Phases of two waves at a window's centre, in waves."""
    # In the window's own type, or the whole window would be converted each time.
    angles = (frequency[:, :, None] * _OFFSETS).astype(np.float32)
    real, imaginary = np.cos(angles), np.sin(angles)
    across = window @ np.concatenate([real[:, 0], imaginary[:, 0]]).T
    down = real[:, 1] + 1j * imaginary[:, 1]
    sums = (down.T * (across[:, :2] + 1j * across[:, 2:])).sum(axis=0)
    return np.asarray(np.angle(sums) / (2 * np.pi), np.float64)


def _fit(spectra: _Spectra, places: dict[_Node, _Place], side_px: int) -> Grid | None:
    """One homography for all places, in millimetres."""
    nodes = np.array(list(places))
    centres = np.stack(
        np.meshgrid(spectra.lefts + WINDOW_PX / 2, spectra.tops + WINDOW_PX / 2), axis=-1
    )
    seen = centres[nodes[:, 0], nodes[:, 1]]
    waves = np.array([place.waves for place in places.values()])
    frequencies = np.array([place.frequency for place in places.values()])
    waves = waves - miscounted_waves(nodes, seen, waves, frequencies)
    homography = _plane(seen, waves)
    if homography is None:
        return None
    waves_per_px = jacobian(homography, seen.mean(axis=0))
    measured = np.median([place.frequency for place in places.values()], axis=0) / WINDOW_PX
    if np.abs(waves_per_px - measured).max() > _MAX_DISAGREEMENT * np.abs(measured).max():
        return None
    if not lines_cross(waves_per_px):
        return None
    wave_mm = _wave_mm(spectra, places, waves_per_px, side_px)
    to_mm = np.diag([*wave_mm, 1.0]) @ homography
    bend = np.full(centres.shape, np.nan)
    expected = cv2.perspectiveTransform(seen[:, None], to_mm)[:, 0]
    bend[nodes[:, 0], nodes[:, 1]] = waves * wave_mm - expected
    px_per_mm = float(np.linalg.norm(waves_per_px, axis=1).mean() * wave_mm.mean()) ** -1
    off = nodes[off_the_plane(nodes, bend[nodes[:, 0], nodes[:, 1]], px_per_mm)]
    bend[off[:, 0], off[:, 1]] = np.nan
    grid = Grid(to_mm, centres, bend, _sureness(places, bend, px_per_mm))
    return grid if grid.sureness > _MIN_SURENESS else None


def lines_cross(waves_per_px: NDArray[np.float64]) -> bool:
    """Tell whether the lines of a grid cross, as no chart's ticks and letters need to.

    Parameters
    ----------
    waves_per_px : ndarray, shape (2, 2), float64
        Waves of the upright and of the level lines (rows) a pixel of x and of y.

    Returns
    -------
    bool
    """
    upright, level = np.linalg.norm(waves_per_px, axis=1)
    return bool(abs(np.linalg.det(waves_per_px)) >= _MIN_CROSSING_SINE * upright * level)


def _plane(places: NDArray[np.float64], waves: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Homography from places to waves that most agree with, or None when there is none."""
    weights = np.ones(len(places))
    homography = np.eye(3)
    centre, spread = places.mean(axis=0), places.std() + 1.0
    level = np.array([[1, 0, -centre[0]], [0, 1, -centre[1]], [0, 0, spread]]) / spread
    u, v = ((places - centre) / spread).T
    a, b = waves.T
    one, zero = np.ones(len(u)), np.zeros(len(u))
    equations = np.stack(
        [
            np.stack([u, v, one, zero, zero, zero, -a * u, -a * v], axis=-1),
            np.stack([zero, zero, zero, u, v, one, -b * u, -b * v], axis=-1),
        ]
    )
    scale = one
    for _ in range(_PLANE_ROUNDS):
        rows = (np.sqrt(weights) / scale)[None, :, None]
        solution, *_ = np.linalg.lstsq(
            (equations * rows).reshape(-1, 8), (waves.T * rows[..., 0]).ravel(), rcond=None
        )
        homography = np.append(solution, 1.0).reshape(3, 3)
        scale = homography[2, 0] * u + homography[2, 1] * v + 1
        if scale.min() < _MIN_NEARNESS:
            return None
        x, y, w = homography @ np.stack([u, v, one])
        departure = np.hypot(x / w - a, y / w - b)
        usual = max(_FIT_TOLERANCE_WAVES, 5 * float(np.median(departure)))
        weights = 1 / (1 + (departure / usual) ** 2) ** 2
    return np.asarray(homography @ level)


def miscounted_waves(
    nodes: NDArray[np.intp],
    centres_px: NDArray[np.float64],
    waves: NDArray[np.float64],
    frequencies: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Find whole waves by which parts of the windows were miscounted, led astray through noise.

    Between neighbours lie as many waves as the pitch around them says; where it is one more or one
    less all along a line, what lies beyond the line has slipped.

    Parameters
    ----------
    nodes : ndarray, shape (n, 2), int
        Row and column of each window.
    centres_px : ndarray, shape (n, 2), float64
        x and y of their centres.
    waves : ndarray, shape (n, 2), float64
        Number of waves from the grid's origin to there, for both waves.
    frequencies : ndarray, shape (n, 2, 2), float64
        Both waves' (u, v) there, in waves a window.

    Returns
    -------
    ndarray, shape (n, 2), float64
        Zero in the largest part and wherever no other part fits it by whole waves.
    """
    pitch = _usual_frequencies(nodes, frequencies)
    pairs = _pairs_beside((row, column) for row, column in nodes.tolist())
    slips = np.zeros_like(waves)
    one, other = pairs.T
    between_px = centres_px[other] - centres_px[one]
    expected = np.einsum("nij,nj->ni", (pitch[one] + pitch[other]) / 2, between_px) / WINDOW_PX
    beyond = waves[other] - waves[one] - expected
    steps = np.round(beyond)
    clear = np.abs(beyond - steps).max(axis=1) < _CLEAR_STEP
    pairs, steps = pairs[clear], steps[clear]
    part = _parts(len(nodes), pairs[~steps.any(axis=1)])
    sizes = np.bincount(part)
    right = {int(sizes.argmax())}
    left = {int(one) for one in np.flatnonzero(sizes >= _LEAST_PART)} - right
    # Each step from a part that is right to one that may not be.
    both = np.concatenate([pairs, pairs[:, ::-1]])
    between = part[both]
    step = np.concatenate([steps, -steps])
    while left:
        at_border = np.isin(between[:, 0], list(right)) & np.isin(between[:, 1], list(left))
        if not at_border.any():
            break
        nearest = int(np.bincount(between[at_border, 1]).argmax())
        there = at_border & (between[:, 1] == nearest)
        found, counts = np.unique(step[there], axis=0, return_counts=True)
        left.remove(nearest)
        if counts.max() >= _SAME_SLIP * counts.sum():
            slips[part == nearest] = found[counts.argmax()]
            right.add(nearest)
            # What lies beyond has slipped by its own step and by this one.
            step[between[:, 0] == nearest] += found[counts.argmax()]
    return slips


def _usual_frequencies(
    nodes: NDArray[np.intp], frequencies: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Both waves' median (u, v) in each window and those beside it, shape (n, 2, 2)."""
    field = np.full((*(nodes.max(axis=0) + 3), 2, 2), np.nan)
    field[nodes[:, 0] + 1, nodes[:, 1] + 1] = frequencies
    around = np.lib.stride_tricks.sliding_window_view(field, (3, 3), axis=(0, 1))
    return np.asarray(np.nanmedian(around[nodes[:, 0], nodes[:, 1]], axis=(-2, -1)))


def _parts(n: int, pairs: NDArray[np.intp]) -> NDArray[np.intp]:
    """Tell n things apart into parts, by number; pairs belong together."""
    part = np.arange(n)
    while len(pairs):
        lower = part[pairs].min(axis=1)
        joined = part.copy()
        for end in (0, 1):
            np.minimum.at(joined, part[pairs[:, end]], lower)
        joined = joined[joined]
        if (joined == part).all():
            break
        part = joined
    return part


def off_the_plane(
    nodes: NDArray[np.intp], bend_mm: NDArray[np.float64], px_per_mm: float
) -> NDArray[np.bool_]:
    """Tell which windows a step parts from most, where these lie on one plane.

    Parameters
    ----------
    nodes : ndarray, shape (n, 2), int
        Row and column of each window.
    bend_mm : ndarray, shape (n, 2)
        How far each departs from the plane, across and down.
    px_per_mm : float
        Of the picture.

    Returns
    -------
    ndarray, shape (n,), bool
        Single windows are left in: they hardly count where bends are smoothed.
    """
    flat = np.abs(bend_mm).max(axis=1) < _FLAT_PX / px_per_mm
    if flat.mean() < _FLAT_SHARE:
        return np.zeros(len(nodes), np.bool_)
    pairs = _pairs_beside((row, column) for row, column in nodes.tolist())
    one, other = pairs.T
    near = np.abs(bend_mm[one] - bend_mm[other]).max(axis=1) < _LEAST_STEP_MM
    part = _parts(len(nodes), pairs[near])
    sizes = np.bincount(part)
    return np.asarray((part != sizes.argmax()) & (sizes[part] > 1))


def _sureness(places: dict[_Node, _Place], bend_mm: NDArray[np.float64], px_per_mm: float) -> float:
    """How far windows stand out and agree with their neighbours, as lines of text do not."""
    power = float(np.log(np.median([place.power for place in places.values()])))
    first, last = _UNSURE_POWER_LOG, _SURE_POWER_LOG
    roughness = np.nanquantile(np.abs(bend_mm - smooth_bend(bend_mm)), _ROUGHEST)
    clear = np.clip((power - first) / (last - first), 0, 1)
    rough = max(_ROUGH_MM, _ROUGH_PX / px_per_mm)
    fits = np.clip(1 - (float(roughness) / rough) ** 2, 0, 1)
    # A grid is as wide as it is high; an edge of the page is not.
    seen = (~np.isnan(bend_mm[..., 0])).astype(np.uint8)
    square = np.ones((2, 2), np.uint8)
    opened = cv2.morphologyEx(
        seen, cv2.MORPH_OPEN, square, borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    in_squares = int(opened.sum())
    # So many windows do not agree by chance, however faint the lines.
    many = in_squares >= _MANY_WINDOWS and roughness < _EVEN * rough
    clear = max(clear, _SURE_IF_MANY * float(many))
    return float(clear * fits * min(1.0, in_squares / _ENOUGH_WINDOWS))


def smooth_bend(bend_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth the bend of a grid and fill what is missing.

    Parameters
    ----------
    bend_mm : ndarray, shape (n_rows, n_columns, 2)
        As in `Grid`, with NaN where nothing is known.

    Returns
    -------
    ndarray, shape (n_rows, n_columns, 2), float64
        Without outliers; zero far from what is known.
    """
    known = ~np.isnan(bend_mm[..., 0])
    values = _neighbours(np.where(known[..., None], bend_mm, 0))
    trust = known.astype(np.float64)
    fitted = np.zeros_like(bend_mm)
    for _ in range(_SMOOTHING_ROUNDS):
        weights = _neighbours(trust[..., None])[..., 0] * _NEAR
        matrix = (weights @ _PRODUCTS).reshape(*known.shape, 6, 6) + np.diag(_STIFFNESS)
        vector = (weights[..., None] * _TERMS).swapaxes(2, 3) @ values
        fitted = np.linalg.solve(matrix, vector)[..., 0, :]
        departure = np.hypot(*np.moveaxis(np.where(known[..., None], bend_mm - fitted, 0), -1, 0))
        trust = known / (1 + (departure / _USUAL_DEPARTURE_MM) ** 2) ** 2
    return np.asarray(fitted)


def _neighbours(nodes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values around every node, shape (n_rows, n_columns, n_neighbours, n_values), 0 beyond."""
    reach = _SMOOTHING_REACH
    padded = np.pad(nodes, ((reach, reach), (reach, reach), (0, 0)))
    side = 2 * reach + 1
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(0, 1))
    return np.moveaxis(windows.reshape(*windows.shape[:3], side * side), 2, 3)


def _wave_mm(
    spectra: _Spectra,
    places: dict[_Node, _Place],
    waves_per_px: NDArray[np.float64],
    side_px: int,
) -> NDArray[np.float64]:
    """Millimetres that each of the two waves stands for.

    Between the peaks of the fine lines those of the coarse ones tell five millimetres; where only
    one kind of line is printed, the page's size has to.
    """
    teeth = [_peaks_below(spectra, places, wave) for wave in range(2)]
    px_per_wave = 1 / np.linalg.norm(waves_per_px, axis=1)
    best_score, best = -np.inf, (1.0, 1.0)
    for across, likely_across in _WAVE_MM.items():
        for down, likely_down in _WAVE_MM.items():
            px_per_mm = px_per_wave / (across, down)
            page = float(np.log(side_px / np.sqrt(px_per_mm.prod()) / _USUAL_PAGE_MM))
            apart = float(np.log(px_per_mm[0] / px_per_mm[1]))
            score = (
                likely_across
                + likely_down
                + teeth[0].get(across, 0.0)
                + teeth[1].get(down, 0.0)
                - (page / _PAGE_SPREAD) ** 2
                - (apart / _SCALES_SPREAD) ** 2
            )
            if score > best_score:
                best_score, best = score, (across, down)
    return np.array(best)


# Where a wave of so many millimetres has peaks below itself, as parts of its frequency, and where
# it has none. Half a millimetre is told from half of five by the five millimetres' other peaks.
_HALF = ((0.5,), (0.35, 0.65))
_TENTHS = ((0.1, 0.3, 0.7, 0.9), (0.15, 0.25, 0.35, 0.65, 0.75, 0.85))
_PEAKS_BELOW = {
    1.0: (((0.2, 0.4, 0.6, 0.8), (0.1, 0.3, 0.5, 0.7, 0.9)),),
    0.5: (_HALF, _TENTHS),
    2.5: (_HALF,),
    5 / 3: (((1 / 3, 2 / 3), (1 / 6, 1 / 2, 5 / 6)),),
    1.25: (((0.25, 0.75), (0.125, 0.375, 0.625, 0.875)),),
} | {
    5 / n: ((tuple(k / n for k in range(1, n)), tuple((k + 0.5) / n for k in range(n))),)
    for n in _HIGH_HARMONICS
}


def _peaks_below(spectra: _Spectra, places: dict[_Node, _Place], wave: int) -> dict[float, float]:
    """How clearly the peaks below a wave are there for it to stand for so many millimetres."""
    nodes = np.array(list(places))
    frequency = np.array([place.frequency[wave] for place in places.values()])
    parts = sorted({part for pairs in _PEAKS_BELOW.values() for part in chain(*chain(*pairs))})
    power = _interpolated(spectra.power, nodes, np.multiply.outer(parts, frequency))
    log_at = dict(zip(parts, np.log(power + 0.05).mean(axis=1).tolist(), strict=True))

    def mean_log(parts: tuple[float, ...]) -> float:
        return float(np.mean([log_at[part] for part in parts]))

    clarity = {}
    for mm, (below, *further) in _PEAKS_BELOW.items():
        clarity[mm] = float(np.clip(mean_log(below[0]) - mean_log(below[1]), -2, 4))
        for peaks, valleys in further:
            clarity[mm] += float(np.clip(mean_log(peaks) - mean_log(valleys), -2, 4))
    return clarity


def _interpolated(
    power: NDArray[np.float32], nodes: NDArray[np.intp], frequency: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Power of n nodes' spectra, each at frequencies (u, v) of its own, shape (..., n, 2)."""
    turned = np.where(frequency[..., :1] < 0, -frequency, frequency)
    whole = np.floor(turned).astype(int)
    part = turned - whole
    value = np.zeros(frequency.shape[:-1])
    for step_u in (0, 1):
        for step_v in (0, 1):
            weight = np.abs(1 - step_u - part[..., 0]) * np.abs(1 - step_v - part[..., 1])
            u = np.clip(whole[..., 0] + step_u, 0, _HALF_WINDOW) + _AROUND
            v = (whole[..., 1] + step_v + _HALF_WINDOW) % WINDOW_PX + _AROUND
            value += weight * power[nodes[:, 0], nodes[:, 1], v, u]
    return value
