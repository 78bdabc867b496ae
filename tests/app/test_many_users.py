"""Several visitors at once, against a server that really runs."""

import argparse
import asyncio
from collections.abc import Iterator

import psutil
import pytest
from load.users import draw_sheets, run, served

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, psutil.Process]]:
    with served() as started:
        yield started


def test_visitors_at_once_see_their_own_sheets(server: tuple[str, psutil.Process]) -> None:
    host, process = server
    options = argparse.Namespace(
        users=4, seconds=120, most=2, pause=0.1, sheets=draw_sheets("jpeg", 4)
    )
    record = asyncio.run(run(host, process, options))
    assert not record.errors
    assert record.mixed_up == 0
    assert len(record.seconds) == 8
