"""Keras archives as they ship: compressed, which Keras reads but does not write."""

from __future__ import annotations

import zipfile
from pathlib import Path


def ship_archive(trained: Path, shipped: Path) -> None:
    """Write a ``.keras`` archive with its parts compressed; they stay what they are.

    Parameters
    ----------
    trained : Path
        As Keras saved it.
    shipped : Path
        May be the same file.
    """
    with zipfile.ZipFile(trained) as archive:
        parts = [(part, archive.read(part)) for part in archive.infolist()]
    unfinished = shipped.with_suffix(".part")
    with zipfile.ZipFile(unfinished, "w") as archive:
        for part, content in parts:
            archive.writestr(part, content, zipfile.ZIP_DEFLATED)
    unfinished.replace(shipped)
