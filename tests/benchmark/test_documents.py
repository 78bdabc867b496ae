"""The figures in README and docs are those of the artefacts."""

import re
import shutil
from pathlib import Path

import pytest
from paths import ROOT

from ecgapp.benchmark import documents
from ecgapp.benchmark.stages_picture import to_svg
from ecgapp.inference.shipped_models import MODELS_FOLDER


@pytest.mark.parametrize("name", ["README.md", "docs/figures.md", "docs/study.md"])
def test_generated_parts_are_what_the_artefacts_say(name: str, tmp_path: Path) -> None:
    copy = tmp_path / name
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / name, copy)
    (tmp_path / "README.md").touch()
    documents.fill_documents(tmp_path, MODELS_FOLDER)
    assert copy.read_text() == (ROOT / name).read_text(), "run: make figures"


def test_stale_figures_are_replaced_and_the_rest_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(documents.PARTS, "verdict", lambda models: "| 0.9 |")
    readme = tmp_path / "README.md"
    readme.write_text("a\n<!-- generated: verdict -->\n\n| 0.1 |\n\n<!-- end of verdict -->\nb\n")
    assert documents.fill_documents(tmp_path, MODELS_FOLDER) == [readme]
    assert readme.read_text() == (
        "a\n<!-- generated: verdict -->\n\n| 0.9 |\n\n<!-- end of verdict -->\nb\n"
    )
    assert documents.fill_documents(tmp_path, MODELS_FOLDER) == []


def test_the_readme_is_short_and_begins_with_two_commands() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 120
    commands = [line.split()[:2] for line in lines[:6] if line.startswith("make")]
    assert commands == [["make", "app"], ["make", "test"]]


def test_a_stage_is_drawn_below_all_that_it_is_made_from() -> None:
    edges = [("inputs", "cnn"), ("cnn", "cards"), ("inputs", "cards")]
    svg = to_svg(["cards", "cnn", "inputs"], edges)
    text = re.compile(r'y="(\d+)" text-anchor="middle"[^>]*>(\w+)<')
    height = {stage: int(y) for y, stage in text.findall(svg)}
    assert height["inputs"] < height["cnn"] < height["cards"]
