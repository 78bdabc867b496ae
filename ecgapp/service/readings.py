"""One visitor's readings, in memory, within bounds.

A visitor may read several sheets and come back to each. The files are kept, as small as they came;
of what was read from them only the readings looked at last are kept whole, since a photograph takes
a hundred times the memory of its file. Another one is read again when it is opened.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from weakref import ReferenceType, WeakValueDictionary, ref

from ecgapp.errors import MAX_UPLOAD_BYTES
from ecgapp.pipeline import diagnose
from ecgapp.report.headline import summary
from ecgapp.service.metrics import note_reading
from ecgapp.service.pool import server_pool

if TYPE_CHECKING:
    from ecgapp.explain.evidence import Evidence
    from ecgapp.pipeline import Diagnosis
    from ecgapp.sheet.located import Correction

MAX_FILES = 20  # of one visitor, set by us
# Three of the largest files, or twenty scans of a common size.
MAX_TOTAL_BYTES = 3 * MAX_UPLOAD_BYTES
_KEPT_WHOLE = 3
# Of all visitors together, so that the server's memory does not grow with their number: native
# sheets of ten visitors, or three photographs of 12 megapixels; the others are read again.
MAX_KEPT_BYTES = 200_000_000
# Each time costs the server a message to the browser.
_TELL_EVERY_S = 1.0
_THUMBNAIL_PX = (176, 128)
_THUMBNAIL_QUALITY = 70


@dataclass
class Reading:
    """One file with what was read from it.

    Attributes
    ----------
    name : str
        What the visitor calls the file.
    data : bytes
        Its content.
    sha256 : str
        Of its content, hexadecimal.
    correction : Correction or None
        What the visitor said about where the leads lie.
    diagnosis : Diagnosis or None
        What was read; None while it is not kept whole.
    read_at : datetime or None
        When, with this correction.
    thumbnail : bytes
        A small JPEG; empty where there is no picture.
    summary : str
        The headline; empty while the file is unread.
    evidence : Evidence or None
        What moved the verdict, once that was asked for.
    pictures : dict of str to bytes
        Pictures of the reading that were drawn already, by name; gone with the diagnosis.
    """

    name: str
    data: bytes
    sha256: str
    correction: Correction | None = None
    diagnosis: Diagnosis | None = None
    read_at: datetime | None = None
    thumbnail: bytes = b""
    summary: str = ""
    evidence: Evidence | None = None
    pictures: dict[str, bytes] = field(default_factory=dict)

    def forget(self) -> None:
        """Let go of what was read, and keep the file."""
        self.diagnosis = None
        self.pictures.clear()

    def correct(self, correction: Correction | None) -> None:
        """Have it read anew, as a person says."""
        self.correction = correction
        self.read_at = self.evidence = None
        self.forget()


class _Kept:
    """Readings that are kept whole, of all visitors, the one opened last at the end."""

    def __init__(self) -> None:
        self._readings: list[ReferenceType[Reading]] = []
        self._lock = threading.Lock()

    def bound(self, opened: Reading) -> None:
        """Let go of what was opened longest ago, until the rest keeps to the limit."""
        with self._lock:
            alive = [one for link in self._readings if (one := link()) is not None]
            whole = [one for one in alive if one is not opened and one.diagnosis is not None]
            whole.append(opened)
            total = sum(map(_kept_bytes, whole))
            while total > MAX_KEPT_BYTES and len(whole) > 1:
                oldest = whole.pop(0)
                total -= _kept_bytes(oldest)
                oldest.forget()
            self._readings = [ref(one) for one in whole]


def _kept_bytes(reading: Reading) -> int:
    """Memory of the pictures of a reading, which is nearly all of it."""
    diagnosis = reading.diagnosis
    n_bytes = sum(map(len, reading.pictures.values()))
    if diagnosis is None:
        return n_bytes
    arrays = [one.curve for one in diagnosis.leads.values()]
    if diagnosis.page is not None:
        arrays += [diagnosis.page.rgb, diagnosis.page.gray]
    if diagnosis.sheet is not None:
        arrays.append(diagnosis.sheet.gray)
    # The gray of a page that is read as it is stands in both. A lead's image has a byte a pixel.
    held = {id(one): one.nbytes for one in arrays}
    images = (one.image.width * one.image.height for one in diagnosis.leads.values())
    return n_bytes + sum(held.values()) + sum(images)


_KEPT = _Kept()


class Readings:
    """The readings of one visitor, the newest first."""

    def __init__(self) -> None:
        self.all: list[Reading] = []
        self.shown: Reading | None = None
        self._opened: list[Reading] = []

    def add(self, name: str, data: bytes) -> str | None:
        """Take a file in, unread, and show it.

        Parameters
        ----------
        name : str
            What the visitor calls it.
        data : bytes
            Its content; a file that is here already is shown again.

        Returns
        -------
        str or None
            Why it was not taken, in one sentence.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        known = next((one for one in self.all if one.sha256 == sha256), None)
        if known is not None:
            known.name = name
            self.shown = known
            return None
        if len(self.all) >= MAX_FILES:
            return (
                f"This session holds {len(self.all)} files and can hold at most {MAX_FILES}; "
                "clear some of them first."
            )
        total = sum(len(one.data) for one in self.all) + len(data)
        if total > MAX_TOTAL_BYTES:
            return (
                f"With this file the session would hold {total / 1e6:.0f} MB, at most "
                f"{MAX_TOTAL_BYTES / 1e6:.0f} MB are possible; clear some files first."
            )
        self.shown = Reading(name, data, sha256)
        self.all.insert(0, self.shown)
        return None

    def read(
        self, reading: Reading, on_wait: Callable[[int], None] = lambda place: None
    ) -> Diagnosis:
        """Read a file, or give what was read from it before.

        Parameters
        ----------
        reading : Reading
            One of `all`.
        on_wait : callable, optional
            Called about every second with the number of other visitors' files before it.

        Returns
        -------
        Diagnosis

        Raises
        ------
        ModelError
            If the installation lacks a model.
        """
        if reading.diagnosis is None:
            reading.diagnosis = _read(reading, on_wait)
            reading.read_at = reading.read_at or datetime.now()
            reading.thumbnail = thumbnail(reading.diagnosis)
            reading.summary = summary(reading.diagnosis)
        diagnosis = reading.diagnosis
        self._opened = [one for one in self._opened if one is not reading] + [reading]
        for old in self._opened[:-_KEPT_WHOLE]:
            old.forget()
        self._opened = self._opened[-_KEPT_WHOLE:]
        _KEPT.bound(reading)
        return diagnosis

    def clear(self, reading: Reading) -> None:
        """Forget one file with all that was read from it."""
        self.all = [one for one in self.all if one is not reading]
        self._opened = [one for one in self._opened if one is not reading]
        if self.shown is reading:
            self.shown = self.all[0] if self.all else None


