"""What an administrator can watch."""

import logging
import urllib.request

import pytest
from free_port import free_port

from ecgapp.errors import corrupt
from ecgapp.pipeline import Diagnosis
from ecgapp.service import metrics
from ecgapp.service.pool import ReadingPool


def scraped(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_readings_refusals_stages_and_queue_are_served_on_a_port_of_their_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    port = free_port()
    metrics.start({metrics.PORT_VARIABLE: str(port)})
    metrics.watch_queue(lambda: 3)
    before = scraped(port)
    refusal = corrupt("PNG", "header of Mr Smith cannot be decoded")
    with caplog.at_level(logging.INFO, "ecgapp.service.metrics"):
        metrics.note_reading(Diagnosis(timings_ms={"decode": 20.0, "total": 120.0}), 5, 0.5)
        metrics.note_reading(Diagnosis(refusal=refusal), 7, 0.0)
    after = scraped(port)

    def grown(name: str) -> float:
        return after[name] - before.get(name, 0)

    assert grown("ecgapp_readings_total") == 2
    assert grown('ecgapp_refusals_total{code="corrupt_file"}') == 1
    assert grown('ecgapp_stage_seconds_bucket{le="0.025",stage="decode"}') == 1
    assert grown('ecgapp_stage_seconds_bucket{le="0.1",stage="total"}') == 0
    assert grown("ecgapp_wait_seconds_count") == 2
    assert after["ecgapp_queue_length"] == 3
    assert "reading outcome=ok bytes=5 waited_ms=500 took_ms=120" in caplog.text
    assert "reading outcome=corrupt_file bytes=7" in caplog.text
    assert "Smith" not in caplog.text


def test_every_file_that_the_pool_reads_is_noted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "ecgapp.service.metrics"), ReadingPool(1) as pool:
        pool.submit(b"").result(60)
    assert "reading outcome=empty_file bytes=0" in caplog.text
