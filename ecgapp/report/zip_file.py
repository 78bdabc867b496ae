"""Files packed into one, for people to keep."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Pack files into a ZIP.

    Parameters
    ----------
    files : mapping of str to bytes
        Their contents by their names.

    Returns
    -------
    bytes
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()
