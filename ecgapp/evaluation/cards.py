"""The cards that ship with the models, for people to read in the app."""

from __future__ import annotations

import re

from ecgapp.inference.shipped_models import MODELS_FOLDER

CARD = "README.md"


def read_card(model: str = "") -> str:
    """Read a card with its headings three steps lower, to stand within a page.

    Parameters
    ----------
    model : str
        A model's folder; empty for the verdict that weighs them all.

    Returns
    -------
    str
        Markdown.

    Raises
    ------
    OSError
        If it is not installed.
    """
    text = (MODELS_FOLDER / model / CARD).read_text("utf-8")
    return re.sub(r"^(#+ )", r"###\1", text, flags=re.MULTILINE)
