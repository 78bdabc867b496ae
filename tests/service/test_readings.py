"""What one visitor's session keeps, and what it lets go."""

import gc
import io

import numpy as np
import pytest
from fakes import install

from ecgapp.service import readings
from ecgapp.service.pool import ReadingPool
from ecgapp.service.readings import Readings, of_tab
from ecgapp.service.worker import read_message, write_message
from ecgapp.synthesis.samples import draw_sample

TAB = "0" * 32


@pytest.fixture
def _fake_models(monkeypatch):
    install(monkeypatch)


def test_same_file_is_kept_once():
    mine = Readings()
    assert mine.add("a.jpg", b"words") is None
    mine.add("b.jpg", b"others")
    mine.add("c.jpg", b"words")
    assert [one.name for one in mine.all] == ["b.jpg", "c.jpg"]
    assert mine.shown.name == "c.jpg"


def test_files_and_bytes_are_bounded_in_a_sentence(monkeypatch):
    mine = Readings()
    monkeypatch.setattr(readings, "MAX_FILES", 2)
    monkeypatch.setattr(readings, "MAX_TOTAL_BYTES", 10)
    assert mine.add("a", b"12345") is None
    assert "at most" in mine.add("b", b"123456")
    assert mine.add("b", b"1") is None
    assert "at most 2" in mine.add("c", b"2")
    assert len(mine.all) == 2


@pytest.mark.usefixtures("_fake_models")
def test_only_the_readings_looked_at_last_are_kept_whole():
    mine = Readings()
    for number in range(5):
        mine.add(f"{number}", b"words %d" % number)
        mine.read(mine.shown)
    assert sum(one.diagnosis is not None for one in mine.all) == 3
    oldest = mine.all[-1]
    assert oldest.summary == "No verdict"
    assert mine.read(oldest).refusal is not None


@pytest.mark.usefixtures("_fake_models")
def test_a_reading_has_a_thumbnail_and_a_summary():
    mine = Readings()
    mine.add("a.jpg", draw_sample("Normal rhythm"))
    mine.read(mine.shown)
    assert mine.shown.thumbnail.startswith(b"\xff\xd8")
    assert len(mine.shown.thumbnail) < 20_000
    assert "infarction" in mine.shown.summary.lower()


def test_tab_that_is_loaded_anew_finds_its_readings_as_long_as_a_session_holds_them():
    first, second = Readings(), Readings()
    assert of_tab(TAB, first) is first
    first.add("a", b"words")
    assert of_tab(TAB, second) is first
    assert of_tab("1" * 32, second) is second
    del first
    gc.collect()
    assert of_tab(TAB, second) is second


def test_clearing_shows_the_newest_that_is_left():
    mine = Readings()
    mine.add("a", b"1")
    mine.add("b", b"2")
    mine.clear(mine.shown)
    assert mine.shown.name == "a"
    mine.clear(mine.shown)
    assert mine.shown is None


def test_files_are_read_by_the_servers_workers_and_the_place_is_told(monkeypatch):
    sheet = draw_sample("Normal rhythm")
    places = []
    with ReadingPool(1) as pool:
        monkeypatch.setattr(readings, "server_pool", lambda: pool)
        monkeypatch.setattr(readings, "_TELL_EVERY_S", 0.001)
        monkeypatch.delattr(readings, "diagnose")
        before_it = pool.submit(sheet)
        mine = Readings()
        mine.add("a.jpg", sheet)
        found = mine.read(mine.shown, places.append)
        assert found.verdict == before_it.result(1).verdict
    assert places[0] == 1
    assert places[-1] == 0


@pytest.mark.usefixtures("_fake_models")
def test_visitors_together_keep_no_more_than_the_server_has_room_for(monkeypatch):
    monkeypatch.setattr(readings, "MAX_KEPT_BYTES", 40_000_000)
    visitors = [Readings() for _ in range(4)]
    for visitor in visitors:
        visitor.add("a.jpg", draw_sample("Normal rhythm"))
        assert visitor.read(visitor.shown).page is not None
    kept = [visitor.shown.diagnosis is not None for visitor in visitors]
    assert kept == [False, False, True, True]
    # What was let go is read again when its visitor comes back to it.
    assert visitors[0].read(visitors[0].shown).page is not None


def test_a_message_between_processes_carries_arrays_and_notices_a_lost_end():
    page = np.arange(12, dtype=np.uint8).reshape(3, 4)
    pipe = io.BytesIO()
    write_message(pipe, {"page": page, "turned": page.T, "name": "a"})
    pipe.seek(0)
    read = read_message(pipe)
    assert read["name"] == "a"
    assert np.array_equal(read["page"], page)
    assert np.array_equal(read["turned"], page.T)
    read["page"][0, 0] = 9  # as writable as the arrays of this process
    with pytest.raises(EOFError):
        read_message(io.BytesIO(pipe.getvalue()[:-1]))
