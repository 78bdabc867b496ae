"""The PDF of a reading, read back with another library."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pypdfium2
import pytest

from ecgapp import Diagnosis, __version__, diagnose
from ecgapp.ecg import DISCLAIMER, PX_PER_MM
from ecgapp.measure.finding import Finding
from ecgapp.report.headline import headline
from ecgapp.report.pdf import to_pdf
from ecgapp.sheet.located import Correction
from ecgapp.synthesis.samples import draw_sample

SHA256 = "0123456789abcdef" * 4
MM_PER_INCH, POINTS_PER_INCH = 25.4, 72
READ_AT = datetime(2026, 1, 2, 3, 4)


def pages_of(pdf: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(pdf)
    return [page.get_textpage().get_text_range() for page in document]


@pytest.fixture(scope="module")
def reading() -> Diagnosis:
    return diagnose(draw_sample("Normal rhythm"))


def test_the_report_holds_verdict_models_and_measurements(reading: Diagnosis) -> None:
    assert reading.verdict is not None
    pages = pages_of(to_pdf(reading, "sheet.jpg", READ_AT, SHA256))
    text = " ".join(" ".join(pages).split())
    for expected in (
        f"sheet.jpg, read 2026-01-02 03:04 by ecgapp {__version__}",
        headline(reading).title,
        "Twelve-lead network",
        "50 to 100",
        "Comment",
        "Date, signature",
        f"SHA-256 of the file: {SHA256}",
        f"{reading.measurements['heart_rate_bpm'].value:.0f} bpm",
        "QTc (Fridericia)",
    ):
        assert expected in text


def test_every_page_says_that_it_is_no_medical_device(reading: Diagnosis) -> None:
    pages = pages_of(to_pdf(reading, "sheet.jpg", READ_AT))
    assert all(DISCLAIMER in " ".join(page.split()) for page in pages)


def test_what_was_set_by_hand_is_said(reading: Diagnosis) -> None:
    corrected = replace(reading, correction=Correction("3x4", quarter_turns=2))
    first = pages_of(to_pdf(corrected, "sheet.jpg", READ_AT))[0]
    assert "Set by hand: layout 3x4, turned by 180 degrees counterclockwise." in first
    assert "Set by hand" not in pages_of(to_pdf(reading, "sheet.jpg", READ_AT))[0]


def test_the_sheet_is_shown_at_true_scale(reading: Diagnosis) -> None:
    page = pypdfium2.PdfDocument(to_pdf(reading, "sheet.jpg", READ_AT))[0]
    assert "True scale" in page.get_textpage().get_text_range()
    (picture,) = page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE])
    left, bottom, right, top = picture.get_bounds()
    width_mm = (right - left) * MM_PER_INCH / POINTS_PER_INCH
    height_mm = (top - bottom) * MM_PER_INCH / POINTS_PER_INCH
    width_px, height_px = picture.get_px_size()
    assert width_px / width_mm == pytest.approx(PX_PER_MM, rel=0.002)
    assert height_px / height_mm == pytest.approx(PX_PER_MM, rel=0.002)
    # Ten seconds at 25 mm/s, with 2 mm of paper on either side.
    assert width_mm == pytest.approx(254, abs=2)


def test_the_header_is_left_out(reading: Diagnosis) -> None:
    assert reading.page is not None
    marked = reading.page.rgb.copy()
    marked[:240] = (255, 0, 255)
    page = replace(reading.page, rgb=marked)
    printed = pypdfium2.PdfDocument(to_pdf(replace(reading, page=page), "sheet.jpg", READ_AT))[0]
    picture = np.asarray(printed.render(scale=1).to_pil().convert("RGB")).astype(int)
    assert not ((picture[..., 0] > 200) & (picture[..., 1] < 100)).any()


def test_findings_stand_on_the_first_page(reading: Diagnosis) -> None:
    finding = Finding("ST_ELEVATION", "ST is raised.", ("V2", "V3"), 0.3, "mV", 0.2, "Thygesen")
    first, second = pages_of(to_pdf(replace(reading, findings=(finding,)), "sheet.jpg", READ_AT))
    assert "ST is raised." in first
    assert "Thygesen" in second


def test_the_sheet_is_shown(reading: Diagnosis) -> None:
    page = pypdfium2.PdfDocument(to_pdf(reading, "sheet.jpg", READ_AT))[0]
    picture = np.asarray(page.render(scale=1).to_pil().convert("L"))
    assert (picture < 200).mean() > 0.02, "lead boxes and curves"


def test_a_sheet_on_which_nothing_was_measured_says_so(reading: Diagnosis) -> None:
    page, *_ = pages_of(to_pdf(replace(reading, measurements={}), "sheet.jpg", READ_AT))
    assert "Nothing could be measured" in page


def test_a_refusal_is_reported_with_its_reason() -> None:
    refused = diagnose(b"no picture at all")
    assert refused.refusal is not None
    text = " ".join(" ".join(pages_of(to_pdf(refused, "letter.txt", READ_AT))).split())
    assert "No verdict" in text
    assert refused.refusal.message in text


def test_a_name_in_any_script_is_no_obstacle(reading: Diagnosis) -> None:
    assert pages_of(to_pdf(reading, "\u5fc3\u7535\u56fe \u2764.jpg", READ_AT))
