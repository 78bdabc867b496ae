"""The pages in another language, run by Streamlit without a browser."""

import re

import catalogue
import pytest
from app_pages import open_page, texts
from fakes import install
from paths import ROOT
from streamlit.testing.v1 import AppTest

from ecgapp.report.language import speaking
from ecgapp.service.visitor_batch import VisitorBatch
from ecgapp.synthesis.samples import SAMPLES, draw_sample

# What an English sentence can hardly do without, and a German one does.
ENGLISH_WORDS = re.compile(
    r"\b(the|and|of|is|are|were|not|which|with|without|to|its|this|at|lead|leads|sheet|sheets)\b"
)


@pytest.fixture
def _fake_models(monkeypatch):
    install(monkeypatch)


def in_german(name: str = "", **state: object) -> AppTest:
    path = ROOT / "pages" / f"{name}.py" if name else ROOT / "app.py"
    page = AppTest.from_file(str(path), default_timeout=120)
    page.session_state["routed"] = True
    page.session_state["language"] = "de"
    for key, value in state.items():
        page.session_state[key] = value
    page.run()
    assert not page.exception
    return page


def said(page: AppTest) -> str:
    """All that is shown, with labels and tables, without markup."""
    widgets = [*page.button, *page.toggle, *page.selectbox, *page.pills, *page.radio]
    widgets += [*page.file_uploader, *page.slider, *page.number_input, *page.text_input]
    parts = [texts(page), *(str(widget.label) for widget in widgets)]
    parts += [one.proto.label for kind in ("expander", "download_button") for one in page.get(kind)]
    parts += [str(getattr(widget, "help", "") or "") for widget in widgets]
    parts += [table.value.to_string() for table in [*page.dataframe, *page.table]]
    return re.sub(r"<style>.*?</style>|<[^>]+>", " ", "\n".join(parts), flags=re.DOTALL)


def english_left(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if ENGLISH_WORDS.search(line)]


@pytest.mark.parametrize("sample", list(SAMPLES))
def test_diagnose_shows_no_english_sentence(sample):
    page = in_german()
    page.file_uploader[0].upload("blatt.jpg", draw_sample(sample)).run()
    assert not page.exception
    assert page.title[0].value == "Ein EKG-Blatt lesen"
    assert not english_left(said(page))


def test_tabs_of_diagnose_show_no_english_sentence():
    page = in_german()
    page.pills[0].set_value("Raised ST in V1 to V4").run()
    for tab in ("Ableitungen", "Technisches"):
        page.session_state["more"] = tab
        for opened in ("values_open", "seen_open", "correct_open", "exports", "intake_open"):
            page.session_state[opened] = True
        page.run()
        assert not page.exception
        assert not english_left(said(page)), tab


@pytest.mark.parametrize("data", [b"", b"Words and no picture.", b"\xff\xd8\xff\xe0" + b"0" * 900])
def test_refusals_are_said_in_the_language(data):
    page = in_german()
    page.file_uploader[0].upload("blatt.jpg", data).run()
    assert "Diese Datei wurde nicht gelesen." in texts(page)
    assert not english_left(said(page))


@pytest.mark.usefixtures("_fake_models")
@pytest.mark.parametrize("name", ["teach", "two_sheets"])
def test_other_pages_show_no_english_sentence(name):
    page = in_german(name)
    if name == "two_sheets":
        page.button[0].click().run()
    assert not page.exception
    assert not english_left(said(page))
    if name == "two_sheets":
        assert "vorher normal, jetzt hoch" in said(page)


@pytest.mark.usefixtures("_fake_models")
def test_batch_shows_no_english_sentence():
    batch = VisitorBatch()
    assert batch.add("blatt.jpg", draw_sample("Fast heart rate")) is None
    assert batch.add("notiz.jpg", b"words") is None
    page = in_german("batch", batch=batch)
    assert not english_left(said(page))
    assert "Dateityp" in page.dataframe[0].value["Befunde"][1]


def test_language_is_offered_and_can_change_while_a_reading_is_open():
    page = open_page(ROOT / "app.py")
    assert page.segmented_control(key="language").options == ["EN", "DE"]
    page.pills[0].set_value("Normal rhythm").run()
    page.session_state["more"] = "Technical"
    page.run()
    # Below, Streamlit's tests run the page alone.
    page.session_state["language"] = "de"
    page.run()
    assert not page.exception
    assert not english_left(said(page))
    page.session_state["language"] = "en"
    page.run()
    assert not page.exception
    assert "Probability of each class" in texts(page)
    german = {str(one.string) for one in catalogue.catalogue("de") if one.id != one.string}
    assert not [text for text in german if len(text) > 20 and text in texts(page)]


def test_about_is_translated_but_for_the_cards_and_says_so():
    page = in_german("about")
    assert "Die Modellkarten sind auf Englisch." in texts(page)
    cards = [one.value for expander in page.expander for one in expander.markdown]
    shown = said(page)
    for card in cards:
        shown = shown.replace(card, "")
    assert not english_left(without_titles(shown))


@pytest.mark.parametrize("name", ["dataset", "lead_lab"])
def test_pages_of_data_and_leads_show_no_english_sentence(name):
    page = in_german(name)
    assert not english_left(without_titles(said(page)))
    if name == "lead_lab":
        page.toggle(key="lab_otsu").set_value(False).run()
        assert not page.exception
        assert not english_left(said(page))


@pytest.mark.parametrize(
    "tab",
    ["Ergebnis", "Kurven", "Sicherheit", "Quellen", "Befunde", "Fehler", "Ableitungen", "Training"],
)
def test_tabs_of_evaluation_show_no_english_sentence(tab):
    page = in_german("evaluation", figures=tab)
    # Streamlit's tests write the choices of a run before anew.
    with speaking("de"):
        page.segmented_control(key="model").set_value("CNN").run()
    assert not page.exception
    assert page.header
    assert not english_left(said(page))


@pytest.mark.parametrize("n_classes", [4, 5])
def test_compare_shows_no_english_sentence(n_classes):
    page = in_german("compare")
    page.segmented_control(key="classes").set_value(n_classes).run()
    page.segmented_control(key="protocol").set_value("random").run()
    assert not page.exception
    assert not english_left(said(page))
    assert not re.search(r"\d\.\d(?!\d\d)", said(page))


@pytest.mark.usefixtures("_fake_models")
def test_evaluating_ones_own_shows_no_english_sentence():
    sheet = draw_sample("Fast heart rate")
    files = [("mi/1.jpg", sheet), ("mi/2.jpg", sheet), ("normal/3.jpg", b"words"), ("4.jpg", sheet)]
    page = in_german("evaluate_your_own", own_waiting=files)
    assert page.metric[0].value == "2"
    assert not english_left(said(page))
    shown = page.dataframe[0].value
    assert "Dateityp" in " ".join(shown["Warum"])
    refused = in_german("evaluate_your_own", own_waiting=[("4.jpg", sheet)])
    assert "Diese Dateien wurden nicht gelesen." in texts(refused)
    assert not english_left(said(refused))


def without_titles(text: str) -> str:
    """Leave out titles of publications, which stay as they are."""
    return re.sub(r"\*[A-Z][^*\n]*?(?:dataset|Patients)[^*\n]*\*", "", text)
