"""A ZIP of class folders, or files with a table of labels, to figures of the shipped models.

All of it in memory.

Nothing of the archive is written anywhere, and no name in it ever becomes a path: entries are
opened by their place in the archive. Refusals of a whole archive have the codes
``archive_too_large``, ``not_a_zip``, ``too_many_entries``, ``unpacked_too_large``,
``packed_too_tightly``, ``bad_labels`` and ``no_class_folders``; a single entry that cannot be used
is reported and left out.
"""

from __future__ import annotations

import csv
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ecgapp.datasets.audit import AuditReport, SheetFile, audit_files, place_file
from ecgapp.ecg import DISCLAIMER
from ecgapp.errors import MAX_UPLOAD_BYTES, Refusal, plain
from ecgapp.evaluation.predictions import Predictions
from ecgapp.pipeline import Diagnosis, diagnose

# Limits of an archive, set by us: bytes as uploaded, files, and bytes unpacked.
MAX_ARCHIVE_BYTES = 100_000_000
MAX_ENTRIES = 1_000
MAX_UNPACKED_BYTES = 1_000_000_000
# Scanned sheets pack to a fiftieth at the very best; far beyond that lies a bomb.
MAX_RATIO = 200
# Bytes of a table of labels: a thousand rows of long names are a tenth of it.
MAX_LABELS_BYTES = 1_000_000

VERDICT = "verdict"

LABELS_ENDING = ".csv"
# Titles of the two columns, as people write them.
_FILE_TITLES = ("file", "filename", "file_name", "path", "name")
_LABEL_TITLES = ("label", "class", "diagnosis")

_ARCHIVE_STEP = "Archive"
_ENCRYPTED = 0x1  # bit of a ZIP entry's flags
# Of the others, Python unpacks more than is asked for.
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGES = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError,
    ValueError,
)  # fmt: skip
# First match wins: "history of MI" holds "mi", "abnormal" holds "normal".
_CLASS_WORDS = (
    ("covid", "covid_19"),
    ("history", "history_of_mi"),
    ("hmi", "history_of_mi"),
    ("pmi", "history_of_mi"),
    ("abnormal", "abnormal_heartbeat"),
    ("ahb", "abnormal_heartbeat"),
    ("normal", "normal"),
    ("infarct", "mi"),
    ("mi", "mi"),
)


