"""Where the shipped files lie: beside the package in a checkout, inside it where a wheel put them.

It stands apart from `ecgapp.io.weights` so that the command line need not load ONNX Runtime to
know the folder.
"""

from __future__ import annotations

import os
from pathlib import Path

# Takes the place of the shipped models; the command line's --models sets it for its process.
MODELS_VARIABLE = "ECGAPP_MODELS"

_PACKAGE = Path(__file__).resolve().parents[1]
_IN_WHEEL = _PACKAGE / "shipped"
# Holds models/, pages/, app.py, server.py and .streamlit/; setup.py copies them into the wheel.
SHIPPED_FOLDER = _IN_WHEEL if _IN_WHEEL.is_dir() else _PACKAGE.parent
SERVER_FILE = SHIPPED_FOLDER / "server.py"


def models_folder() -> Path:
    """Name the folder of the models: the shipped ones, unless this process was told of others."""
    return Path(os.environ.get(MODELS_VARIABLE) or SHIPPED_FOLDER / "models")
