"""Folders, globs and ZIPs of any size -> one table of readings, resumable, in bounded memory.

Results are written to numbered parts beside the table while the batch runs, each renamed into
place, and joined at the end. A second run takes from the table and from the parts what has the same
content, and was read by the same version of ecgapp with the same models, and reads only the rest.
"""

from __future__ import annotations

import glob
import hashlib
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from ecgapp import __version__
from ecgapp.ecg import LEADS
from ecgapp.errors import MAX_UPLOAD_BYTES, Refusal
from ecgapp.inference.shipped_models import load_twelve_lead_network
from ecgapp.io.weights import models_digest
from ecgapp.pipeline import Diagnosis
from ecgapp.report.json_and_csv import LEAD_MEASUREMENTS, MEASUREMENTS
from ecgapp.report.pdf import to_pdf
from ecgapp.service.cluster import Cluster, pool_of_worker
from ecgapp.service.pool import ReadingPool

# Rows of a part: what a kill may cost, against the number of files.
PART_ROWS = 200
_SKIPPED_SUFFIXES = (".csv", ".json", ".md", ".txt", ".parquet", ".xml", ".html")


@dataclass(frozen=True)
class Source:
    """One file to be read.

    Attributes
    ----------
    name : str
        Its path, or the archive's path, ``!`` and the entry's name.
    load : callable
        Gives its bytes; at most one more than a file may have.
    """

    name: str
    load: Callable[[], bytes]


@dataclass(frozen=True)
class Progress:
    """How far a batch has come.

    Attributes
    ----------
    done : int
        Files finished, with those that were taken from an earlier run.
    reused, refused : int
        Of these, taken from an earlier run, and refused.
    """

    done: int
    reused: int
    refused: int


def find_sources(patterns: Sequence[str]) -> Iterator[Source]:
    """Find the files of folders, globs and ZIP archives, in a fixed order.

    Parameters
    ----------
    patterns : sequence of str
        Paths of files, folders (read with all below them) and ZIP archives, or globs.

    Yields
    ------
    Source

    Raises
    ------
    FileNotFoundError
        If a pattern names nothing.
    """
    for pattern in patterns:
        paths = sorted(Path(name) for name in glob.glob(pattern, recursive=True))
        paths = [Path(pattern)] if Path(pattern).exists() else paths
        if not paths:
            raise FileNotFoundError(f"there is no file {pattern!r}")
        for path in paths:
            yield from _below(path)


def _below(path: Path) -> Iterator[Source]:
    if path.is_dir():
        for child in sorted(path.iterdir()):
            if not child.name.startswith("."):
                yield from _below(child)
    elif not path.is_file():
        return
    elif zipfile.is_zipfile(path):
        yield from _in_archive(path)
    elif path.suffix.lower() not in _SKIPPED_SUFFIXES:
        yield Source(str(path), partial(_load, path))


def _load(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_UPLOAD_BYTES + 1)


def _in_archive(path: Path) -> Iterator[Source]:
    """List an archive's files; an entry's name is shown and never becomes a path."""
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            # An entry without a name is none; Python fails on asking what it is.
            if not entry.filename or entry.is_dir():
                continue
            if not entry.filename.lower().endswith(_SKIPPED_SUFFIXES):
                yield Source(f"{path}!{entry.filename}", partial(_unpack, path, entry))


def _unpack(path: Path, entry: zipfile.ZipInfo) -> bytes:
    with zipfile.ZipFile(path) as archive, archive.open(entry) as file:
        return file.read(MAX_UPLOAD_BYTES + 1)


# Columns of a row, and the PDF where one was asked for and there is a verdict.
_Read = tuple[dict[str, Any], bytes | None]


class Readers(Protocol):
    """Whoever reads a batch's files."""

    @property
    def n_at_once(self) -> int:
        """Files that are read at the same time."""

    def submit(self, name: str, data: bytes, with_report: bool) -> Callable[[], _Read]:
        """Have a file read; what it gives waits for the reading."""

    def close(self) -> None:
        """End what was started."""


class OwnProcesses:
    """Processes of this machine.

    Parameters
    ----------
    n_workers : int
    """

    def __init__(self, n_workers: int) -> None:
        self.n_at_once = n_workers
        self._pool = ReadingPool(n_workers)

    def submit(self, name: str, data: bytes, with_report: bool) -> Callable[[], _Read]:
        """Have a file read."""
        pending = self._pool.submit(data)
        return lambda: _read(pending.result(), name, with_report)

    def close(self) -> None:
        """End the processes."""
        self._pool.close()


