"""Check a folder of labelled sheets before any figure is trusted: copies, leaks, conflicts.

A copy of a training sheet in the test set makes a model look better than it is, and a sheet under
two labels cannot be right under both. Both occur in published releases of ECG sheets.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ecgapp.datasets.similarity import ink_print, similar_pairs
from ecgapp.errors import MAX_UPLOAD_BYTES, Refusal
from ecgapp.io.pages import PageImage, read_page
from ecgapp.io.text_table import read_rows
from ecgapp.sheet.locate import locate

SPLIT_FOLDERS = ("train", "training", "val", "valid", "validation", "dev", "test", "testing")
MANIFEST_NAME = "manifest.csv"
NO_CLASS = "(no class)"
NO_LAYOUT = "not found"
# What a terminal holds.
_LISTED_IN_TEXT = 20
_FILES_IN_A_LINE = 8


@dataclass(frozen=True)
class SheetFile:
    """One file of the folder.

    Attributes
    ----------
    path : str
        Relative to the folder, with forward slashes.
    label : str
        Name of its class subfolder.
    split : str or None
        Name of the train, validation or test folder that it lies in.
    sha256 : str or None
        Of its bytes; None when they cannot be read.
    file_format : str or None
        By its content; None when it is no picture.
    width_px, height_px : int
        0 when it is no picture.
    layout : str or None
        Name of the twelve-lead layout that was found on it; None when none was found.
    refusal_code, refusal_message : str or None
        Why it cannot be read.
    """

    path: str
    label: str
    split: str | None
    sha256: str | None = None
    file_format: str | None = None
    width_px: int = 0
    height_px: int = 0
    layout: str | None = None
    refusal_code: str | None = None
    refusal_message: str | None = None


@dataclass(frozen=True)
class ManifestRow:
    """What a manifest says of one sheet; None where it does not say."""

    path: str
    label: str | None
    layout: str | None
    session: str | None
    fold: str | None
    sha256: str | None
    copies_in_v2: int | None


@dataclass(frozen=True)
class NearDuplicate:
    """Two different files that show the same curves."""

    first: str
    second: str
    similarity: float


@dataclass(frozen=True)
class SharedGroup:
    """Files that belong together and yet lie on both sides of a border.

    Attributes
    ----------
    what : str
        What they share: ``content`` or ``session 12``.
    parts : tuple of str
        The labels, splits or folds that they lie in.
    files : tuple of str
        Their paths.
    """

    what: str
    parts: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True)
class ManifestReport:
    """How a manifest fits the folder, and what it says.

    Attributes
    ----------
    n_rows, n_sessions : int
        Rows, and different sessions named in them.
    without_file : tuple of str
        Rows whose file is not in the folder.
    unlisted : tuple of str
        Files of the folder without a row.
    layouts : dict
        Label to layout to rows; empty without that column.
    session_sizes : dict
        Sheets in a session to sessions of that size.
    copies_in_v2 : dict
        Label to copies to the different images that the 928-file release holds so many times, as
        far as the rows say; empty without that column.
    """

    n_rows: int
    n_sessions: int
    without_file: tuple[str, ...]
    unlisted: tuple[str, ...]
    layouts: dict[str, dict[str, int]]
    session_sizes: dict[int, int]
    copies_in_v2: dict[str, dict[int, int]]

    def version_2(self) -> dict[str, tuple[int, int]]:
        """Files and different images of each label in the 928-file release."""
        return {
            label: (sum(n * images for n, images in copies.items()), sum(copies.values()))
            for label, copies in self.copies_in_v2.items()
        }


@dataclass(frozen=True)
class AuditReport:
    """What was found in a folder.

    Attributes
    ----------
    folder : str
        The folder's name.
    files : tuple of SheetFile
        Every file below a class or split folder, by path.
    exact_duplicates : tuple of tuple of str
        Paths of files with the same bytes.
    near_duplicates : tuple of NearDuplicate
        Files with different bytes and the same curves; of exact duplicates the first file only.
    label_conflicts : tuple of SharedGroup
        The same content under several labels.
    split_leaks, fold_leaks : tuple of SharedGroup
        The same content or session in several split folders, or in several folds of the manifest.
    manifest : ManifestReport or None
        None when there is no manifest.
    """

    folder: str
    files: tuple[SheetFile, ...]
    exact_duplicates: tuple[tuple[str, ...], ...] = ()
    near_duplicates: tuple[NearDuplicate, ...] = ()
    label_conflicts: tuple[SharedGroup, ...] = ()
    split_leaks: tuple[SharedGroup, ...] = ()
    fold_leaks: tuple[SharedGroup, ...] = ()
    manifest: ManifestReport | None = None

    @property
    def leaks(self) -> bool:
        """Whether splits or folds share content or sessions."""
        return bool(self.split_leaks or self.fold_leaks)

    @property
    def unreadable(self) -> tuple[SheetFile, ...]:
        """Files that are no picture that can be read."""
        return tuple(file for file in self.files if file.refusal_code)

    def classes(self) -> dict[str, tuple[int, int]]:
        """Files and different images (by their bytes) of each label."""
        contents: dict[str, list[str | None]] = defaultdict(list)
        for file in self.files:
            contents[file.label].append(file.sha256)
        return {label: (len(found), len(set(found))) for label, found in sorted(contents.items())}

    def splits(self) -> dict[str, dict[str, int]]:
        """Files of each label in each split folder."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for file in self.files:
            if file.split is not None:
                counts[file.split][file.label] += 1
        return {split: dict(sorted(labels.items())) for split, labels in sorted(counts.items())}

    def formats(self) -> dict[str, int]:
        """Files of each format, the commonest first; unreadable files are not counted."""
        return dict(Counter(f.file_format for f in self.files if f.file_format).most_common())

    def sizes(self) -> dict[tuple[int, int], int]:
        """Files of each width and height in px, the commonest first."""
        return dict(
            Counter((f.width_px, f.height_px) for f in self.files if f.file_format).most_common()
        )

    def layouts(self) -> dict[str, dict[str, int]]:
        """Readable files of each label in each layout that was found on them."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for file in self.files:
            if file.file_format:
                counts[file.label][file.layout or NO_LAYOUT] += 1
        return {label: dict(sorted(found.items())) for label, found in sorted(counts.items())}

    def to_dict(self) -> dict[str, Any]:
        """Everything found, ready for JSON."""
        manifest = self.manifest
        return {
            "folder": self.folder,
            "files": len(self.files),
            "leaks": self.leaks,
            "classes": {
                label: {"files": n_files, "different_images": n_images}
                for label, (n_files, n_images) in self.classes().items()
            },
            "layouts": self.layouts(),
            "splits": self.splits(),
            "formats": self.formats(),
            "sizes": [
                {"width_px": width, "height_px": height, "files": n_files}
                for (width, height), n_files in self.sizes().items()
            ],
            "unreadable": [
                {"file": file.path, "code": file.refusal_code, "message": file.refusal_message}
                for file in self.unreadable
            ],
            "exact_duplicates": [list(group) for group in self.exact_duplicates],
            "near_duplicates": [
                {"files": [pair.first, pair.second], "similarity": round(pair.similarity, 3)}
                for pair in self.near_duplicates
            ],
            "label_conflicts": [_group_to_dict(group) for group in self.label_conflicts],
            "split_leaks": [_group_to_dict(group) for group in self.split_leaks],
            "fold_leaks": [_group_to_dict(group) for group in self.fold_leaks],
            "manifest": manifest
            and {
                "rows": manifest.n_rows,
                "sessions": manifest.n_sessions,
                "rows_without_file": list(manifest.without_file),
                "files_without_row": list(manifest.unlisted),
                "layouts": manifest.layouts,
                "session_sizes": _keys_to_text(manifest.session_sizes),
                "version_2": {
                    label: {
                        "files": n_files,
                        "different_images": n_images,
                        "images_by_copies": _keys_to_text(manifest.copies_in_v2[label]),
                    }
                    for label, (n_files, n_images) in manifest.version_2().items()
                },
            },
        }

    def to_text(self) -> str:
        """Everything found as plain text; long lists are cut, with how many were left out."""
        lines = [f"Audit of {self.folder}: {_count(len(self.files), 'file')}", ""]
        lines += ["Classes (files, different images by their bytes, share of files)"]
        lines += _files_and_images(self.classes())
        for split, labels in self.splits().items():
            counts = ", ".join(f"{label} {n_files}" for label, n_files in labels.items())
            lines += [f"  in {split}: {counts}"]
        formats = ", ".join(f"{name} {n_files}" for name, n_files in self.formats().items())
        lines += ["", f"Formats: {formats or 'none'}"]
        sizes = [f"{w} x {h} px: {n_files}" for (w, h), n_files in self.sizes().items()]
        lines += _section("Sizes", sizes, at_most=5)
        lines += _section("Layouts found", _counts_by_label(self.layouts()))
        lines += _section(
            "Unreadable files", [f"{file.path}: {file.refusal_message}" for file in self.unreadable]
        )
        lines += _section(
            "Exact duplicates (same bytes)", [_abridged(group) for group in self.exact_duplicates]
        )
        lines += _section(
            "Near-duplicates (same curves, other bytes)",
            [
                f"{p.first}, {p.second} (similarity {p.similarity:.2f})"
                for p in self.near_duplicates
            ],
        )
        lines += _section("Label conflicts", [_group_text(g) for g in self.label_conflicts])
        if self.manifest is not None:
            lines += self._manifest_lines(self.manifest)
        lines += _section("Leaks between split folders", [_group_text(g) for g in self.split_leaks])
        lines += _section("Leaks between folds", [_group_text(g) for g in self.fold_leaks])
        lines += ["", self._conclusion()]
        return "\n".join(lines)

    def _manifest_lines(self, manifest: ManifestReport) -> list[str]:
        rows, sessions = _count(manifest.n_rows, "row"), _count(manifest.n_sessions, "session")
        lines = ["", f"Manifest: {rows}, {sessions}"]
        lines += _section("Rows without a file", list(manifest.without_file), at_most=5)
        lines += _section("Files without a row", list(manifest.unlisted), at_most=5)
        if manifest.layouts:
            lines += _section("Layouts by the manifest", _counts_by_label(manifest.layouts))
        if manifest.copies_in_v2:
            lines += ["", "Version 2 of the release, of the sheets listed (as above)"]
            lines += _files_and_images(manifest.version_2())
        return lines

    def _conclusion(self) -> str:
        if self.leaks:
            return (
                "LEAK: the split shares content or sessions; figures measured on it are too good."
            )
        if self.splits() or self.manifest is not None:
            return "No leak found: no content or session lies on both sides of the split."
        return "No split to check: there are neither train/test folders nor a manifest."


def audit(folder: Path, on_progress: Callable[[int, int], None] | None = None) -> AuditReport:
    """Check a folder of class subfolders, with or without train/val/test folders.

    Parameters
    ----------
    folder : Path
        A file's class is the name of the folder that holds it, its split the first of the
        `SPLIT_FOLDERS` on the way to it. Files directly in the folder are not looked at, but for
        ``manifest.csv``, which may also lie beside the folder.
    on_progress : callable, optional
        Called after each file with the number of files done and of all files.

    Returns
    -------
    AuditReport
        What was found.

    Raises
    ------
    Refusal
        ``no_class_folders`` when no subfolder holds a file, ``bad_manifest`` when the manifest
        cannot be understood.
    """
    listed = _list_files(folder)
    rows = _read_manifest(folder)
    return audit_files(
        folder.resolve().name, listed, lambda path: (folder / path).open("rb"), rows, on_progress
    )


def audit_files(
    name: str,
    listed: list[SheetFile],
    open_file: Callable[[str], IO[bytes]],
    rows: list[ManifestRow] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> AuditReport:
    """Check files wherever they lie, such as in an archive.

    Parameters
    ----------
    name : str
        What to call the collection.
    listed : list of SheetFile
        Path, label and split of each file.
    open_file : callable
        Opens a file for reading by its path; may be called from several threads.
    rows : list of ManifestRow, optional
        What a manifest says of them.
    on_progress : callable, optional
        Called after each file with the number of files done and of all files.

    Returns
    -------
    AuditReport
        What was found.
    """
    rows = rows or []
    files, prints = _examine_all(listed, open_file, on_progress)

    by_content: dict[str, list[SheetFile]] = defaultdict(list)
    for file in files:
        if file.sha256 is not None:
            by_content[file.sha256].append(file)
    near = _near_duplicates(by_content, prints)
    row_of = _rows_by_path(files, rows)
    contents = _contents(files, near, row_of)

    def fold_of(file: SheetFile) -> str | None:
        return row_of[file.path].fold if file.path in row_of else None

    def session_of(file: SheetFile) -> str | None:
        return row_of[file.path].session if file.path in row_of else None

    return AuditReport(
        folder=name,
        files=files,
        exact_duplicates=tuple(
            tuple(file.path for file in group) for group in by_content.values() if len(group) > 1
        ),
        near_duplicates=near,
        label_conflicts=_shared(contents, lambda file: file.label) + _relabelled(files, row_of),
        split_leaks=_shared(contents, lambda file: file.split)
        + _shared(_sessions(files, session_of), lambda file: file.split),
        # Sessions from the rows themselves: a manifest must hold without the files, too.
        fold_leaks=_shared(contents, fold_of)
        + _shared(_sessions(rows, lambda row: row.session), lambda row: row.fold),
        manifest=_manifest_report(files, rows, row_of) if rows else None,
    )


def _list_files(folder: Path) -> list[SheetFile]:
    """Every file below a subfolder, hidden ones left out, not yet opened."""
    listed = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        parts = Path(parent).relative_to(folder).parts
        if not parts:
            continue
        listed += [
            place_file(PurePosixPath(*parts, name).as_posix())
            for name in sorted(names)
            if not name.startswith(".")
        ]
    if not listed:
        raise Refusal(
            "no_class_folders",
            "Folder",
            f"Folder: no subfolder of {folder.name} holds a file where one subfolder a class is "
            "needed; please give the folder that holds the class subfolders.",
        )
    return listed


def place_file(path: str) -> SheetFile:
    """Tell a file's class and split by the folders that it lies in.

    Parameters
    ----------
    path : str
        With forward slashes.

    Returns
    -------
    SheetFile
        Not yet opened.
    """
    folders = PurePosixPath(path).parts[:-1]
    split = next((part for part in folders if part.lower() in SPLIT_FOLDERS), None)
    label = next(
        (part for part in reversed(folders) if part.lower() not in SPLIT_FOLDERS), NO_CLASS
    )
    return SheetFile(path, label, split)


def _examine_all(
    listed: list[SheetFile],
    open_file: Callable[[str], IO[bytes]],
    on_progress: Callable[[int, int], None] | None,
) -> tuple[tuple[SheetFile, ...], dict[str, NDArray[np.float16]]]:
    """Read every file; also the ink print of every different readable picture, by SHA-256."""
    examined: dict[str, SheetFile] = {}
    prints: dict[str, NDArray[np.float16]] = {}
    # Hashing, decoding and resizing all leave the interpreter free for the other threads.
    with ThreadPoolExecutor(os.cpu_count()) as executor:
        futures = [executor.submit(_examine, file, open_file) for file in listed]
        try:
            for n_done, future in enumerate(as_completed(futures), start=1):
                file, found_print = future.result()
                examined[file.path] = file
                if file.sha256 is not None and found_print is not None:
                    prints[file.sha256] = found_print
                if on_progress is not None:
                    on_progress(n_done, len(listed))
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
    return tuple(examined[file.path] for file in listed), prints


def _examine(
    file: SheetFile, open_file: Callable[[str], IO[bytes]]
) -> tuple[SheetFile, NDArray[np.float16] | None]:
    try:
        with open_file(file.path) as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
            stream.seek(0)
            # One byte more than is allowed is enough to be refused for it.
            data = stream.read(MAX_UPLOAD_BYTES + 1)
    except OSError as error:
        reason = f"Opening: {error.strerror or error}."
        return _refused(file, None, "unreadable_file", reason), None
    try:
        page = read_page(data)
    except Refusal as refusal:
        return _refused(file, sha256, refusal.code, refusal.message), None
    height_px, width_px = page.gray.shape
    readable = SheetFile(
        path=file.path,
        label=file.label,
        split=file.split,
        sha256=sha256,
        file_format=page.file_format,
        width_px=width_px,
        height_px=height_px,
        layout=_layout(page),
    )
    return readable, ink_print(page.gray)


def _layout(page: PageImage) -> str | None:
    try:
        return locate(page).layout.name
    except Refusal:
        return None


def _refused(file: SheetFile, sha256: str | None, code: str, message: str) -> SheetFile:
    return SheetFile(
        path=file.path,
        label=file.label,
        split=file.split,
        sha256=sha256,
        refusal_code=code,
        refusal_message=message,
    )


def _near_duplicates(
    by_content: Mapping[str, list[SheetFile]], prints: Mapping[str, NDArray[np.float16]]
) -> tuple[NearDuplicate, ...]:
    # In the order of the files, whichever thread was done first.
    hashes = [sha256 for sha256 in by_content if sha256 in prints]
    if not hashes:
        return ()
    return tuple(
        NearDuplicate(by_content[hashes[i]][0].path, by_content[hashes[j]][0].path, similarity)
        for i, j, similarity in similar_pairs(np.stack([prints[sha256] for sha256 in hashes]))
    )


def _contents(
    files: Iterable[SheetFile],
    near: Iterable[NearDuplicate],
    row_of: Mapping[str, ManifestRow],
) -> list[tuple[str, list[SheetFile]]]:
    """Group the files that show the same: same bytes, same original or same curves."""
    files = list(files)
    alike: list[tuple[str, str]] = [(pair.first, pair.second) for pair in near]
    for file in files:
        if file.sha256 is not None:
            alike.append((file.path, file.sha256))
        # A manifest may name the original of a file that was converted.
        original = row_of[file.path].sha256 if file.path in row_of else None
        if original is not None:
            alike.append((file.path, original))

    paths = [file.path for file in files]
    # Paths, and contents by their SHA-256.
    number = {
        key: n for n, key in enumerate(dict.fromkeys([*paths, *(k for p in alike for k in p)]))
    }
    first, second = ([number[pair[side]] for pair in alike] for side in (0, 1))
    links = coo_array((np.ones(len(alike)), (first, second)), shape=(len(number), len(number)))
    _, part = connected_components(links, directed=False)
    groups: dict[int, list[SheetFile]] = defaultdict(list)
    for file in files:
        groups[int(part[number[file.path]])].append(file)
    return [("content", group) for group in groups.values()]


class _HasPath(Protocol):
    @property
    def path(self) -> str: ...


_Member = TypeVar("_Member", bound=_HasPath)


def _sessions(
    members: Iterable[_Member], session_of: Callable[[_Member], str | None]
) -> list[tuple[str, list[_Member]]]:
    groups: dict[str, list[_Member]] = defaultdict(list)
    for member in members:
        session = session_of(member)
        if session is not None:
            groups[f"session {session}"].append(member)
    return list(groups.items())


def _shared(
    groups: Iterable[tuple[str, list[_Member]]], part_of: Callable[[_Member], str | None]
) -> tuple[SharedGroup, ...]:
    """Keep the groups that lie in more than one part; members in no part do not count."""
    shared = []
    for what, members in groups:
        placed = [(member.path, part) for member in members if (part := part_of(member))]
        parts = sorted({part for _, part in placed})
        if len(parts) > 1:
            shared.append(SharedGroup(what, tuple(parts), tuple(path for path, _ in placed)))
    return tuple(shared)


def _relabelled(
    files: Iterable[SheetFile], row_of: Mapping[str, ManifestRow]
) -> tuple[SharedGroup, ...]:
    """Files whose folder and manifest disagree on the label."""
    return tuple(
        SharedGroup("folder and manifest", (file.label, label), (file.path,))
        for file in files
        if file.path in row_of and (label := row_of[file.path].label) not in (None, file.label)
    )


def _read_manifest(folder: Path) -> list[ManifestRow]:
    """Rows of the manifest in or beside a folder; none when there is none."""
    beside = folder.resolve().parent / MANIFEST_NAME
    path = next((p for p in (folder / MANIFEST_NAME, beside) if p.is_file()), None)
    if path is None:
        return []
    try:
        return [_manifest_row(row) for row in read_rows(path)]
    except (KeyError, ValueError, OSError) as error:
        raise Refusal(
            "bad_manifest",
            "Manifest",
            f"Manifest: {MANIFEST_NAME} cannot be understood ({error}) where a CSV file with a "
            "column 'file' and whole numbers in 'copies_in_v2' is needed; please correct it or "
            "take it away.",
        ) from error


def _manifest_row(row: Mapping[str, str]) -> ManifestRow:
    copies = row.get("copies_in_v2")
    return ManifestRow(
        path=row["file"],
        label=row.get("label") or None,
        layout=row.get("layout") or None,
        session=row.get("session") or None,
        fold=f"fold {fold}" if (fold := row.get("fold")) else None,
        sha256=row.get("sha256") or None,
        copies_in_v2=int(copies) if copies else None,
    )


def _rows_by_path(
    files: Iterable[SheetFile], rows: Iterable[ManifestRow]
) -> dict[str, ManifestRow]:
    """Find each file's row: by class folder and name, whatever the kind of file and the split."""
    by_name = {_class_and_stem(row.path): row for row in rows}
    return {
        file.path: row
        for file in files
        if (row := by_name.get(_class_and_stem(file.path))) is not None
    }


