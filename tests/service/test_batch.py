"""Archives are read to one table, whatever is in them, and never twice."""

import io
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ecgapp.cli.main import main
from ecgapp.service import batch
from ecgapp.service.batch import OwnProcesses, find_sources, run_batch
from ecgapp.synthesis.samples import SAMPLES, draw_sample

FIRST, SECOND = list(SAMPLES)[:2]


def read_to(out: Path, sources: list[str], **more: Any) -> batch.Progress:
    with closing(OwnProcesses(1)) as readers:
        return run_batch(find_sources(sources), out, readers, **more)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A folder with a sheet, a file that is none, a note, and a ZIP with a sheet and a trap."""
    folder = tmp_path / "scans"
    (folder / "ward 3").mkdir(parents=True)
    (folder / "ward 3" / "a.png").write_bytes(draw_sample(FIRST))
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "readme.txt").write_text("not a sheet")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("../../escape.png", draw_sample(SECOND))
    (folder / "more.zip").write_bytes(packed.getvalue())
    return folder


def test_a_row_for_every_file_and_nothing_unpacked(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(archive.parent.rglob("*"))
    out = archive.parent / "results.parquet"
    reports = archive.parent / "reports"
    arguments = ["batch", str(archive), "--out", str(out), "--report", str(reports), "--jobs", "1"]
    assert main(arguments) == 3
    assert "3 files, of which 0 from an earlier run and 1 refused" in capsys.readouterr().out
    rows = {row["file"]: row for row in pq.read_table(out).to_pylist()}
    broken, packed, sheet = (rows[name] for name in sorted(rows))
    assert broken["status"] == "refused"
    assert broken["code"]
    assert packed["file"].endswith("more.zip!../../escape.png")
    for row in (packed, sheet):
        assert row["status"] == "ok"
        assert row["layout"]
        assert row["heart_rate_bpm"] > 30
        assert 0.25 < row[f"p_{row['label']}"] <= 1
    left = set(archive.parent.rglob("*")) - set(before)
    pdfs = {reports / f"{row['sha256']}.pdf" for row in (packed, sheet)}
    assert left == {out, reports, *pdfs}

    assert main(arguments) == 3
    assert "of which 3 from an earlier run" in capsys.readouterr().out


def test_a_stopped_batch_goes_on_and_a_changed_file_is_read_again(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = archive.parent / "results.parquet"
    monkeypatch.setattr(batch, "PART_ROWS", 1)

    def stop(progress: batch.Progress) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_to(out, [str(archive)], on_progress=stop)
    assert not out.exists()
    done = read_to(out, [str(archive)])
    assert (done.done, done.reused) == (3, 2)
    (archive / "broken.jpg").write_bytes(draw_sample(SECOND))
    done = read_to(out, [str(archive)])
    # What was in the ZIP has the same content as the file now has.
    assert (done.done, done.reused, done.refused) == (3, 3, 0)
    assert pq.read_table(out).num_rows == 3


def test_other_models_read_anew(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = archive.parent / "results.parquet"
    source = [str(archive / "broken.jpg")]
    read_to(out, source)
    assert read_to(out, source).reused == 1
    monkeypatch.setattr(batch, "models_digest", lambda: "others")
    assert read_to(out, source).reused == 0
    assert pq.read_table(out)["models"].to_pylist() == ["others"]


def test_a_batch_that_is_stopped_keeps_what_it_has_read(archive: Path) -> None:
    out = archive.parent / "results.parquet"

    def stop(progress: batch.Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_to(out, [str(archive)], on_progress=stop)
    assert read_to(out, [str(archive)]).reused == 1


def test_a_source_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results.parquet"
    assert main(["batch", str(tmp_path / "none"), "--out", str(out)]) == 2
    assert "none" in capsys.readouterr().err
