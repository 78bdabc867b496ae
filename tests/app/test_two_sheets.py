"""The page that lays two sheets of a session beside each other."""

import pytest
from app_pages import open_page, texts
from fakes import install
from paths import ROOT

from ecgapp.service.readings import Readings
from ecgapp.synthesis.samples import draw_sample

pytestmark = pytest.mark.slow

PAGE = ROOT / "pages" / "two_sheets.py"


@pytest.fixture
def _fake_models(monkeypatch):
    install(monkeypatch)


@pytest.mark.usefixtures("_fake_models")
def test_two_drawn_samples_are_compared_at_one_press():
    page = open_page(PAGE)
    assert "Read two sheets" in texts(page)
    page.button[0].click().run()
    assert not page.exception
    shown = texts(page)
    assert "+ New" in shown
    assert "ST is raised in" in shown
    assert "Of single leads, what changed most" in shown
    assert len(page.get("plotly_chart")) == 2
    assert page.selectbox[0].value != page.selectbox[1].value


@pytest.mark.usefixtures("_fake_models")
def test_samples_come_to_the_sheets_that_the_tab_has_got_since_the_button_was_drawn():
    page = open_page(PAGE)
    earlier = Readings()
    page.session_state["readings"] = earlier
    page.button[0].click().run()
    assert len(earlier.all) == 2
    assert "ST is raised in" in texts(page)


@pytest.mark.usefixtures("_fake_models")
def test_a_refused_file_beside_a_sheet_is_said_to_have_no_verdict():
    mine = Readings()
    mine.add("words.jpg", b"These are words.")
    mine.add("sheet.jpg", draw_sample("Normal rhythm"))
    page = open_page(PAGE)
    page.session_state["readings"] = mine
    page.run()
    assert not page.exception
    assert "At least one of the two has no verdict." in texts(page)
    assert "No lead shows an average beat on both sheets." in texts(page)


@pytest.mark.usefixtures("_fake_models")
def test_one_sheet_is_not_compared_with_itself():
    mine = Readings()
    for name in ("Normal rhythm", "Fast heart rate"):
        mine.add(name, draw_sample(name))
    page = open_page(PAGE)
    page.session_state["readings"] = mine
    page.run()
    page.selectbox[0].set_value(page.selectbox[1].value).run()
    assert not page.exception
    assert "Choose two different sheets." in texts(page)
