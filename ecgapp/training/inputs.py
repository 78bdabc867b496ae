"""The checksums of what the networks learn from: windows of single leads, and traced sheets.

Training depends on these and not on the code that reads sheets: code that reads every development
sheet as before retrains nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ecgapp.datasets.khan import build_windows, read_manifest
from ecgapp.training.run_folder import write_json
from ecgapp.training.twelve_lead_sheets import build_sheets

INPUTS_FILE = "inputs.json"


def main(data: Path, cache: Path, models: Path) -> dict[str, Any]:
    """Read every labelled sheet, or take it from the cache, and write ``study/inputs.json``.

    Parameters
    ----------
    data : Path
        Holds ``khan``.
    cache : Path
        Folder of cached arrays; made if it is missing.
    models : Path
        Folder of the models.

    Returns
    -------
    dict
        ``windows`` and ``traced_sheets``, each with the number of ``rows``, how many sheets were
        ``left_out``, and the ``sha256`` that a model trained on them names as ``data_sha256``.
    """
    manifest = read_manifest(data)
    windows, refused = build_windows(manifest, cache)
    sheets, not_traced = build_sheets(manifest, cache)
    found = {
        "windows": {"rows": len(windows), "left_out": len(refused), "sha256": windows.digest()},
        "traced_sheets": {
            "rows": len(sheets),
            "left_out": len(not_traced),
            "sha256": sheets.digest(),
        },
    }
    write_json(models / "study" / INPUTS_FILE, found)
    return found
