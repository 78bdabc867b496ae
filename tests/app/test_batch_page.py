"""The Batch page: many sheets to one table."""

import csv
import io
import zipfile

import pytest
from app_pages import open_page, texts
from fakes import install
from paths import ROOT
from streamlit.testing.v1 import AppTest

from ecgapp.service import visitor_batch
from ecgapp.service.pool import ReadingPool
from ecgapp.service.visitor_batch import VisitorBatch
from ecgapp.synthesis.samples import SAMPLES, draw_sample

FIRST, SECOND = list(SAMPLES)[:2]


@pytest.fixture
def _fake_models(monkeypatch):
    install(monkeypatch)


def filled() -> VisitorBatch:
    batch = VisitorBatch()
    assert batch.add("=first.jpg", draw_sample(FIRST)) is None
    assert batch.add("../second.jpg", draw_sample(SECOND)) is None
    assert batch.add("notes.jpg", b"words") is None
    assert batch.add("again.jpg", b"words") is None
    return batch


def opened(batch: VisitorBatch, reports: bool = False) -> AppTest:
    page = AppTest.from_file(str(ROOT / "pages" / "batch.py"), default_timeout=120)
    page.session_state["routed"] = True
    page.session_state["batch"] = batch
    page.session_state["batch_reports"] = reports
    return page.run()


@pytest.mark.usefixtures("_fake_models")
def test_a_batch_is_read_to_a_table_that_can_be_filtered():
    page = opened(filled())
    assert not page.exception
    assert "3 of 3 sheets shown, 1 refused" in texts(page)
    table = page.dataframe[0].value
    assert list(table["File"]) == ["=first.jpg", "../second.jpg", "notes.jpg"]
    assert table["Sheet"][0].startswith("data:image/jpeg;base64,")
    assert "content is text" in table["Findings"][2]
    page.pills(key="batch_kinds").set_value(["Refused"]).run()
    assert list(page.dataframe[0].value["File"]) == ["notes.jpg"]
    page.button[0].click().run()
    assert not page.dataframe
    assert not page.session_state["batch"].items


@pytest.mark.usefixtures("_fake_models")
def test_table_and_reports_can_be_taken_along():
    batch = opened(filled(), reports=True).session_state["batch"]
    rows = list(csv.DictReader(io.StringIO(batch.to_csv())))
    assert [row["status"] for row in rows] == ["ok", "ok", "refused"]
    assert rows[0]["file"] == "'=first.jpg"
    with zipfile.ZipFile(io.BytesIO(batch.to_zip())) as archive:
        # No name of a visitor's file becomes a path.
        assert archive.namelist() == ["readings.csv", "report_001.pdf", "report_002.pdf"]
        assert archive.read("report_001.pdf").startswith(b"%PDF")


def test_what_a_batch_may_hold_is_bounded_in_a_sentence(monkeypatch):
    monkeypatch.setattr(visitor_batch, "MAX_FILES", 1)
    batch = VisitorBatch()
    assert batch.add("a", b"1") is None
    assert "at most 1" in batch.add("b", b"2")
    monkeypatch.setattr(visitor_batch, "MAX_FILES", 9)
    monkeypatch.setattr(visitor_batch, "MAX_TOTAL_BYTES", 3)
    assert "at most" in batch.add("b", b"234")


def test_a_batch_goes_through_the_pool_and_leaves_room_for_others(monkeypatch):
    with ReadingPool(1) as pool:
        monkeypatch.setattr(visitor_batch, "server_pool", lambda: pool)
        batch = VisitorBatch()
        for number in range(6):
            batch.add(str(number), b"words %d" % number)
        lengths = []
        for item in batch.read(with_reports=False):
            lengths.append(pool.n_waiting)
            assert item.row["code"] == "unknown_format"
            if len(lengths) == 3:
                break
        assert max(lengths) <= 2
        assert len(batch.unread) == 3
        assert len(list(batch.read(with_reports=False))) == 3


def test_the_page_says_what_it_takes():
    page = open_page(ROOT / "pages" / "batch.py")
    assert not page.exception
    assert page.get("file_uploader")