def _class_and_stem(path: str) -> tuple[str, ...]:
    parts = PurePosixPath(path).with_suffix("").parts
    return tuple(part for part in parts if part.lower() not in SPLIT_FOLDERS)[-2:]


def _manifest_report(
    files: Iterable[SheetFile], rows: list[ManifestRow], row_of: Mapping[str, ManifestRow]
) -> ManifestReport:
    with_file = {row.path for row in row_of.values()}
    copies: dict[str, Counter[int]] = defaultdict(Counter)
    layouts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        if row.copies_in_v2:
            copies[row.label or NO_CLASS][row.copies_in_v2] += 1
        if row.layout:
            layouts[row.label or NO_CLASS][row.layout] += 1
    sessions = Counter(row.session for row in rows if row.session)
    return ManifestReport(
        n_rows=len(rows),
        n_sessions=len(sessions),
        without_file=tuple(row.path for row in rows if row.path not in with_file),
        unlisted=tuple(file.path for file in files if file.path not in row_of),
        layouts={label: dict(sorted(found.items())) for label, found in sorted(layouts.items())},
        session_sizes=dict(sorted(Counter(sessions.values()).items())),
        copies_in_v2={label: dict(sorted(n.items())) for label, n in sorted(copies.items())},
    )


def _keys_to_text(counts: Mapping[int, int]) -> dict[str, int]:
    """Turn the keys to text, as JSON would, so that the report is the same before and after."""
    return {str(key): count for key, count in counts.items()}