def _read(reading: Reading, on_wait: Callable[[int], None]) -> Diagnosis:
    """Read one file in the server's pool, where there is one."""
    pool = server_pool()
    if pool is None:
        diagnosis = diagnose(reading.data, reading.correction)
        note_reading(diagnosis, len(reading.data), waited_s=0)
        return diagnosis
    pending = pool.submit(reading.data, reading.correction)
    try:
        while True:
            with suppress(TimeoutError):
                return pending.result(_TELL_EVERY_S)
            on_wait(pending.place)
    finally:
        # A visitor who has left waits no longer.
        pending.cancel()


# Held only as long as a session holds them, so that nothing outlives the visitor.
_OF_TABS: WeakValueDictionary[str, Readings] = WeakValueDictionary()


def of_tab(tab: str, own: Readings) -> Readings:
    """Find the readings of a browser tab that was loaded anew.

    Parameters
    ----------
    tab : str
        A random number that only this tab knows, 128 bits, hexadecimal.
    own : Readings
        Those of the new session.

    Returns
    -------
    Readings
        Those of the tab's earlier session while that session lasts and the new one has none;
        else `own`, which the tab finds from now on.
    """
    earlier = _OF_TABS.get(tab)
    if earlier is not None and not own.all:
        return earlier
    _OF_TABS[tab] = own
    return own


def thumbnail(diagnosis: Diagnosis) -> bytes:
    """Make the picture small, as JPEG; empty where there is none."""
    from PIL import Image

    if diagnosis.page is None:
        return b""
    # A quick reduction first: a photograph has fifty times the pixels.
    picture = Image.fromarray(diagnosis.page.rgb)
    step = max(1, picture.width // (2 * _THUMBNAIL_PX[0]))
    picture = picture.reduce(step)
    picture.thumbnail(_THUMBNAIL_PX)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_THUMBNAIL_QUALITY)
    return file.getvalue()
