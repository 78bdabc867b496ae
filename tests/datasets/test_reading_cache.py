"""What was read from sheets is kept, until the sheets or the code that reads them change."""

import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from paths import ROOT

from ecgapp.datasets import reading_cache


def test_a_file_is_read_once_and_then_from_the_cache(tmp_path: Path) -> None:
    page = tmp_path / "page.webp"
    page.write_text("no picture")
    reads = []

    def read(data: bytes) -> reading_cache.Arrays:
        reads.append(data)
        return {"images": np.arange(6).reshape(2, 3), "layout": np.array("3x4")}

    first = reading_cache.cached_arrays(page, tmp_path / "cache", read)
    again = reading_cache.cached_arrays(page, tmp_path / "cache", read)
    assert len(reads) == 1
    np.testing.assert_array_equal(first["images"], again["images"])
    assert str(again["layout"]) == "3x4"
    page.write_text("another picture")
    reading_cache.cached_arrays(page, tmp_path / "cache", read)
    assert len(reads) == 2
    assert not list(tmp_path.rglob("*.tmp"))


def test_changed_code_reads_again_and_changed_remarks_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = shutil.copytree(ROOT / "ecgapp", tmp_path / "ecgapp")
    monkeypatch.setattr(reading_cache, "_ROOT", tmp_path)
    digest = reading_cache.reading_digest.__wrapped__
    reader = "ecgapp.datasets.khan"
    before = digest(reader)
    with (package / "digitize" / "trace.py").open("a") as file:
        file.write("# Another remark.\n")
    leads = package / "digitize" / "leads.py"
    leads.write_text(leads.read_text().replace('"""', '"""Indeed. ', 1))
    with (package / "report" / "pdf.py").open("a") as file:
        file.write("NOT_READ_BY_ANY_READER = 1\n")
    assert digest(reader) == before
    with (package / "sheet" / "edan.py").open("a") as file:
        file.write("ANOTHER_LIMIT = 1\n")
    assert digest(reader) != before
    assert digest(__name__) != digest(reader)


def test_another_version_of_a_library_that_reads_pictures_reads_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    digest = reading_cache.reading_digest.__wrapped__
    reader = "ecgapp.datasets.khan"
    before = digest(reader)
    monkeypatch.setattr(
        reading_cache, "version", lambda name: "99" if name.startswith("opencv") else version(name)
    )
    assert digest(reader) != before


def test_what_was_made_of_other_content_or_by_other_code_is_made_again(tmp_path: Path) -> None:
    made = []

    def make() -> reading_cache.Arrays:
        made.append(1)
        return {"images": np.arange(3)}

    for content, module in (("a", __name__), ("a", __name__), ("b", __name__), ("a", "ecgapp.ecg")):
        reading_cache.kept_arrays(content, tmp_path, module, make)
    assert len(made) == 3
