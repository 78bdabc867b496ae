"""Every shipped artefact is made by a stage, and only what decides it makes it stale."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT

yaml = pytest.importorskip("yaml", reason="DVC is not installed")

from ecgapp.cli import main  # noqa: E402
from ecgapp.datasets import reading_cache  # noqa: E402
from ecgapp.training import code_versions  # noqa: E402

# Made by people, or brought up to date by every stage that writes beside it.
NOT_MADE_BY_A_STAGE = {
    "models/LICENSE.md",
    "models/checksums.json",
    "models/curves/README.md",
    "models/names/README.md",
    "models/settings/README.md",
    "models/strokes/README.md",
    "models/study/suspicious_seen.csv",
}


def stages() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    return found


def outputs(stage: dict[str, Any]) -> list[str]:
    return [next(iter(out)) for out in stage.get("outs", [])]


def test_every_shipped_artefact_is_made_by_one_stage() -> None:
    made = [out for stage in stages().values() for out in outputs(stage)]
    assert len(made) == len(set(made))
    shipped = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "models").rglob("*")
        if path.is_file() and path.parent.name != "predictions"
    }
    assert shipped - set(made) == NOT_MADE_BY_A_STAGE
    assert all((ROOT / out).exists() for out in made)


def test_the_lock_names_the_artefacts_that_ship() -> None:
    locked = yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"]
    assert set(locked) == set(stages())
    for stage in locked.values():
        for out in stage.get("outs", []):
            path = ROOT / out["path"]
            if path.is_file():
                assert hashlib.md5(path.read_bytes()).hexdigest() == out["md5"], out["path"]


def test_every_stage_is_a_command_that_exists() -> None:
    for stage in stages().values():
        commands = stage["cmd"] if isinstance(stage["cmd"], list) else [stage["cmd"]]
        for command in commands:
            name = command.removeprefix("python -m ecgapp ").split()[0]
            assert name in main.COMMANDS


def test_every_stage_depends_on_code_that_has_a_version() -> None:
    versions = json.loads((ROOT / "code_versions.json").read_text())
    assert set(versions) == set(code_versions.STAGES)
    named = {
        stage
        for one in stages().values()
        for of_file in one.get("params", [])
        for stage in of_file.get("code_versions.json", [])
    }
    assert named == set(versions)


def test_words_pages_and_reports_retrain_nothing_and_recipes_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = shutil.copytree(ROOT / "ecgapp", tmp_path / "ecgapp")
    monkeypatch.setattr(reading_cache, "_ROOT", tmp_path)
    kept = {name: code_versions.STAGES[name] for name in ("cnn", "crnn", "cards")}
    monkeypatch.setattr(code_versions, "STAGES", kept)
    before = code_versions.code_versions()

    fit = package / "training" / "fit.py"
    fit.write_text(fit.read_text().replace('"""', '"""Indeed. ', 1) + "# A remark.\n")
    with (package / "report" / "pdf.py").open("a") as file:
        file.write("NOT_FOR_TRAINING = 1\n")
    assert code_versions.code_versions() == before

    with (package / "evaluation" / "metrics.py").open("a") as file:
        file.write("ANOTHER_FIGURE = 1\n")
    judged = code_versions.code_versions()
    assert {name for name in kept if judged[name] != before[name]} == {"cards"}

    with (package / "training" / "networks" / "cnn.py").open("a") as file:
        file.write("ANOTHER_FILTER = 1\n")
    now = code_versions.code_versions()
    assert {name for name in kept if now[name] != judged[name]} == {"cnn"}


def test_what_has_changed_is_named_and_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_versions, "code_versions", lambda: {"cnn": "a", "cards": "b"})
    assert code_versions.write_code_versions(tmp_path) == ["cnn", "cards"]
    monkeypatch.setattr(code_versions, "code_versions", lambda: {"cnn": "a", "cards": "c"})
    assert code_versions.write_code_versions(tmp_path) == ["cards"]
    assert code_versions.write_code_versions(tmp_path) == []