class ClusterWorkers:
    """Workers of a Dask cluster, where ecgapp is installed too.

    Parameters
    ----------
    address : str
        The scheduler's.

    Raises
    ------
    ConnectionError
        As `Cluster`.
    """

    def __init__(self, address: str) -> None:
        self._cluster = Cluster(address)
        self._installed = (__version__, models_digest())

    @property
    def n_at_once(self) -> int:
        """Files that the workers read at the same time now."""
        return self._cluster.n_at_once

    def submit(self, name: str, data: bytes, with_report: bool) -> Callable[[], _Read]:
        """Have a file read."""
        task = self._cluster.submit(read_on_worker, name, data, with_report, self._installed)

        def result() -> _Read:
            try:
                return task.result()
            except Refusal as refusal:
                return read_row(Diagnosis(refusal=refusal)), None

        return result

    def close(self) -> None:
        """End the connection."""
        self._cluster.close()


def read_on_worker(name: str, data: bytes, with_report: bool, installed: tuple[str, str]) -> _Read:
    """Read one file in a worker of a cluster.

    Parameters
    ----------
    name : str
    data : bytes
    with_report : bool
        Whether a PDF is wanted.
    installed : tuple of str
        The version and the models of whoever asks.

    Returns
    -------
    row : dict
    report : bytes or None

    Raises
    ------
    ConnectionError
        If the worker would read it with another version or other models.
    """
    if (__version__, models_digest()) != installed:
        raise ConnectionError(
            f"a worker of the cluster has ecgapp {__version__}, this is {installed[0]}, or it has "
            "other models; install the same release on all of them"
        )
    return _read(pool_of_worker().submit(data).result(), name, with_report)


def _read(diagnosis: Diagnosis, name: str, with_report: bool) -> _Read:
    report = None
    if with_report and diagnosis.verdict is not None:
        report = to_pdf(diagnosis, name, datetime.now().astimezone())
    return read_row(diagnosis), report


