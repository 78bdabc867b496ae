"""Up to some hundred files of one visitor, read one after the other to a table, in memory."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ecgapp.pipeline import diagnose
from ecgapp.report.headline import summary
from ecgapp.report.json_and_csv import no_formula
from ecgapp.report.pdf import to_pdf
from ecgapp.service.batch import about, read_row, schema
from ecgapp.service.metrics import note_reading
from ecgapp.service.pool import PendingReading, server_pool
from ecgapp.service.readings import thumbnail

if TYPE_CHECKING:
    from ecgapp.pipeline import Diagnosis

# What a browser's table and a session's memory hold well; `ecgapp batch` takes any number.
MAX_FILES = 300
MAX_TOTAL_BYTES = 100_000_000
# Of one visitor at a time in the queue, so that others come between.
_IN_FLIGHT = 2


@dataclass
class BatchItem:
    """One file of a batch.

    Attributes
    ----------
    name : str
        What the visitor calls it.
    data : bytes
        Its content.
    sha256 : str
        Of its content, hexadecimal.
    row : dict of str to object
        What was read, by the columns of `ecgapp.service.batch.schema`; empty while it is unread.
    summary : str
        The headline.
    findings : str
        In plain words, beside each other.
    thumbnail : bytes
        A small JPEG; empty where there is no picture.
    report : bytes
        A PDF; empty where none was asked for, or the file was refused.
    """

    name: str
    data: bytes
    sha256: str
    row: dict[str, Any] = field(default_factory=dict)
    summary: str = ""
    findings: str = ""
    thumbnail: bytes = b""
    report: bytes = b""


class VisitorBatch:
    """The files of one visitor's batch, in the order in which they came."""

    def __init__(self) -> None:
        self.items: list[BatchItem] = []

    def add(self, name: str, data: bytes) -> str | None:
        """Take a file in; one that is here already is left out.

        Parameters
        ----------
        name : str
        data : bytes

        Returns
        -------
        str or None
            Why it was not taken, in one sentence.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        if any(one.sha256 == sha256 for one in self.items):
            return None
        if len(self.items) >= MAX_FILES:
            return f"A batch holds at most {MAX_FILES} files; ecgapp batch reads any number."
        total = sum(len(one.data) for one in self.items) + len(data)
        if total > MAX_TOTAL_BYTES:
            return (
                f"With this file the batch would hold {total / 1e6:.0f} MB, at most "
                f"{MAX_TOTAL_BYTES / 1e6:.0f} MB are possible; ecgapp batch reads any number."
            )
        self.items.append(BatchItem(name, data, sha256))
        return None

    @property
    def unread(self) -> list[BatchItem]:
        """Files that were not read yet."""
        return [one for one in self.items if not one.row]

    def read(self, with_reports: bool) -> Iterator[BatchItem]:
        """Read what is unread; stopped at any file, it goes on there when called again.

        Parameters
        ----------
        with_reports : bool
            Make a PDF of each reading, too.

        Yields
        ------
        BatchItem
            Each as soon as it is read.

        Raises
        ------
        ModelError
            If the installation lacks a model.
        """
        pool = server_pool()
        if pool is None:
            for item in self.unread:
                diagnosis = diagnose(item.data)
                note_reading(diagnosis, len(item.data), waited_s=0)
                _note(item, diagnosis, with_reports)
                yield item
            return
        begun: deque[tuple[BatchItem, PendingReading]] = deque()
        try:
            waiting = deque(self.unread)
            while waiting or begun:
                while waiting and len(begun) < _IN_FLIGHT:
                    item = waiting.popleft()
                    begun.append((item, pool.submit(item.data)))
                item, pending = begun.popleft()
                _note(item, pending.result(), with_reports)
                yield item
        finally:
            for _, pending in begun:
                pending.cancel()

    def to_csv(self) -> str:
        """Write what was read as a table, a row a file.

        Returns
        -------
        str
            With the columns of `ecgapp.service.batch.schema`.
        """
        text = io.StringIO()
        writer = csv.DictWriter(text, schema().names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for item in self.items:
            if item.row:
                writer.writerow(item.row | {"file": no_formula(item.name)})
        return text.getvalue()

    def to_zip(self) -> bytes:
        """Pack the reports, and the table, into one archive.

        Returns
        -------
        bytes
            Reports are numbered as the files came; a visitor's names become no path.
        """
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("readings.csv", self.to_csv())
            for number, item in enumerate(self.items, start=1):
                if item.report:
                    archive.writestr(f"report_{number:03d}.pdf", item.report)
        return file.getvalue()


def _note(item: BatchItem, diagnosis: Diagnosis, with_report: bool) -> None:
    """Keep of a reading what the table needs, and let the rest go."""
    item.row = about(item.name, item.sha256) | read_row(diagnosis)
    item.summary = summary(diagnosis)
    item.findings = "; ".join(one.text for one in diagnosis.findings)
    item.thumbnail = thumbnail(diagnosis)
    if with_report and diagnosis.verdict is not None:
        item.report = to_pdf(diagnosis, item.name, datetime.now().astimezone(), item.sha256)
