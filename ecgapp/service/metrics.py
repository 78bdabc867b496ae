"""Figures for Prometheus: readings, refusals, seconds by stage, the queue; a line to the log."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram, start_http_server

if TYPE_CHECKING:
    from ecgapp.pipeline import Diagnosis

PORT_VARIABLE = "ECGAPP_METRICS_PORT"
ADDRESS_VARIABLE = "ECGAPP_METRICS_ADDRESS"

_LOG = logging.getLogger(__name__)
# From a scanned sheet's stages to the limit of one file.
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)

_READINGS = Counter("ecgapp_readings", "Files read, with those that were refused")
_REFUSALS = Counter("ecgapp_refusals", "Files refused, by the refusal's code", ["code"])
_STAGES = Histogram(
    "ecgapp_stage_seconds", "Seconds of each stage of a reading", ["stage"], buckets=_SECONDS
)
_WAITS = Histogram("ecgapp_wait_seconds", "Seconds in the queue", buckets=_SECONDS)
_QUEUE = Gauge("ecgapp_queue_length", "Files that no worker has begun")


def start(environment: dict[str, str] | os._Environ[str] = os.environ) -> None:
    """Serve the figures, where `PORT_VARIABLE` names a port; at 127.0.0.1 unless told otherwise."""
    port = environment.get(PORT_VARIABLE)
    if port:
        start_http_server(int(port), environment.get(ADDRESS_VARIABLE, "127.0.0.1"))


def watch_queue(length: Callable[[], int]) -> None:
    """Name the function that tells how many files wait."""
    _QUEUE.set_function(length)


def note_reading(diagnosis: Diagnosis, n_bytes: int, waited_s: float) -> None:
    """Count one reading, and write one line of it to the log.

    Parameters
    ----------
    diagnosis : Diagnosis
    n_bytes : int
        Of the file.
    waited_s : float
        Seconds in the queue.
    """
    code = diagnosis.refusal.code if diagnosis.refusal is not None else ""
    _READINGS.inc()
    _WAITS.observe(waited_s)
    if code:
        _REFUSALS.labels(code).inc()
    for stage, spent_ms in diagnosis.timings_ms.items():
        _STAGES.labels(stage).observe(spent_ms / 1e3)
    # Nothing of the file, of its name or of what was read from it.
    _LOG.info(
        "reading outcome=%s bytes=%d waited_ms=%d took_ms=%d",
        code or "ok",
        n_bytes,
        round(1e3 * waited_s),
        round(diagnosis.timings_ms.get("total", 0)),
    )
