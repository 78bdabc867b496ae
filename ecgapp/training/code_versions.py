"""Which code makes each stage of ``dvc.yaml``, as one checksum a stage.

DVC would take a change of a comment for a change of code, and train for hours. So a stage depends
on its entry in ``code_versions.json``: SHA-256 over the module that does its work and over all of
this package that it imports, without comments and docstrings, and over the versions of the
libraries that its results hang on. ``make reproduce`` brings the file up to date before it asks DVC
what is stale.
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

from ecgapp.datasets.reading_cache import code_digest, imported_sources

CODE_VERSIONS_FILE = "code_versions.json"

# Stage -> the module that does its work, and, where it trains one architecture, which.
STAGES: dict[str, tuple[str, str | None]] = {
    "audit": ("ecgapp.datasets.audit", None),
    "inputs": ("ecgapp.training.inputs", None),
    "cnn": ("ecgapp.training.crossval", "cnn"),
    "crnn": ("ecgapp.training.crossval", "crnn"),
    "pretraining": ("ecgapp.training.pretrain", "twelve_lead"),
    "twelve_lead": ("ecgapp.training.crossval", "twelve_lead"),
    "statements": ("ecgapp.training.statement_network", "twelve_lead"),
    "sources": ("ecgapp.benchmark.sources", "twelve_lead"),
    "export": ("ecgapp.training.export", "twelve_lead"),
    "features": ("ecgapp.training.development_features", "twelve_lead"),
    "abstention": ("ecgapp.training.abstention_limits", "twelve_lead"),
    "stacking": ("ecgapp.training.stacking", None),
    "checks": ("ecgapp.training.twelve_lead_checks", "twelve_lead"),
    "learning_curve": ("ecgapp.training.learning_curve", "twelve_lead"),
    "evidence": ("ecgapp.benchmark.evidence", None),
    "names": ("ecgapp.training.name_reader", None),
    "settings": ("ecgapp.training.settings_reader", None),
    "curves": ("ecgapp.training.curve_reader", None),
    "strokes": ("ecgapp.training.stroke_reader", None),
    "findings": ("ecgapp.benchmark.findings", None),
    "counterfactuals": ("ecgapp.benchmark.counterfactuals", None),
    "suspicious": ("ecgapp.training.label_noise", None),
    "cards": ("ecgapp.training.model_card", None),
    "figures": ("ecgapp.benchmark.documents", None),
}
# Minor versions may train other weights.
LIBRARIES = ("keras", "numpy", "opencv-python-headless", "scikit-learn", "scipy")
# Stages that train for minutes to hours, and the rooms that have no say in what they learn: where
# files lie, and by what figures a trained network is judged.
TRAINING = ("cnn", "crnn", "pretraining", "twelve_lead")
_NO_SAY_IN_TRAINING = ("io", "evaluation")
# What every architecture is made of; the others' files do not count.
_SHARED_NETWORKS = ("__init__", "blocks", "recipe", "registry")


def code_versions() -> dict[str, str]:
    """Compute the checksum of every stage.

    Returns
    -------
    dict of str to str
        Stage -> SHA-256, shortened to 16 digits.
    """
    libraries = " ".join(f"{name}=={version(name)}" for name in LIBRARIES)
    return {
        stage: hashlib.sha256(f"{code_digest(_sources(stage))} {libraries}".encode()).hexdigest()[
            :16
        ]
        for stage in STAGES
    }


def _sources(stage: str) -> set[Path]:
    module, architecture = STAGES[stage]
    networks = (*_SHARED_NETWORKS, architecture)
    left_out = _NO_SAY_IN_TRAINING if stage in TRAINING else ()
    return {
        source
        for source in imported_sources(module)
        if (source.parent.name != "networks" or source.stem in networks)
        and source.parent.name not in left_out
    }


def write_code_versions(root: Path) -> list[str]:
    """Bring ``code_versions.json`` up to date.

    Parameters
    ----------
    root : Path
        The checkout.

    Returns
    -------
    list of str
        Stages whose code has changed since the file was written.
    """
    path = root / CODE_VERSIONS_FILE
    before = json.loads(path.read_text()) if path.exists() else {}
    now = code_versions()
    changed = [stage for stage, checksum in now.items() if before.get(stage) != checksum]
    if before != now:
        path.write_text(json.dumps(now, indent=2) + "\n")
    return changed
