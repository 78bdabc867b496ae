"""Signals -> what the twelve-lead network reads: the same arrays whatever the sheet's layout.

In the public data no sheet of the label normal has the layout 6x2, so a network that could tell
the layout would read the label off it. Hence every sheet is presented as the part that all
layouts show: of every lead the 2.5 s that a 3x4 sheet shows. How the heart beats over all ten
seconds is told by the activity of whatever three leads a 3x4 sheet shows at each instant. The
rhythm strip is left out: it is not on every sheet, and added nothing (PTB-XL, superclasses).

NumPy only: serving and training share every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import LAYOUT_3X4, LEADS, SAMPLING_RATE_HZ, SHEET_S, Signals

# Raise it whenever an array below changes: networks are keyed by it.
TWELVE_LEAD_INPUTS_VERSION = 1

# What the shipped network was trained on: one of the two rates of PTB-XL, and the ten
# seconds of a sheet. The values that follow were set by hand before training and belong to the
# version above.
RATE_HZ = 100
SHEET_SAMPLES = round(SHEET_S * RATE_HZ)
COLUMN_SAMPLES = round(LAYOUT_3X4.seconds_per_column * RATE_HZ)
N_LEADS = len(LEADS)
LEADS_PER_COLUMN = LAYOUT_3X4.n_rows

# A window counts as shown when no more of it than this is missing; the rest is bridged,
# and voltages are cut at the limit.
MAX_MISSING = 0.2
LIMIT_MV = 4.0

# Low-pass before every fifth sample is taken: windowed sinc, half power at 40 Hz.
_SAMPLES_A_STEP = SAMPLING_RATE_HZ // RATE_HZ
_HALF_TAPS = 4 * _SAMPLES_A_STEP
_CUTOFF_HZ = 40.0

# Half the span of the second difference that measures bends: at 100 Hz it answers best to 25 Hz.
_BEND_SAMPLES = 2
# Part of a window that lies outside of QRS complexes, whatever the rate; what is above scales it,
# but nothing less than the last value does, and activity is cut at the limit.
_QUIET_PERCENT = 95
_ACTIVITY_LIMIT = 3.0
_LEAST_BEND_MV = 0.02

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class TwelveLeadInputs:
    """One sheet, or a batch of them, as the twelve-lead network reads it.

    Attributes
    ----------
    leads : ndarray of float32, (n, 250, 12)
        Each lead in its window of a 3x4 sheet at 100 Hz, mV about the window's median; 0 where the
        lead is not shown.
    shown : ndarray of float32, (n, 12)
        1 for leads that the sheet shows, 0 for others.
    activity : ndarray of float32, (n, 1000)
        Ten seconds at 100 Hz, see :func:`measure_activity`.
    """

    leads: Floats
    shown: Floats
    activity: Floats

    def arrays(self) -> list[Floats]:
        """In the order of the network's inputs."""
        return [self.leads, self.shown, self.activity]


