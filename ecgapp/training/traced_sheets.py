"""Sheets -> traced arrays, in parallel and cached; apart from training, which no worker needs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from rich.progress import track

from ecgapp.datasets.khan import image_workers
from ecgapp.datasets.reading_cache import Arrays, cached_arrays
from ecgapp.digitize.leads import cut_leads
from ecgapp.digitize.trace import digitize, poorly_traced
from ecgapp.errors import Refusal
from ecgapp.inference.abstention import drift_mv, ink_px
from ecgapp.inference.twelve_lead_inputs import twelve_lead_inputs
from ecgapp.io.pages import read_page
from ecgapp.measure.measurements import measure
from ecgapp.sheet.edan import locate_native


def trace_sheets(paths: list[Path], cache: Path) -> list[tuple[Arrays, str]]:
    """Trace sheets, in parallel and from the cache where it can.

    Parameters
    ----------
    paths : list of Path
    cache : Path
        Folder of cached arrays; made if it is missing.

    Returns
    -------
    list of (dict, str)
        For each sheet the arrays of `TwelveLeadInputs` by name, its
        ``layout``, ``ink_px`` and ``drift_mv`` as :mod:`ecgapp.inference.abstention` measures them,
        ``poorly_read``, whether its curves were followed in part only or show too few heartbeats,
        and ``measured``, what was measured, name -> value, as JSON; or nothing and why it was
        refused.
    """
    folder = cache / "sheets"
    with image_workers() as pool:
        read = pool.map(_cached_sheet, paths, [folder] * len(paths), chunksize=8)
        return list(track(read, description="Tracing sheets", total=len(paths)))


def _cached_sheet(path: Path, cache: Path) -> tuple[Arrays, str]:
    """Arrays of one sheet, or why it was refused."""
    arrays = cached_arrays(path, cache, _read_sheet)
    return arrays, str(arrays.pop("refusal"))


def _read_sheet(data: bytes) -> Arrays:
    try:
        located = locate_native(read_page(data))
    except Refusal as refusal:
        return {"refusal": np.array(str(refusal))}
    leads = cut_leads(located)
    signals = digitize(located, leads)
    inputs = twelve_lead_inputs(signals)
    measured = measure(signals)
    poorly_read = bool(poorly_traced(signals)) or "heart_rate_bpm" not in measured
    return {
        "leads": inputs.leads,
        "shown": inputs.shown,
        "activity": inputs.activity,
        "layout": np.array(located.layout.name),
        "ink_px": np.array(ink_px(leads)),
        "drift_mv": np.array(drift_mv(inputs)),
        "poorly_read": np.array(poorly_read),
        "measured": np.array(json.dumps({name: one.value for name, one in measured.items()})),
        "refusal": np.array(""),
    }
