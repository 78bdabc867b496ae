"""Sheets -> traced arrays, in parallel and cached; apart from training, which no worker needs."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from ecgapp.fusion_inputs import FUSION_INPUTS_VERSION, fusion_inputs
from ecgapp.intake import Refusal, read_page
from ecgapp.leads import PREPROCESSING_VERSION, cut_leads
from ecgapp.sheet.native import locate_native
from ecgapp.study.dataset import image_workers
from ecgapp.trace import digitize


def trace_sheets(paths: list[Path], cache: Path) -> list[tuple[dict[str, NDArray[Any]], str]]:
    """Trace sheets, in parallel and from the cache where it can.

    Parameters
    ----------
    paths : list of Path
    cache : Path
        Folder of cached arrays; made if it is missing.

    Returns
    -------
    list of (dict, str)
        For each sheet the arrays of :class:`ecgapp.fusion_inputs.FusionInputs` by name and its
        ``layout``, or nothing and why it was refused.
    """
    folder = cache / "sheets" / f"{PREPROCESSING_VERSION}.{FUSION_INPUTS_VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    with image_workers() as pool:
        read = pool.map(_cached_sheet, paths, [folder] * len(paths), chunksize=8)
        return list(track(read, description="Tracing sheets", total=len(paths)))


def _cached_sheet(path: Path, folder: Path) -> tuple[dict[str, NDArray[Any]], str]:
    """Arrays of one sheet, or why it was refused."""
    data = path.read_bytes()
    cached = folder / f"{hashlib.sha256(data).hexdigest()}.npz"
    if cached.exists():
        with np.load(cached, allow_pickle=False) as arrays:
            return dict(arrays), ""
    try:
        located = locate_native(read_page(data))
    except Refusal as refusal:
        return {}, str(refusal)
    inputs = fusion_inputs(digitize(located, cut_leads(located)))
    arrays = {
        "leads": inputs.leads,
        "shown": inputs.shown,
        "activity": inputs.activity,
        "layout": np.array(located.layout.name),
    }
    # Renamed into place, so that an interruption leaves no half-written file in the cache.
    partial = cached.with_suffix(f".{os.getpid()}.tmp")
    with partial.open("wb") as file:
        np.savez_compressed(file, **arrays)
    os.replace(partial, cached)
    return arrays, ""