def twelve_lead_inputs(signals: Signals) -> TwelveLeadInputs:
    """Present one sheet.

    Parameters
    ----------
    signals : Signals
        Traced from the sheet, at 500 Hz on the sheet's own time axis, NaN where a lead is not
        shown; at least ten seconds.

    Returns
    -------
    TwelveLeadInputs
        A batch of one.
    """
    table = np.stack([signals.leads[name][: round(SHEET_S * SAMPLING_RATE_HZ)] for name in LEADS])
    width = COLUMN_SAMPLES * _SAMPLES_A_STEP
    windows = np.stack(
        [lead[(number // LEADS_PER_COLUMN) * width :][:width] for number, lead in enumerate(table)]
    )
    leads, shown = resample_windows(windows)
    return present(leads.T[None], shown[None])


def present(leads: Floats, shown: Floats) -> TwelveLeadInputs:
    """Put together what the network reads from windows at 100 Hz.

    Parameters
    ----------
    leads : ndarray of float32, (n, 250, 12)
        Voltages, mV.
    shown : ndarray of float32, (n, 12)
        0 for leads whose values are to be ignored.

    Returns
    -------
    TwelveLeadInputs
    """
    centred = np.clip(leads - np.median(leads, axis=1, keepdims=True), -LIMIT_MV, LIMIT_MV)
    centred = (centred * shown[:, None, :]).astype(np.float32)
    return TwelveLeadInputs(centred, shown.astype(np.float32), measure_activity(centred, shown))


def measure_activity(leads: Floats, shown: Floats) -> Floats:
    """Measure how sharply the curves bend at each instant, whichever leads are shown then.

    Bends tell a QRS complex from a T wave. Each lead's are measured in units of what its own QRS
    complexes reach, so that it does not show which leads they are, and the leads of a column are
    pooled.

    Parameters
    ----------
    leads : ndarray of float32, (n, 250, 12)
    shown : ndarray of float32, (n, 12)

    Returns
    -------
    ndarray of float32, (n, 1000)
        About 1 at a QRS complex, 0 between them and where no lead is shown; 3 at most.
    """
    relative = measure_bends(leads, shown)
    by_column = relative.reshape(len(leads), COLUMN_SAMPLES, -1, LEADS_PER_COLUMN)
    n_shown = shown.reshape(len(leads), 1, -1, LEADS_PER_COLUMN).sum(axis=-1)
    pooled = by_column.sum(axis=-1) / np.maximum(n_shown, 1)
    whole = pooled.transpose(0, 2, 1).reshape(len(leads), -1)
    smooth = (
        np.pad(whole, ((0, 0), (2, 0)))[:, :-2] + whole + np.pad(whole, ((0, 0), (0, 2)))[:, 2:]
    ) / 3
    return np.minimum(smooth, _ACTIVITY_LIMIT).astype(np.float32)


def measure_bends(leads: Floats, shown: Floats) -> Floats:
    """Measure how sharply each lead bends at each instant, in units of what it reaches.

    Parameters
    ----------
    leads : ndarray of float32, (n, 250, 12)
    shown : ndarray of float32, (n, 12)

    Returns
    -------
    ndarray of float32, (n, 250, 12)
        About 1 at a QRS complex; 0 where a lead is not shown.
    """
    k = _BEND_SAMPLES
    padded = np.pad(leads, ((0, 0), (k, k), (0, 0)), mode="edge")
    bend = np.abs(2 * leads - padded[:, : -2 * k] - padded[:, 2 * k :])
    # The window's ends bend where the next lead begins.
    bend[:, :k], bend[:, -k:] = 0, 0
    reached = np.percentile(bend, _QUIET_PERCENT, axis=1, keepdims=True)
    relative = bend / np.maximum(reached, _LEAST_BEND_MV) * shown[:, None, :]
    return np.asarray(relative, np.float32)


def resample_windows(windows: NDArray[Any]) -> tuple[Floats, Floats]:
    """Bridge small gaps of windows at 500 Hz, and take them to 100 Hz.

    Parameters
    ----------
    windows : ndarray of float, (n, length)
        mV, NaN where not known.

    Returns
    -------
    resampled : ndarray of float32, (n, length / 5)
        0 throughout where a window is not shown.
    shown : ndarray of float32, (n,)
        1 where no more of a window is missing than can be bridged.
    """
    known = np.isfinite(windows)
    shown = known.mean(axis=1) >= 1 - MAX_MISSING
    resampled = np.zeros((len(windows), windows.shape[1] // _SAMPLES_A_STEP), np.float32)
    time = np.arange(windows.shape[1])
    for number in np.flatnonzero(shown):
        there = known[number]
        bridged = np.interp(time, time[there], windows[number][there])
        padded = np.pad(bridged, _HALF_TAPS, mode="edge")
        resampled[number] = np.convolve(padded, _low_pass(), mode="valid")[::_SAMPLES_A_STEP]
    return resampled, shown.astype(np.float32)


def _low_pass() -> NDArray[np.float64]:
    """Taps of the low-pass, (41,); they sum to one."""
    time_s = np.arange(-_HALF_TAPS, _HALF_TAPS + 1) / SAMPLING_RATE_HZ
    taps = np.sinc(2 * _CUTOFF_HZ * time_s) * np.hamming(len(time_s))
    return np.asarray(taps / taps.sum())
