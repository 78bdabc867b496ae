"""The app in another language than the code's."""

import ast
import gettext
import re
import threading
from datetime import datetime

import catalogue
import pypdfium2
import pytest

from ecgapp.ecg import DISCLAIMER
from ecgapp.errors import Refusal, check_bytes, check_size
from ecgapp.evaluation.out_of_fold import Estimate
from ecgapp.io.identity import pseudonym
from ecgapp.measure.finding import Finding
from ecgapp.pipeline import Diagnosis, diagnose
from ecgapp.report import html, json_and_csv, language, pdf, words
from ecgapp.report.exports import write_report
from ecgapp.report.language import ENGLISH, LANGUAGES, _, best_language, speaking, spoken, told
from ecgapp.synthesis.samples import draw_sample

OTHERS = [code for code in LANGUAGES if code != ENGLISH]


@pytest.mark.parametrize("code", OTHERS)
def test_every_text_of_the_code_is_translated_and_no_other(code):
    """``python tests/catalogue.py`` lists what is missing."""
    translated = {message.id: message.string for message in catalogue.catalogue(code) if message.id}
    assert set(translated) == set(catalogue.texts())
    assert all(translated.values())


@pytest.mark.parametrize("code", OTHERS)
def test_translations_keep_every_value(code):
    for message in catalogue.catalogue(code):
        if message.id:
            names = [
                set(re.findall(r"\{(\w+)", str(text))) for text in (message.id, message.string)
            ]
            assert names[0] == names[1], message.id


@pytest.mark.parametrize("code", OTHERS)
def test_shipped_catalogue_is_compiled_from_the_text(code):
    shipped = gettext.translation(language.DOMAIN, language.LOCALE, [code])
    for message in catalogue.catalogue(code):
        if message.id:
            assert shipped.gettext(str(message.id)) == message.string


def test_english_is_said_as_it_stands():
    assert spoken() == ENGLISH
    assert told(DISCLAIMER) == DISCLAIMER
    assert _("Sheet {number} of {n}", number=1, n=1343) == "Sheet 1 of 1343"
    assert words.percent(0.934) == "93%"


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("ST is raised in V1, V2 and V3, most in V3, by 0.36 mV.",
         "ST ist gehoben in V1, V2 und V3, am meisten in V3, um 0,36 mV."),
        ("3 beats come early, with another shape.", "3 Schläge kommen zu früh, mit anderer Form."),
        ("The QRS complex is wide, 148 ms, with the pattern of a left bundle branch block "
         "(in I, V1 and V6).",
         "Der QRS-Komplex ist breit, 148 ms, mit dem Muster eines Linksschenkelblocks "
         "(in I, V1 und V6)."),
        ("3x4 layout with rhythm strip", "Anordnung 3x4 mit Rhythmusstreifen"),
        ("What was measured does not fit a normal ECG. The PR interval is long, 240 ms. The heart "
         "beats fast, 118 times a minute.",
         "Was gemessen wurde, passt nicht zu einem normalen EKG. Die PR-Zeit ist lang, 240 ms. Das "
         "Herz schlägt schnell, 118-mal in der Minute."),
        ("Set by hand: layout 3x4, corners of the curves.",
         "Von Hand gesetzt: Anordnung 3x4, Ecken der Kurven."),
        ("Finding the leads: the names of I and V1 were read; 12 rows of curves without "
         "calibration pulses were found, but only 2 lead names where a known layout prints them "
         "(6 are needed, "
         "or 3 and curves that fit together as a heart's leads do, to 70%; these do to 12%): this "
         "is no 12-lead sheet that can be read. If it is one, pick its layout by hand, or upload a "
         "sharper picture of the whole sheet.",
         "Suche der Ableitungen: die Namen von I und V1 wurden gelesen; 12 Zeilen von Kurven ohne "
         "Eichzacken wurden gefunden, aber nur 2 Namen von Ableitungen, wo eine bekannte Anordnung "
         "sie druckt (6 werden gebraucht, oder 3 und Kurven, die bis auf 70 % so "
         "zusammenpassen, wie die Ableitungen eines Herzens es tun; diese tun es bis auf "
         "12\u00a0%): Das ist kein 12-Kanal-Blatt, das gelesen werden kann. Wenn es doch eines "
         "ist, wählen Sie seine Anordnung von Hand, oder laden Sie ein schärferes Bild des ganzen "
         "Blattes hoch."),
        ("Nobody wrote this sentence in the code.", "Nobody wrote this sentence in the code."),
    ],
)  # fmt: skip
def test_sentences_of_the_rooms_that_read_are_found_with_their_values(english, german):
    with speaking("de"):
        assert told(english) == german


