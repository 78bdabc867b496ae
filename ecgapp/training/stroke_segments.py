"""Stroke edges of drawn machines' sheets beside the true curves, to train the stroke reader on.

Machines are drawn at random, print recordings of people and of simulated patients, half of them
with muscle noise or mains hum, and their pictures are read as an upload is, up to the edges of each
lead's stroke.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgapp.datasets.ptbxl import to_signals
from ecgapp.digitize.leads import NamedLead, cut_leads
from ecgapp.digitize.stroke_reader import N_FEATURES, Stroke, stroke_of_lead
from ecgapp.digitize.trace import column_seconds
from ecgapp.ecg import LEADS, PX_PER_MV, SAMPLING_RATE_HZ, Signals
from ecgapp.errors import Refusal
from ecgapp.io.pages import read_pages
from ecgapp.sheet.first_sheet import first_readable
from ecgapp.sheet.locate import locate
from ecgapp.sheet.located import LocatedSheet
from ecgapp.synthesis.draw import DrawnSheet, as_png
from ecgapp.synthesis.machines import print_sheet, random_machine
from ecgapp.synthesis.simulate import PatientModel, simulate

# Columns of a segment, and of them those that must count.
LENGTH_PX, _LEAST_PX = 500, 200
# The first machine's seed: those of judging and of building are below.
FIRST_MACHINE = 20_000

# All of what follows was set by hand.

# Part of the recordings that are simulated, and the heart rates of these.
_SIMULATED, _RATES_BPM = 0.25, (45, 140)
# People's recordings have 100 Hz: played so many times as fast they are as sharp as a machine's
# own; simulated ones are played so, too.
_FASTER = (1.0, 2.5)
# Spread of the logarithm of the voltages' factor.
_VOLTAGE_SPREAD = 0.25
# Part of the recordings with noise, its rms in mV; bands of muscle noise, and mains, Hz.
_NOISY, _NOISE_MV = 0.5, (0.004, 0.04)
_FROM_HZ, _TO_HZ, _MAINS_HZ = (15.0, 20.0, 30.0), (60.0, 100.0, 150.0), (50.0, 60.0)
# A curve may lie this far beside the true one, seconds, and is tried so finely; leads that are as
# unlike it as this, dB, were read wrongly.
_MOST_SHIFT_S, _COARSE_S, _FINE_S = 0.06, 0.004, 0.001
_LEAST_DB, _OUTLIER_MV = 6.0, 0.5
# The true curve of a column is its mean a quarter of a column before and after, seconds.
_QUARTER_COLUMN_S = 0.00125
# Ink of which the true curve is further outside, pixels, is not its own.
_OUTSIDE_PX = 3.0


@dataclass(frozen=True)
class Segments:
    """Stretches of strokes.

    Attributes
    ----------
    features : ndarray, shape (n, LENGTH_PX, N_FEATURES), float32
        What the network sees.
    room_px : ndarray, shape (n, LENGTH_PX), float32
        How far it may go from the middle of both readings.
    off_px : ndarray, shape (n, LENGTH_PX), float32
        How far the true curve is above that middle.
    counts : ndarray, shape (n, LENGTH_PX), bool
        Columns that count.
    """

    features: NDArray[np.float32]
    room_px: NDArray[np.float32]
    off_px: NDArray[np.float32]
    counts: NDArray[np.bool_]


def join(parts: list[Segments]) -> Segments:
    """Put segments of several machines together.

    Parameters
    ----------
    parts : list of Segments

    Returns
    -------
    Segments
    """
    return Segments(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.room_px for part in parts]),
        np.concatenate([part.off_px for part in parts]),
        np.concatenate([part.counts for part in parts]),
    )


def segments_of_machine(number: int, steps: NDArray[np.int16]) -> Segments:
    """Draw a machine's sheet and read its strokes' edges.

    Parameters
    ----------
    number : int
        Which machine, from 0.
    steps : ndarray, shape (1000, 8), int16
        A recording, as `ecgapp.datasets.ptbxl.Records` holds them.

    Returns
    -------
    Segments
        No stretch where the sheet is refused, or read as another layout.
    """
    rng = np.random.default_rng(number)
    signals = _noisy(_recording(steps, rng), rng)
    drawn = print_sheet(random_machine(FIRST_MACHINE + number), signals)
    sheet = _located(drawn)
    if sheet is None:
        return _no_segments()
    leads = cut_leads(sheet)
    return join(
        [
            _segments_of_lead(sheet, leads[name], signals.leads[name])
            for name in LEADS
            if name in leads
        ]
        or [_no_segments()]
    )


def _no_segments() -> Segments:
    return Segments(
        np.zeros((0, LENGTH_PX, N_FEATURES), np.float32),
        np.zeros((0, LENGTH_PX), np.float32),
        np.zeros((0, LENGTH_PX), np.float32),
        np.zeros((0, LENGTH_PX), np.bool_),
    )


def _recording(steps: NDArray[np.int16], rng: np.random.Generator) -> Signals:
    """Play a person's recording, or a simulated one, faster to and fro."""
    factor = float(np.exp(rng.normal(0, _VOLTAGE_SPREAD)))
    if rng.random() < _SIMULATED:
        rate_bpm = float(rng.integers(*_RATES_BPM))
        signals = simulate(PatientModel(heart_rate_bpm=rate_bpm, seed=int(rng.integers(2**31))))
    else:
        signals = to_signals(steps)
    n_samples = signals.n_samples
    at = np.arange(n_samples) * rng.uniform(*_FASTER)
    last = n_samples - 1
    there_and_back = np.abs((at + last) % (2 * last) - last)
    return Signals(
        signals.sampling_rate_hz,
        {
            name: (factor * np.interp(there_and_back, np.arange(n_samples), lead)).astype("f4")
            for name, lead in signals.leads.items()
        },
    )