def run_batch(
    sources: Iterable[Source],
    output: Path,
    readers: Readers,
    reports: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """Read files to a table, or go on where an earlier run stopped.

    Parameters
    ----------
    sources : iterable of Source
    output : Path
        The table (Parquet); one row a file, refusals included. Its columns are `schema`'s.
    readers : Readers
        Who reads the files.
    reports : Path, optional
        Folder for a PDF of each reading, named by the file's SHA-256.
    on_progress : callable, optional
        Called after every file.

    Returns
    -------
    Progress
    """
    parts = output.with_name(f"{output.name}.parts")
    parts.mkdir(parents=True, exist_ok=True)
    columns = schema()
    known = _KnownRows([output, *sorted(parts.glob("*.parquet"))], columns)
    if reports is not None:
        reports.mkdir(parents=True, exist_ok=True)
    table = _Parts(parts, columns)
    state = {"done": 0, "reused": 0, "refused": 0}

    def finish(row: dict[str, Any], reused: bool) -> None:
        table.add(row)
        state["done"] += 1
        state["reused"] += reused
        state["refused"] += row["status"] == "refused"
        on_progress(Progress(**state))

    in_flight: deque[tuple[dict[str, Any], Callable[[], _Read]]] = deque()

    def finish_first() -> None:
        about, wait = in_flight.popleft()
        row, report = wait()
        if reports is not None and report is not None:
            (reports / f"{about['sha256']}.pdf").write_bytes(report)
        finish(about | row, reused=False)

    with table.kept_when_stopped():
        for source in sources:
            try:
                data = source.load()
            except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
                reason = Refusal("unreadable_file", "Opening", f"Opening: {error}")
                finish(about(source.name, "") | read_row(Diagnosis(refusal=reason)), reused=False)
                continue
            sha256 = hashlib.sha256(data).hexdigest()
            has_report = reports is None or (reports / f"{sha256}.pdf").exists()
            earlier = known.get(sha256)
            if earlier is not None and (has_report or earlier["status"] == "refused"):
                finish(earlier | {"file": source.name}, reused=True)
                continue
            wait = readers.submit(source.name, data, reports is not None)
            in_flight.append((about(source.name, sha256), wait))
            # As many as keep every worker busy; the rest of the files stay on the disk.
            while len(in_flight) >= 2 * readers.n_at_once + 1:
                finish_first()
        while in_flight:
            finish_first()
    table.join(output)
    return Progress(**state)


def schema() -> pa.Schema:
    """Name the columns of the table.

    Returns
    -------
    pyarrow.Schema
        ``file``, ``sha256``, ``version``, ``models`` (a number of theirs), ``status``, a
        refusal's ``code`` and ``message``, ``layout``, the verdict's ``label``, ``confident``,
        ``not_normal`` (confidently so), ``reason`` and probabilities (``p_<class>``), and the
        measurements by name, those of a lead as ``<name>_<lead>``.
    """
    texts = ["file", "sha256", "version", "models", "status", "code", "message", "layout", "label"]
    numbers = [f"p_{name}" for name in load_twelve_lead_network().metadata["classes"]]
    numbers += [*MEASUREMENTS, *(f"{name}_{lead}" for name in LEAD_MEASUREMENTS for lead in LEADS)]
    return pa.schema(
        [(name, pa.string()) for name in texts]
        + [("confident", pa.bool_()), ("not_normal", pa.bool_()), ("reason", pa.string())]
        + [(name, pa.float32()) for name in numbers]
    )


def about(name: str, sha256: str) -> dict[str, Any]:
    """Columns of a row that are known before the file is read."""
    return {
        "file": name,
        "sha256": sha256,
        "version": __version__,
        "models": models_digest(),
    }


def read_row(diagnosis: Diagnosis) -> dict[str, Any]:
    """Columns of one reading; those that are left out stay empty."""
    if diagnosis.refusal is not None:
        refusal = diagnosis.refusal
        return {"status": "refused", "code": refusal.code, "message": refusal.message}
    assert diagnosis.sheet is not None
    assert diagnosis.verdict is not None
    verdict = diagnosis.verdict
    row: dict[str, Any] = {
        "status": "ok",
        "layout": diagnosis.sheet.layout.name,
        "label": verdict.label,
        "confident": verdict.confident,
        "not_normal": verdict.not_normal,
        "reason": verdict.reason,
    }
    row |= {f"p_{name}": value for name, value in verdict.probabilities.items()}
    return row | {name: one.value for name, one in diagnosis.measurements.items()}


class _KnownRows:
    """Rows of earlier runs of this version with these models, by content."""

    def __init__(self, tables: Iterable[Path], columns: pa.Schema) -> None:
        # A table of another version may have other columns, and is read anew.
        read = [pq.read_table(path) for path in tables if path.exists()]
        read = [table for table in read if table.schema.names == columns.names]
        self._table = pa.concat_tables(read) if read else columns.empty_table()
        keys = zip(
            *(self._table[name].to_pylist() for name in ("sha256", "version", "models")),
            strict=True,
        )
        these = (__version__, models_digest())
        self._row_of = {
            sha256: row for row, (sha256, *by) in enumerate(keys) if sha256 and tuple(by) == these
        }

    def get(self, sha256: str) -> dict[str, Any] | None:
        row = self._row_of.get(sha256)
        return None if row is None else self._table.slice(row, 1).to_pylist()[0]


class _Parts:
    """Rows on their way to a table."""

    def __init__(self, folder: Path, columns: pa.Schema) -> None:
        self._folder = folder
        self._columns = columns
        self._earlier = sorted(folder.glob("*.parquet"))
        self._rows: list[dict[str, Any]] = []
        self._written: list[Path] = []

    def add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) >= PART_ROWS:
            self._flush()

    @contextmanager
    def kept_when_stopped(self) -> Iterator[None]:
        """Write the rows that are finished to a part, whatever ends the block."""
        try:
            yield
        finally:
            self._flush()

    def join(self, output: Path) -> None:
        """Write the table, and remove the parts."""
        self._flush()
        unfinished = output.with_name(f"{output.name}.partial")
        with pq.ParquetWriter(unfinished, self._columns) as writer:
            for path in self._written:
                writer.write_table(pq.read_table(path))
        unfinished.replace(output)
        for path in [*self._earlier, *self._written]:
            path.unlink()
        self._folder.rmdir()

    def _flush(self) -> None:
        if not self._rows:
            return
        names = self._columns.names
        rows = [{name: row.get(name) for name in names} for row in self._rows]
        number = len(self._earlier) + len(self._written)
        path = self._folder / f"part-{number:06d}.parquet"
        unfinished = path.with_suffix(".partial")
        pq.write_table(pa.Table.from_pylist(rows, schema=self._columns), unfinished)
        unfinished.replace(path)
        self._written.append(path)
        self._rows = []
