"""The PDF of a reading, read back with another library."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pypdfium2
import pytest

from ecgapp import Diagnosis, __version__, diagnose
from ecgapp.ecg import DISCLAIMER
from ecgapp.report.pdf import to_pdf
from ecgapp.synthesis.samples import draw_sample

READ_AT = datetime(2026, 1, 2, 3, 4)


def pages_of(pdf: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(pdf)
    return [page.get_textpage().get_text_range() for page in document]


@pytest.fixture(scope="module")
def reading() -> Diagnosis:
    return diagnose(draw_sample("Normal rhythm"))


def test_the_report_holds_verdict_models_and_measurements(reading: Diagnosis) -> None:
    assert reading.verdict is not None
    pages = pages_of(to_pdf(reading, "sheet.jpg", READ_AT))
    text = " ".join(" ".join(pages).split())
    for expected in (
        f"sheet.jpg, read 2026-01-02 03:04 by ecgapp {__version__}",
        "Reads most like: Normal",
        "Twelve-lead network",
        f"{reading.measurements['heart_rate_bpm'].value:.0f} bpm",
        "QTc (Fridericia)",
    ):
        assert expected in text


def test_every_page_says_that_it_is_no_medical_device(reading: Diagnosis) -> None:
    pages = pages_of(to_pdf(reading, "sheet.jpg", READ_AT))
    assert all(DISCLAIMER in " ".join(page.split()) for page in pages)


def test_the_sheet_is_shown(reading: Diagnosis) -> None:
    page = pypdfium2.PdfDocument(to_pdf(reading, "sheet.jpg", READ_AT))[0]
    picture = np.asarray(page.render(scale=1).to_pil().convert("L"))
    assert (picture < 200).mean() > 0.02, "lead boxes and curves"


def test_a_sheet_on_which_nothing_was_measured_says_so(reading: Diagnosis) -> None:
    (page,) = pages_of(to_pdf(replace(reading, measurements={}), "sheet.jpg", READ_AT))
    assert "Nothing could be measured" in page


def test_a_refusal_is_reported_with_its_reason() -> None:
    refused = diagnose(b"no picture at all")
    assert refused.refusal is not None
    text = " ".join(" ".join(pages_of(to_pdf(refused, "letter.txt", READ_AT))).split())
    assert "No verdict" in text
    assert refused.refusal.message in text


def test_a_name_in_any_script_is_no_obstacle(reading: Diagnosis) -> None:
    assert pages_of(to_pdf(reading, "\u5fc3\u7535\u56fe \u2764.jpg", READ_AT))