@pytest.mark.parametrize(
    ("check", "arguments", "number"),
    [(check_bytes, (b"",), "0 Bytes"), (check_bytes, (b"0" * 23_456_789,), "23,5 MB"),
     (check_size, (100, 2000), "100 x 2000 px"), (check_size, (9000, 9000), "81 Millionen Pixel")],
)  # fmt: skip
def test_refusals_say_their_numbers_as_the_language_does(check, arguments, number):
    with pytest.raises(Refusal) as caught:
        check(*arguments)
    with speaking("de"):
        said = told(caught.value.message)
    assert number in said
    assert said != caught.value.message
    assert not re.search(r"\b(the|and|please|is)\b", said)


def test_numbers_are_written_as_the_language_does():
    with speaking("de"):
        assert words.percent(0.934) == "93\u00a0%"
        assert words.in_points(Estimate(-0.013, -0.0201, 0.004)) == "-1,3 (-2,0 bis +0,4)"
        assert _("{label:,} sheets", label=1343) == "1.343 sheets"
        assert words.one_of(["normal", "mi"]) == "normal oder Myokardinfarkt"


def test_findings_in_html_are_said_in_the_language_and_kept_in_english():
    finding = Finding("LONG_PR", "The PR interval is long, 240 ms.", (), 240, "ms", 200, "Source")
    with speaking("de"):
        assert "Die PR-Zeit ist lang, 240 ms." in html.findings_list([finding])
    assert finding.text == "The PR interval is long, 240 ms."


@pytest.mark.parametrize(
    ("locale", "code"),
    [("de-AT", "de"), ("de", "de"), ("DE_de", "de"), ("en-GB", "en"), ("fr", "en"), (None, "en")],
)
def test_browser_is_asked_for_the_language(locale, code):
    assert best_language(locale) == code


def test_two_visitors_in_two_threads_each_read_their_own_language():
    said = {}

    def run(code: str, barrier: threading.Barrier) -> None:
        language.speak(code)
        barrier.wait()
        said[code] = _("Findings")

    barrier = threading.Barrier(2)
    threads = [threading.Thread(target=run, args=(code, barrier)) for code in ("en", "de")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == {"en": "Findings", "de": "Befunde"}


def test_every_placeholder_that_is_marked_gets_its_value():
    for path in catalogue.files(catalogue.MARKED):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_":
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    named = set(re.findall(r"\{(\w+)", str(first.value)))
                    assert {keyword.arg for keyword in node.keywords} == named, first.value


@pytest.fixture(scope="module")
def diagnosis() -> Diagnosis:
    return diagnose(draw_sample("Raised ST in V1 to V4"))


def test_report_is_written_in_the_language(diagnosis):
    with speaking("de"):
        made = pdf.to_pdf(diagnosis, "blatt.jpg", datetime(2026, 1, 2, 3, 4), "ab12")
    pages = [page.get_textpage().get_text_bounded() for page in pypdfium2.PdfDocument(made)]
    said = " ".join(" ".join(pages).split())
    assert "EKG-Auswertung: blatt.jpg, gelesen 2026-01-02 03:04" in said
    assert "ST ist gehoben in V1, V2, V3 und V4" in said
    assert "Kein Medizinprodukt" in said
    assert "QRS-Dauer" in said
    # Titles of publications, which are the limits' sources, stay as they are.
    before_sources = said.partition("[ST_ELEVATION")[0]
    assert not re.search(r"\b(the|and|is|with|lead|sheet)\b", before_sources)


def test_outputs_for_programs_stay_english(diagnosis):
    identity = pseudonym("ab12")
    written = json_and_csv.to_json_object(diagnosis, "sheet.jpg")
    table = json_and_csv.to_csv(diagnosis, "sheet.jpg")
    bundle = write_report(diagnosis, "fhir", b"data", "sheet.jpg", identity, datetime(2026, 1, 2))
    with speaking("de"):
        assert json_and_csv.to_json_object(diagnosis, "sheet.jpg") == written
        assert json_and_csv.to_csv(diagnosis, "sheet.jpg") == table
        again = write_report(
            diagnosis, "fhir", b"data", "sheet.jpg", identity, datetime(2026, 1, 2)
        )
    assert not [
        text for text in re.findall(r'"[^"]{1,200}"', again.decode()) if "ist gehoben" in text
    ]
    assert len(again) == pytest.approx(len(bundle), rel=0.02)
