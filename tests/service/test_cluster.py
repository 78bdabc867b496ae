"""A batch on a cluster of Dask's workers, started here as an administrator starts one."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from free_port import free_port
from paths import ROOT
from PIL import Image

from ecgapp.cli.main import main
from ecgapp.service import batch, cluster
from ecgapp.service.batch import ClusterWorkers, find_sources, run_batch
from ecgapp.synthesis.samples import SAMPLES, draw_sample

pytest.importorskip("distributed", reason="a cluster needs Dask, which is not installed")

N_SHEETS = 12
KILLED_AFTER = 3


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """One part of a cluster."""
    command = [sys.executable, "-m", "dask", *arguments, "--no-dashboard"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    one = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield one
    finally:
        one.kill()
        one.wait()


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    port = str(free_port())
    with process("scheduler", "--host", "127.0.0.1", "--port", port):
        yield f"tcp://127.0.0.1:{port}"


def worker(scheduler: str) -> tuple[str, ...]:
    return ("worker", scheduler, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny")


@pytest.fixture(scope="module")
def sheets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sheets")
    page = Image.open(io.BytesIO(draw_sample(next(iter(SAMPLES))))).convert("RGB")
    for number in range(N_SHEETS):
        page.save(folder / f"{number}.jpg", quality=70 + number)
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


def test_a_worker_that_is_killed_in_mid_run_loses_nothing_and_doubles_nothing(
    scheduler: str, sheets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results.parquet"
    with ExitStack() as stack:
        doomed, _ = [stack.enter_context(process(*worker(scheduler))) for _ in range(2)]
        readers = stack.enter_context(closing(ClusterWorkers(scheduler)))
        readers._cluster._client.wait_for_workers(2, timeout=60)

        def kill(progress: batch.Progress) -> None:
            if progress.done == KILLED_AFTER:
                assert readers.n_at_once == 2
                doomed.kill()

        done = run_batch(find_sources([str(sheets)]), out, readers, on_progress=kill)
        assert (done.done, done.refused) == (N_SHEETS + 1, 1)
        assert readers.n_at_once == 1
        rows = pq.read_table(out).to_pylist()
        assert sorted(row["file"] for row in rows) == sorted(map(str, sheets.iterdir()))
        read = [row for row in rows if row["status"] == "ok"]
        assert len({row["sha256"] for row in read}) == N_SHEETS
        assert all(row["heart_rate_bpm"] > 30 for row in read)

        again = ["batch", str(sheets), "--out", str(out), "--scheduler", scheduler]
        reports = tmp_path / "reports"
        assert main([*again, "--report", str(reports)]) == 3
        assert "1 refused" in capsys.readouterr().out
        assert len(list(reports.glob("*.pdf"))) == N_SHEETS


def test_a_worker_of_another_release_is_refused(
    scheduler: str, sheets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "__version__", "0.0.0")
    with (
        process(*worker(scheduler)),
        closing(ClusterWorkers(scheduler)) as readers,
        pytest.raises(ConnectionError, match=r"this is 0\.0\.0"),
    ):
        run_batch(find_sources([str(sheets / "1.jpg")]), tmp_path / "out.parquet", readers)


def test_a_scheduler_that_is_not_there_is_said(
    sheets: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_S", 0.2)
    address = f"tcp://127.0.0.1:{free_port()}"
    arguments = ["batch", str(sheets), "--out", str(tmp_path / "o.parquet")]
    assert main([*arguments, "--scheduler", address]) == 2
    assert f"no Dask scheduler answers at '{address}'" in capsys.readouterr().err
