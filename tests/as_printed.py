"""Drawn sheets, read as an upload is, and their traces held against what was printed."""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ecgapp.digitize.leads import cut_leads
from ecgapp.digitize.trace import digitize
from ecgapp.ecg import LEADS, Signals
from ecgapp.io.pages import PageImage
from ecgapp.sheet.locate import LocatedSheet, locate


def read(picture: Image.Image | NDArray[np.uint8]) -> LocatedSheet:
    rgb = np.ascontiguousarray(picture)
    return locate(PageImage(rgb, np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)), "PNG"))


def is_as_printed(
    sheet: LocatedSheet, signals: Signals, begins_s: dict[str, float] | None = None
) -> None:
    """Every lead lies within 6 ms of its seconds; stretched by 1% the last ones lay 0.1 s off.

    The printed seconds of a lead are those at which it is read, or begin where they are told to.
    """
    assert sheet.missing == ()
    rate = signals.sampling_rate_hz
    traced = digitize(sheet, cut_leads(sheet))
    for name in LEADS:
        begin_s, end_s = sheet.seconds_of(name)
        earlier = round(((begins_s or {}).get(name, begin_s) - begin_s) * rate)
        true, found = np.roll(signals.leads[name], -earlier), traced.leads[name]
        known = np.isfinite(found)
        assert known.sum() > 0.9 * (end_s - begin_s) * rate, name
        alike = [
            np.corrcoef(np.roll(true, shift)[known], found[known])[0, 1] for shift in range(-3, 4)
        ]
        assert max(alike) > 0.985, name
