"""The page for classes: drawn cases, what is read of them, the quiz."""

import pytest
from app_pages import open_page, texts
from fakes import install
from paths import ROOT
from streamlit.testing.v1 import AppTest

from ecgapp.synthesis.cases import Case, to_link
from ecgapp.synthesis.quiz import random_case

pytestmark = pytest.mark.slow

PAGE = ROOT / "pages" / "teach.py"


@pytest.fixture
def _fake_models(monkeypatch):
    install(monkeypatch)


def open_link(link: str) -> AppTest:
    page = AppTest.from_file(str(PAGE), default_timeout=60)
    page.session_state["routed"] = True
    page.query_params["case"] = link
    return page.run()


@pytest.mark.usefixtures("_fake_models")
def test_what_is_set_is_drawn_and_read():
    page = open_page(PAGE)
    assert not page.exception
    assert "Sinus rhythm, 70 beats a minute." in texts(page)
    page.slider(key="teach_rate_bpm").set_value(130).run()
    assert "The heart beats fast" in texts(page)
    page.selectbox(key="teach_st_territory").set_value("inferior").run()
    shown = texts(page)
    assert "ST raised in II, III and aVF (inferior)." in shown
    assert "ST is raised in" in shown
    assert len(page.get("image")) == 1
    # Layouts that the known machine does not print can be had from another.
    assert "12x1" not in page.selectbox(key="teach_layout").options
    page.selectbox(key="teach_vendor").set_value("pink").run()
    page.selectbox(key="teach_layout").set_value("6x2-cabrera").run()
    page.selectbox(key="teach_vendor").set_value("known").run()
    assert not page.exception
    assert page.selectbox(key="teach_layout").value == "3x4"


def test_what_would_be_said_without_a_lead():
    page = open_page(PAGE)
    page.selectbox(key="teach_without").set_value("V3").run()
    assert not page.exception
    assert "Without V3" in texts(page)


@pytest.mark.usefixtures("_fake_models")
def test_a_link_sets_the_case_once():
    page = open_link(to_link([Case(rate_bpm=44, rhythm="third_degree_av_block")]))
    assert not page.exception
    assert page.slider(key="teach_rate_bpm").value == 44
    assert "AV block, third degree, 44 beats a minute." in texts(page)
    page.slider(key="teach_rate_bpm").set_value(35).run()
    assert page.slider(key="teach_rate_bpm").value == 35


@pytest.mark.usefixtures("_fake_models")
def test_a_broken_link_is_said_to_be_one():
    page = open_link("broken!")
    assert not page.exception
    assert "The cases were not taken." in texts(page)


@pytest.mark.usefixtures("_fake_models")
def test_a_quiz_hides_the_answer_then_scores_it():
    page = open_page(PAGE)
    page.segmented_control(key="teach_mode").set_value("Quiz").run()
    case = random_case(1)
    assert not page.exception
    before = texts(page)
    assert "What was drawn" not in before
    assert "Findings" not in before
    page.button[0].click().run()
    assert "Choose a rhythm" in texts(page)
    page.selectbox[0].set_value(case.rhythm)
    page.pills[0].set_value(list(case.raised_leads))
    page.radio[0].set_value(case.label)
    page.button[0].click().run()
    assert not page.exception
    shown = texts(page)
    assert "3.0 of 3 points" in shown
    assert "What was drawn" in shown
    page.button[0].click().run()
    assert "Case 2, drawn at random" in texts(page)


@pytest.mark.usefixtures("_fake_models")
def test_a_set_from_a_link_is_what_the_quiz_asks():
    page = open_link(to_link([Case(q_waves="inferior"), Case(rhythm="atrial_flutter")]))
    page.segmented_control(key="teach_mode").set_value("Quiz").run()
    assert "Case 1 of the set of 2" in texts(page)
    page.selectbox[0].set_value("atrial_flutter")
    page.radio[0].set_value("history_of_mi")
    page.button[0].click().run()
    assert "2.0 of 3 points" in texts(page)
    assert "Q waves in II, III and aVF" in texts(page)