def _counts_by_label(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    return [
        f"{label}: " + ", ".join(f"{name} {count}" for name, count in of_label.items())
        for label, of_label in counts.items()
    ]


def _group_to_dict(group: SharedGroup) -> dict[str, Any]:
    return {"shared": group.what, "in": list(group.parts), "files": list(group.files)}


def _group_text(group: SharedGroup) -> str:
    return f"{group.what} in {', '.join(group.parts)}: {_abridged(group.files)}"


def _abridged(files: tuple[str, ...]) -> str:
    left_out = len(files) - _FILES_IN_A_LINE
    return ", ".join(files[:_FILES_IN_A_LINE]) + (f" and {left_out} more" if left_out > 0 else "")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _section(title: str, entries: list[str], at_most: int = _LISTED_IN_TEXT) -> list[str]:
    lines = ["", f"{title}: {len(entries) or 'none'}"]
    lines += [f"  {entry}" for entry in entries[:at_most]]
    if len(entries) > at_most:
        lines += [f"  ... and {len(entries) - at_most} more"]
    return lines


def _files_and_images(counts: Mapping[str, tuple[int, int]]) -> list[str]:
    total = (sum(n for n, _ in counts.values()), sum(n for _, n in counts.values()))
    rows = [*counts.items(), ("all", total)]
    return [
        f"  {label:<20} {n_files:>6} {n_images:>6}   {n_files / max(total[0], 1):>4.0%}"
        for label, (n_files, n_images) in rows
    ]
