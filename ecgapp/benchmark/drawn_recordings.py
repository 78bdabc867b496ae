"""Records of any source, drawn as some machine's sheet and read back as the app reads it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ecgapp.benchmark.reading import ARRANGEMENTS
from ecgapp.datasets.drawn_sheets import PTBXL
from ecgapp.datasets.reading_cache import Arrays, kept_arrays
from ecgapp.digitize.leads import cut_leads
from ecgapp.digitize.trace import digitize, likeliest_signals, poorly_traced
from ecgapp.ecg import LAYOUTS, Signals
from ecgapp.errors import Refusal
from ecgapp.inference.abstention import limit_reason
from ecgapp.inference.twelve_lead_inputs import twelve_lead_inputs
from ecgapp.io.pages import read_page
from ecgapp.measure.measurements import measure
from ecgapp.sheet.locate import locate
from ecgapp.synthesis.degrade import photograph
from ecgapp.synthesis.draw import draw_sheet
from ecgapp.synthesis.vendors import VENDORS

# Names of what was measured stand behind this in a sheet's arrays.
MEASURED = "measured_"
# One sheet in so many is photographed.
_PHOTOGRAPHED_EVERY = 3


@dataclass(frozen=True)
class Recording:
    """A record to draw, and what is known about it.

    Attributes
    ----------
    source, name : str
        The name is the record's in LUDB and the collections, its row's number in PTB-XL's fold 9.
    number : int
        Its place in the source's order, from which all that is random about its sheet follows.
    signals : callable
        Gives its signals.
    stated : dict of str to (bool or None)
        Code -> whether it is stated; None where that is not known.
    possible : frozenset of str
        Labels that it may have.
    """

    source: str
    name: str
    number: int
    signals: Callable[[], Signals]
    stated: dict[str, bool | None]
    possible: frozenset[str]


def read_recording(recording: Recording, cache: Path) -> Arrays:
    """Draw a record as some machine's sheet and read it back, or take it from the cache.

    Parameters
    ----------
    recording : Recording
    cache : Path
        Folder; made if it is missing.

    Returns
    -------
    dict
        ``vendor``, ``arrangement``, ``photographed``, ``refusal`` (empty where it was read), and
        of a sheet that was read the arrays of `TwelveLeadInputs` without their first axis,
        ``abstained``, whether its curves were followed in part only or are unlike the development
        sheets', and what was measured, its names behind ``measured_``.
    """
    signals = recording.signals()
    drawn = [recording.source, recording.name, str(recording.number), *signals.leads]
    content = hashlib.sha256("\n".join(drawn).encode())
    for values in signals.leads.values():
        content.update(values.tobytes())
    return kept_arrays(
        content.hexdigest(), cache / "sources", __name__, lambda: _draw_and_read(recording, signals)
    )


def _draw_and_read(recording: Recording, signals: Signals) -> Arrays:
    # LUDB's and the collections' sheets differ from PTB-XL's of the same number.
    group = {PTBXL: "val", "LUDB": "ludb"}.get(recording.source, "external")
    rng = np.random.default_rng((7, recording.number, sum(map(ord, group))))
    arrangement = list(ARRANGEMENTS)[rng.integers(len(ARRANGEMENTS))]
    vendor = list(VENDORS)[rng.integers(len(VENDORS))]
    layout, strips = ARRANGEMENTS[arrangement]
    drawn = draw_sheet(signals, LAYOUTS[layout], strips, vendor=VENDORS[vendor])
    photographed = recording.number % _PHOTOGRAPHED_EVERY == _PHOTOGRAPHED_EVERY - 1
    file = io.BytesIO()
    if photographed:
        photograph(drawn, 1000 + recording.number).image.save(file, "JPEG", quality=90)
    else:
        drawn.image.save(file, "PNG", compress_level=1)
    found = {
        "vendor": vendor,
        "arrangement": arrangement,
        "photographed": photographed,
        **_read(file.getvalue()),
    }
    return {name: np.asarray(value) for name, value in found.items()}


def _read(picture: bytes) -> dict[str, Any]:
    try:
        sheet = locate(read_page(picture))
    except Refusal as refusal:
        return {"refusal": refusal.code}
    if sheet.missing:
        return {"refusal": "leads_missing"}
    leads = cut_leads(sheet)
    signals = digitize(sheet, leads)
    inputs = twelve_lead_inputs(likeliest_signals(sheet, leads, signals))
    measured = measure(signals)
    abstained = poorly_traced(signals) or limit_reason(leads, inputs)
    return {
        "refusal": "",
        "leads": inputs.leads[0],
        "shown": inputs.shown[0],
        "activity": inputs.activity[0],
        "abstained": bool(abstained) or "heart_rate_bpm" not in measured,
        **{f"{MEASURED}{name}": one.value for name, one in measured.items()},
    }
