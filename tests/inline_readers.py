"""Readers of PDF, HEIC and DICOM files without their process, which costs more than they do."""

from __future__ import annotations

import pytest

from ecgapp.io.decoders import child, isolation


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the readers run in the test's own process."""

    def run(reader: str, data: bytes, index: int, time_limit_s: float) -> bytes:
        return b"".join(child.answer(reader, data, index))

    monkeypatch.setattr(isolation, "_run_child", run)