def _noisy(signals: Signals, rng: np.random.Generator) -> Signals:
    """Add muscle noise, mains hum or both to half of all recordings."""
    if rng.random() >= _NOISY:
        return signals
    rms_mv = float(np.exp(rng.uniform(*np.log(_NOISE_MV))))
    low_hz, high_hz, mains_hz = (rng.choice(some) for some in (_FROM_HZ, _TO_HZ, _MAINS_HZ))
    of_muscle, of_mains = rng.permutation([1.0, rng.choice([0.0, 1.0])])
    n_samples, rate = signals.n_samples, signals.sampling_rate_hz
    seconds = np.arange(n_samples) / rate
    frequencies_hz = np.fft.rfftfreq(n_samples, 1 / rate)
    in_band = (frequencies_hz >= low_hz) & (frequencies_hz <= high_hz)
    leads = {}
    for name, lead in signals.leads.items():
        muscle = np.fft.irfft(np.fft.rfft(rng.normal(size=n_samples)) * in_band, n_samples)
        mains = np.sin(2 * np.pi * (mains_hz * seconds + rng.random())) * rng.uniform(0.3, 1.2)
        noise = of_muscle * muscle / muscle.std() + of_mains * mains
        leads[name] = lead + (rms_mv * rng.uniform(0.5, 1.5) * noise / noise.std()).astype("f4")
    return Signals(rate, leads)


def _located(drawn: DrawnSheet) -> LocatedSheet | None:
    """Find the sheet in its picture; None where it is not found as it was printed."""
    try:
        sheet = locate(first_readable(read_pages(as_png(drawn.image))))
    except Refusal:
        return None
    as_printed = sheet.layout.columns == drawn.truth.layout.columns and sheet.aligned
    return sheet if as_printed else None


def _segments_of_lead(
    sheet: LocatedSheet, lead: NamedLead, true_mv: NDArray[np.float32]
) -> Segments:
    """Cut a lead into stretches, if its curve is the true one."""
    stroke = stroke_of_lead(lead)
    if stroke is None or len(stroke.columns) < _LEAST_PX:
        return _no_segments()
    seconds = column_seconds(sheet, lead.name)[stroke.columns]
    true_px = _true_heights(stroke, seconds, true_mv * (PX_PER_MV / lead.height_times))
    if true_px is None:
        return _no_segments()
    own = np.isfinite(true_px) & (true_px < stroke.upper_px + _OUTSIDE_PX)
    own &= true_px > stroke.lower_px - _OUTSIDE_PX
    off_px = np.where(own, true_px - stroke.middle_px, 0).astype(np.float32)
    missing = (0, -len(own) % LENGTH_PX)
    counts = np.pad(own, missing).reshape(-1, LENGTH_PX)
    enough = counts.sum(axis=1) >= _LEAST_PX
    features = np.pad(stroke.features, (missing, (0, 0))).reshape(-1, LENGTH_PX, N_FEATURES)
    room_px, off_px = (
        np.pad(one, missing).reshape(-1, LENGTH_PX) for one in (stroke.room_px, off_px)
    )
    return Segments(features[enough], room_px[enough], off_px[enough], counts[enough])


def _true_heights(
    stroke: Stroke, seconds: NDArray[np.float64], true_px: NDArray[np.float32]
) -> NDArray[np.float64] | None:
    """Place the true curve where the traced one is most like it; None where it never is."""

    def fit(shift_s: float) -> tuple[float, float, NDArray[np.float64]]:
        """Signal to error of the middle in dB, its height above, and the true curve."""
        sides = [
            np.interp(
                seconds + shift_s + side,
                np.arange(len(true_px)) / SAMPLING_RATE_HZ,
                true_px,
                left=np.nan,
                right=np.nan,
            )
            for side in (-_QUARTER_COLUMN_S, _QUARTER_COLUMN_S)
        ]
        true = np.mean(sides, axis=0)
        off = (stroke.middle_px - true)[np.isfinite(true)]
        if len(off) < _LEAST_PX:
            return -np.inf, 0.0, true
        above = float(np.median(off))
        error = np.clip(off - above, -_OUTLIER_MV * PX_PER_MV, _OUTLIER_MV * PX_PER_MV)
        return float(10 * np.log10(np.nanvar(true) / (error**2).mean())), above, true

    best_s = 0.0
    for reach_s, step_s in ((_MOST_SHIFT_S, _COARSE_S), (_COARSE_S, _FINE_S)):
        shifts = best_s + np.arange(-reach_s, reach_s + step_s / 2, step_s)
        best_s = max(shifts.tolist(), key=lambda shift_s: fit(shift_s)[0])
    ratio_db, above, true = fit(best_s)
    return true + above if ratio_db >= _LEAST_DB else None