@dataclass(frozen=True)
class BadEntry:
    """An entry of the archive that is left out, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class UserArchive:
    """An opened archive.

    Attributes
    ----------
    files : tuple of SheetFile
        Entries to read, labelled with a model's class; not yet opened.
    bad : tuple of BadEntry
        Entries left out.
    entries : dict of str to zipfile.ZipInfo
        Path -> place in the archive.
    archive : zipfile.ZipFile
        Over the bytes in memory.
    """

    files: tuple[SheetFile, ...]
    bad: tuple[BadEntry, ...]
    entries: dict[str, zipfile.ZipInfo]
    archive: zipfile.ZipFile


@dataclass(frozen=True)
class UserReading:
    """What the models made of one sheet.

    Attributes
    ----------
    path, label : str
    probabilities : dict of str to dict
        ``verdict`` and each model -> class -> probability; empty when the sheet was refused.
    layout : str
        Empty when refused.
    confident : bool
    refusal : Refusal or None
    """

    path: str
    label: str
    probabilities: dict[str, dict[str, float]]
    layout: str
    confident: bool
    refusal: Refusal | None


def class_of_folder(folder: str) -> str | None:
    """Recognize a class by the name of its folder, also as the public data set names them.

    Parameters
    ----------
    folder : str
        Such as ``mi`` or ``ECG Images of Myocardial Infarction Patients (240x12=2880)``.

    Returns
    -------
    str or None
        The class; None when the name says none.
    """
    words = "".join(c if c.isalpha() else " " for c in folder.lower()).split()
    for word, label in _CLASS_WORDS:
        # Short abbreviations must be words of their own.
        if word in words or (len(word) > 3 and any(word in found for found in words)):
            return label
    return None


def pack(files: Sequence[tuple[str, bytes]]) -> bytes:
    """Put files that came one by one where a ZIP is read; a ZIP that came alone stays as it is.

    Parameters
    ----------
    files : sequence of (str, bytes)
        Name, with folders where it has them, and content; at least one.

    Returns
    -------
    bytes
        A ZIP file.
    """
    if len(files) == 1 and files[0][0].lower().endswith(".zip"):
        return files[0][1]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number, (name, content) in enumerate(files):
            # A date of its own: a clock before 1980 is no reason to fail.
            archive.writestr(zipfile.ZipInfo(name or f"file {number + 1}"), content)
    return stream.getvalue()


def open_archive(data: bytes, classes: Sequence[str]) -> UserArchive:
    """Check an archive by its table of contents; of the files the tables of labels alone are read.

    Parameters
    ----------
    data : bytes
        The ZIP file. CSV files in it with the columns ``file`` and ``label`` say the labels of the
        files that they name, wherever those lie; of all others the folder says it.
    classes : sequence of str
        Those that the models know.

    Returns
    -------
    UserArchive

    Raises
    ------
    Refusal
    """
    if len(data) > MAX_ARCHIVE_BYTES:
        raise _refused(
            "archive_too_large",
            f"the file has {len(data) / 1e6:.0f} MB, at most {MAX_ARCHIVE_BYTES / 1e6:.0f} MB can "
            "be read here; please send a part of it",
        )
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except _DAMAGES as error:
        raise _refused(
            "not_a_zip",
            f"this is not a complete ZIP file ({plain(str(error), 80)}); please pack the folders "
            "again",
        ) from error
    # An entry without a name is none; Python fails on asking what it is.
    entries = [entry for entry in archive.infolist() if entry.filename and not entry.is_dir()]
    if len(entries) > MAX_ENTRIES:
        raise _refused(
            "too_many_entries",
            f"it holds {len(entries)} files, at most {MAX_ENTRIES} can be read here; please send "
            "a part of them",
        )
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MAX_UNPACKED_BYTES:
        raise _refused(
            "unpacked_too_large",
            f"it unpacks to {unpacked / 1e6:.0f} MB, at most {MAX_UNPACKED_BYTES / 1e6:.0f} MB can "
            "be read here; please send a part of it",
        )
    if unpacked > MAX_RATIO * len(data):
        raise _refused(
            "packed_too_tightly",
            f"it unpacks to {unpacked / len(data):.0f} times its size, at most {MAX_RATIO} times "
            "is read; pictures do not pack so tightly",
        )
    tables = [entry for entry in entries if _is_labels(entry)]
    labels = {name: label for table in tables for name, label in _labels(archive, table).items()}
    files, bad, places = _sort_out(
        [entry for entry in entries if entry not in tables], classes, labels
    )
    if not files:
        raise _refused(
            "no_class_folders",
            "no file lies in a folder named after a class that the models know "
            f"({', '.join(classes)}), and no CSV file gives one such a label; please put the "
            "sheets of each class into such a folder, or add a CSV with the columns file and label",
        )
    return UserArchive(tuple(files), tuple(bad), places, archive)


def file_content(own: UserArchive, path: str) -> bytes:
    """Unpack one file into memory.

    Parameters
    ----------
    own : UserArchive
    path : str
        Of one of its files.

    Raises
    ------
    OSError
        If it is damaged, as a damaged disk would.
    """
    try:
        with own.archive.open(own.entries[path]) as stream:
            # With a limit, since what an entry unpacks to may be more than it says.
            return stream.read(MAX_UPLOAD_BYTES)
    except _DAMAGES as error:
        raise OSError(f"the entry is damaged ({error})") from error


def audit_archive(
    own: UserArchive, on_progress: Callable[[int, int], None] | None = None
) -> AuditReport:
    """Check the sheets for copies, label conflicts and leaks between split folders.

    Parameters
    ----------
    own : UserArchive
    on_progress : callable, optional
        Called after each file with the number of files done and of all files.
    """
    return audit_files(
        "ZIP", list(own.files), lambda path: io.BytesIO(file_content(own, path)), None, on_progress
    )


def read_sheet(own: UserArchive, file: SheetFile) -> UserReading:
    """Let the models read one sheet of the archive.

    Parameters
    ----------
    own : UserArchive
    file : SheetFile
        One of its files.

    Raises
    ------
    ModelError
        If the models are not installed as released.
    """
    try:
        diagnosis = diagnose(file_content(own, file.path))
    except OSError as error:
        refusal = Refusal(
            "unreadable_file", _ARCHIVE_STEP, f"{_ARCHIVE_STEP}: {plain(str(error), 120)}."
        )
        diagnosis = Diagnosis(refusal=refusal)
    if diagnosis.verdict is None or diagnosis.sheet is None:
        return UserReading(file.path, file.label, {}, "", False, diagnosis.refusal)
    verdict = diagnosis.verdict
    return UserReading(
        path=file.path,
        label=file.label,
        probabilities={VERDICT: verdict.probabilities, **verdict.by_model},
        layout=diagnosis.sheet.layout.name,
        confident=verdict.confident,
        refusal=None,
    )


def to_predictions(
    readings: Sequence[UserReading], of: str, groups: Mapping[str, int], count_copies: bool
) -> Predictions:
    """Put the sheets that were read into one table.

    Parameters
    ----------
    readings : sequence of UserReading
        At least one of them read.
    of : str
        ``verdict``, or a model.
    groups : mapping of str to int
        Path -> number of its content; see `content_groups`. It serves as the session, so that
        copies do not narrow the intervals.
    count_copies : bool
        Whether a content counts as often as it occurs, and not once under each label.

    Returns
    -------
    Predictions
        One entry a sheet.
    """
    kept = [reading for reading in readings if reading.refusal is None]
    if not count_copies:
        kept = list({(groups[r.path], r.label): r for r in reversed(kept)}.values())[::-1]
    classes = tuple(kept[0].probabilities[of])
    return Predictions(
        classes=classes,
        sheet=np.array([reading.path for reading in kept]),
        label=np.array([reading.label for reading in kept]),
        layout=np.array([reading.layout for reading in kept]),
        session=np.array([groups[reading.path] for reading in kept]),
        fold=np.zeros(len(kept), dtype=np.int64),
        lead=np.full(len(kept), ""),
        probabilities=np.array(
            [[reading.probabilities[of][name] for name in classes] for reading in kept]
        ),
    )


def content_groups(report: AuditReport) -> dict[str, int]:
    """Give every file a number that it shares with its copies, exact or near.

    Parameters
    ----------
    report : AuditReport

    Returns
    -------
    dict of str to int
        Path -> number.
    """
    group = {file.path: number for number, file in enumerate(report.files)}
    copies = [list(paths) for paths in report.exact_duplicates]
    copies += [[pair.first, pair.second] for pair in report.near_duplicates]
    for paths in copies:
        joined = {group[path] for path in paths}
        group = {path: min(joined) if n in joined else n for path, n in group.items()}
    return group


def warnings(report: AuditReport) -> list[str]:
    """Say in plain words what of the audit bears upon the figures."""
    found = []
    if report.exact_duplicates:
        n_files = sum(len(group) for group in report.exact_duplicates)
        found.append(
            f"{n_files} files are copies of each other, byte for byte; different pictures among "
            f"them: {len(report.exact_duplicates)}."
        )
    if report.near_duplicates:
        found.append(
            "Pairs of files with different bytes but the same curves, as when one recording is "
            f"saved twice: {len(report.near_duplicates)}."
        )
    if report.label_conflicts:
        found.append(
            f"Pictures in folders of several classes: {len(report.label_conflicts)}; under all but "
            "one of them every verdict is counted wrong."
        )
    if report.split_leaks:
        found.append(
            f"Pictures in more than one of the folders {', '.join(report.splits())}: "
            f"{len(report.split_leaks)}; a model trained on this split would be tested on pictures "
            "that it knows."
        )
    return found


def to_csv(
    readings: Sequence[UserReading], bad: Sequence[BadEntry], groups: Mapping[str, int]
) -> str:
    """Write one row a file, for a spreadsheet.

    Parameters
    ----------
    readings : sequence of UserReading
    bad : sequence of BadEntry
    groups : mapping of str to int

    Returns
    -------
    str
        Columns ``file``, ``label``, ``status`` (``read``, ``refused`` or ``left_out``), ``reason``,
        ``content`` (files with the same number show the same), ``layout``, ``verdict``,
        ``confident``, one probability column for each class of the verdict and of each model, and
        ``note``.
    """
    read = next((reading for reading in readings if reading.refusal is None), None)
    columns = [
        (source, name)
        for source, of_source in (read.probabilities if read else {}).items()
        for name in of_source
    ]
    header = ["file", "label", "status", "reason", "content", "layout", "verdict", "confident"]
    header += [f"{source}_{name}" for source, name in columns]
    header += ["note"]
    rows: list[list[object]] = []
    for reading in readings:
        start = [_cell(reading.path), reading.label]
        if reading.refusal is not None:
            filler = [""] * (3 + len(columns))
            refused = ["refused", reading.refusal.message, groups[reading.path]]
            rows.append([*start, *refused, *filler, DISCLAIMER])
            continue
        verdict = reading.probabilities[VERDICT]
        label = max(verdict, key=verdict.__getitem__)
        shares = [f"{reading.probabilities[source][name]:.4f}" for source, name in columns]
        rest = ["read", "", groups[reading.path], reading.layout, label, reading.confident]
        rows.append([*start, *rest, *shares, DISCLAIMER])
    for entry in bad:
        filler = [""] * (4 + len(columns))
        rows.append([_cell(entry.path), "", "left_out", entry.reason, *filler, DISCLAIMER])
    return str(pd.DataFrame(rows, columns=header).to_csv(index=False))


def _is_labels(entry: zipfile.ZipInfo) -> bool:
    """Whether an entry is a table of labels that can be opened; hidden files are passed over."""
    return (
        entry.filename.lower().endswith(LABELS_ENDING)
        and not _is_hidden(entry.filename)
        and not entry.flag_bits & _ENCRYPTED
        and entry.compress_type in _PACKINGS
    )


def _is_hidden(path: str) -> bool:
    parts = path.split("/")
    return any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in parts)


def _labels(archive: zipfile.ZipFile, table: zipfile.ZipInfo) -> dict[str, str]:
    """Read a table of labels: name of a file, with or without its folders -> class."""
    step = f"the table {plain(table.filename, 60)}"
    try:
        with archive.open(table) as stream:
            content = stream.read(MAX_LABELS_BYTES + 1)
    except _DAMAGES as error:
        raise _refused("bad_labels", f"{step} is damaged; please pack it again") from error
    if len(content) > MAX_LABELS_BYTES:
        raise _refused(
            "bad_labels",
            f"{step} has more than {MAX_LABELS_BYTES / 1e6:.0f} MB; please keep its columns file "
            "and label alone",
        )
    text = content.decode("utf-8-sig", "replace")
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    rows = list(csv.reader(io.StringIO(text), delimiter=separator))
    titles = [title.strip().lower() for title in rows[0]] if rows else []
    places = [
        next((titles.index(title) for title in known if title in titles), None)
        for known in (_FILE_TITLES, _LABEL_TITLES)
    ]
    if None in places:
        raise _refused(
            "bad_labels",
            f"{step} has the columns {plain(', '.join(titles), 80) or 'of nothing'}; please name "
            "one file and one label",
        )
    file_at, label_at = (int(place) for place in places if place is not None)
    labels = {}
    for row in rows[1:]:
        if len(row) > max(file_at, label_at):
            name = row[file_at].strip().replace("\\", "/")
            labels[name] = class_of_folder(row[label_at]) or row[label_at].strip()
    return labels


def _sort_out(
    entries: Sequence[zipfile.ZipInfo], classes: Sequence[str], labels: Mapping[str, str]
) -> tuple[list[SheetFile], list[BadEntry], dict[str, zipfile.ZipInfo]]:
    """Part the entries that can be read from those that cannot; hidden ones are passed over."""
    files = []
    bad = []
    places: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        if _is_hidden(entry.filename):
            continue
        file = place_file(entry.filename)
        said = labels.get(entry.filename) or labels.get(entry.filename.rpartition("/")[2])
        label = said or class_of_folder(file.label)
        if _leads_out(entry.filename):
            reason = "Its path leads out of the archive."
        elif entry.flag_bits & _ENCRYPTED:
            reason = "It is protected by a password."
        elif entry.file_size > MAX_UPLOAD_BYTES:
            reason = (
                f"It has {entry.file_size / 1e6:.0f} MB, at most {MAX_UPLOAD_BYTES / 1e6:.0f} MB "
                "are read."
            )
        elif entry.compress_type not in _PACKINGS:
            reason = "It is packed in a way that is not read; please pack it as usual (deflate)."
        elif label is None or label not in classes:
            reason = f"Its folder {file.label} is no class that the models know."
            if said:
                reason = f"Its label {plain(said, 40)} is no class that the models know."
        elif entry.filename in places:
            reason = "The archive holds another file of the same name."
        else:
            files.append(replace(file, label=label))
            places[entry.filename] = entry
            continue
        bad.append(BadEntry(entry.filename, reason))
    return files, bad, places


def _leads_out(path: str) -> bool:
    """Whether a path of an archive names a place outside of where it would be unpacked."""
    parts = path.replace("\\", "/").split("/")
    return ".." in parts or not parts[0] or parts[0].endswith(":")


def _cell(text: str) -> str:
    """Keep a spreadsheet from taking a file's name for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _refused(code: str, found: str) -> Refusal:
    return Refusal(code, _ARCHIVE_STEP, f"{_ARCHIVE_STEP}: {found}.")
