"""Whole recordings and traced sheets -> what the twelve-lead network reads, changed at random.

What is changed is what differs between sheets of one heart: which 2.5 s a lead shows, the
machine's filter, gain, wander, noise, leads that are missing, and the errors of
tracing. The errors are as :mod:`ecgapp.digitize.trace` makes them on drawn sheets: measured on 30
records of
PTB-XL, half of the windows are off by 0.011 mV or less and one in twenty by 0.05 mV, narrow peaks
lose 3.5%, and one in twenty loses more than a tenth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ecgapp.datasets.ptbxl import twelve_leads
from ecgapp.inference.twelve_lead_inputs import (
    COLUMN_SAMPLES,
    LEADS_PER_COLUMN,
    N_LEADS,
    RATE_HZ,
    SHEET_SAMPLES,
    TwelveLeadInputs,
    measure_activity,
    present,
)

Floats = NDArray[np.float32]

# Of the known machine, as its footer prints it.
MACHINE_BAND_HZ = (0.67, 25.0)
_COLUMNS = N_LEADS // LEADS_PER_COLUMN


@dataclass(frozen=True)
class Changes:
    """How strongly arrays are changed; probabilities are of one sheet unless it says otherwise.

    Attributes
    ----------
    gain : float
        Standard deviation of the logarithm of a sheet's gain.
    lead_gain : float
        The same of one lead's beside the others.
    wander_mv, noise_mv : float
        Median amplitude of baseline wander and of noise; the largest are some times that.
    lost_peak : float
        Probability that a lead's highest peaks are cut off.
    missing_leads, missing_column : float
        Probability that some leads, or one column, are not shown.
    """

    gain: float = 0.08
    lead_gain: float = 0.03
    wander_mv: float = 0.02
    noise_mv: float = 0.01
    lost_peak: float = 0.04
    missing_leads: float = 0.1
    missing_column: float = 0.04


def machine_filter(steps: NDArray[np.int16]) -> NDArray[np.int16]:
    """Filter recordings as the known machine does before it prints.

    Parameters
    ----------
    steps : ndarray of int16, (n, 1000, 8)

    Returns
    -------
    ndarray of int16, (n, 1000, 8)
    """
    low, high = MACHINE_BAND_HZ
    # Mirrored at both ends, so that neither begins with a step.
    padded = np.concatenate([steps[:, ::-1], steps, steps[:, ::-1]], axis=1)
    frequency = np.fft.rfftfreq(padded.shape[1], 1 / RATE_HZ)
    high_pass = 1j * frequency / (low + 1j * frequency)
    low_pass = 1 / (1 + (frequency / high) ** 4)
    filtered = np.empty_like(steps)
    for number, record in enumerate(padded):
        spectrum = np.fft.rfft(record, axis=0) * (high_pass * low_pass)[:, None]
        there = np.fft.irfft(spectrum, len(record), axis=0)[steps.shape[1] : 2 * steps.shape[1]]
        filtered[number] = np.round(there)
    return filtered


def as_sheet(steps: NDArray[np.int16]) -> TwelveLeadInputs:
    """Show recordings as a sheet does, unchanged: column after column, from the first second."""
    leads = twelve_leads(steps)
    return present(
        _windows(leads, np.tile(np.arange(_COLUMNS) * COLUMN_SAMPLES, (len(leads), 1))),
        np.ones((len(leads), N_LEADS), np.float32),
    )


def as_any_sheet(
    steps: NDArray[np.int16], rng: np.random.Generator, changes: Changes
) -> TwelveLeadInputs:
    """Show recordings as sheets might: any 2.5 s of each column, with all that is changed.

    The rhythm's activity keeps its time, but is told by any order of the columns.

    Parameters
    ----------
    steps : ndarray of int16, (n, 1000, 8)
    rng : numpy.random.Generator
    changes : Changes

    Returns
    -------
    TwelveLeadInputs
    """
    leads = twelve_leads(steps)
    n = len(leads)
    starts = rng.integers(0, SHEET_SAMPLES - COLUMN_SAMPLES + 1, (n, _COLUMNS))
    order = rng.permuted(np.tile(np.arange(_COLUMNS), (n, 1)), axis=1)
    shown = _draw_shown(n, rng, changes)
    windows = _disturb(_windows(leads, starts), rng, changes)

    # In the k-th quarter of the sheet the k-th column of the order is shown.
    quarter_start = np.argsort(order, axis=1) * COLUMN_SAMPLES
    at_their_time = _windows(leads, quarter_start).reshape(
        n, COLUMN_SAMPLES, _COLUMNS, LEADS_PER_COLUMN
    )
    in_order = np.take_along_axis(at_their_time, order[:, None, :, None], axis=2)
    shown_in_order = np.take_along_axis(
        shown.reshape(n, _COLUMNS, LEADS_PER_COLUMN), order[:, :, None], axis=1
    )
    told_by = _disturb(in_order.reshape(n, COLUMN_SAMPLES, N_LEADS), rng, changes)
    activity = measure_activity(told_by, shown_in_order.reshape(n, N_LEADS))
    return replace(present(windows, shown), activity=activity)


def change(
    inputs: TwelveLeadInputs, rng: np.random.Generator, changes: Changes
) -> TwelveLeadInputs:
    """Change sheets that were traced already.

    Parameters
    ----------
    inputs : TwelveLeadInputs
    rng : numpy.random.Generator
    changes : Changes

    Returns
    -------
    TwelveLeadInputs
    """
    n = len(inputs.leads)
    shown = _draw_shown(n, rng, changes) * inputs.shown
    # A window may begin a little earlier or later than it does.
    windows = _shift(_disturb(inputs.leads, rng, changes), rng.integers(-12, 13, (n, _COLUMNS)))
    activity = measure_activity(_disturb(inputs.leads, rng, changes), shown)
    return replace(present(windows, shown), activity=activity)


def _windows(leads: Floats, starts: NDArray[np.int64]) -> Floats:
    """Cut each column's leads at its start: (n, 1000, 12) and (n, 4) -> (n, 250, 12)."""
    at = np.repeat(starts, LEADS_PER_COLUMN, axis=1)[:, None, :]
    at = at + np.arange(COLUMN_SAMPLES)[None, :, None]
    return np.take_along_axis(leads, at, axis=1)


