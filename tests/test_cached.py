"""What was read from sheets is kept, until the sheets or the code that reads them change."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from ecgapp.study import cached


def test_a_file_is_read_once_and_then_from_the_cache(tmp_path: Path) -> None:
    page = tmp_path / "page.webp"
    page.write_text("no picture")
    reads = []

    def read(data: bytes) -> cached.Arrays:
        reads.append(data)
        return {"images": np.arange(6).reshape(2, 3), "layout": np.array("3x4")}

    first = cached.cached_arrays(page, tmp_path / "cache", read)
    again = cached.cached_arrays(page, tmp_path / "cache", read)
    assert len(reads) == 1
    np.testing.assert_array_equal(first["images"], again["images"])
    assert str(again["layout"]) == "3x4"
    page.write_text("another picture")
    cached.cached_arrays(page, tmp_path / "cache", read)
    assert len(reads) == 2
    assert not list(tmp_path.rglob("*.tmp"))


def test_changed_code_reads_again_and_changed_remarks_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = shutil.copytree(Path(cached.__file__).parents[1], tmp_path / "ecgapp")
    monkeypatch.setattr(cached, "_PACKAGE", package)
    digest = cached.code_digest.__wrapped__
    before = digest(cached.__name__)
    with (package / "trace.py").open("a") as file:
        file.write("# Another remark.\n")
    leads = package / "leads.py"
    leads.write_text(leads.read_text().replace('"""', '"""Indeed. ', 1))
    assert digest(cached.__name__) == before
    with (package / "sheet" / "native.py").open("a") as file:
        file.write("ANOTHER_LIMIT = 1\n")
    assert digest(cached.__name__) != before
    assert digest(__name__) != digest(cached.__name__)