def _shift(windows: Floats, by: NDArray[np.int64]) -> Floats:
    """Move each column in time; what runs out at one end is held."""
    at = np.arange(COLUMN_SAMPLES)[None, :, None] + np.repeat(by, LEADS_PER_COLUMN, axis=1)[:, None]
    return np.take_along_axis(windows, np.clip(at, 0, COLUMN_SAMPLES - 1), axis=1)


def _draw_shown(n: int, rng: np.random.Generator, changes: Changes) -> Floats:
    """Draw which leads are shown, (n, 12)."""
    missing = (rng.random((n, N_LEADS)) < 0.15) & (rng.random((n, 1)) < changes.missing_leads)
    column = np.repeat(np.arange(_COLUMNS), LEADS_PER_COLUMN)
    missing |= (column == rng.integers(0, _COLUMNS, (n, 1))) & (
        rng.random((n, 1)) < changes.missing_column
    )
    return (~missing).astype(np.float32)


def _disturb(windows: Floats, rng: np.random.Generator, changes: Changes) -> Floats:
    """Change gain, baseline, noise and peaks of windows, (n, 250, 12)."""
    n = len(windows)

    def normal(*shape: int) -> Floats:
        return rng.standard_normal(shape, dtype=np.float32)

    gain = np.exp(changes.gain * normal(n, 1, 1) + changes.lead_gain * normal(n, 1, N_LEADS))
    # Two slow waves and a slope.
    time = np.linspace(-1, 1, COLUMN_SAMPLES, dtype=np.float32)
    slow = np.stack([time, np.sin(2 * time), np.cos(3 * time)])
    strength = changes.wander_mv * np.exp(normal(n, 1, 1))
    wander = np.swapaxes((normal(n, N_LEADS, len(slow)) * strength) @ slow, 1, 2)
    noise = normal(n, COLUMN_SAMPLES, N_LEADS)
    noise[:, 1:-1] = 0.5 * noise[:, 1:-1] + 0.25 * (noise[:, :-2] + noise[:, 2:])
    noise *= changes.noise_mv * np.exp(0.6 * normal(n, 1, N_LEADS))

    highest = np.abs(windows).max(axis=1, keepdims=True)
    lost = rng.random((n, 1, N_LEADS)) < changes.lost_peak
    limit = np.where(lost, rng.uniform(0.5, 0.9, lost.shape), 1.0).astype(np.float32) * highest
    blunt = np.clip(windows, -limit, limit)
    softness = np.float32(0.06) * rng.random((n, 1, 1), dtype=np.float32)
    blunt[:, 1:-1] += softness * (blunt[:, :-2] + blunt[:, 2:] - 2 * blunt[:, 1:-1])
    return np.asarray(blunt * gain + wander + noise, np.float32)
