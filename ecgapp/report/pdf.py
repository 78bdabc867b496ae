"""A diagnosis as a PDF of two pages, to print or to file."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from fpdf import FPDF, XPos, YPos
from PIL import Image

from ecgapp import __version__
from ecgapp.ecg import DISCLAIMER
from ecgapp.inference.verdict import SET_COVERAGE
from ecgapp.report import overlays, words
from ecgapp.report.json_and_csv import lead_measurement_rows, measurement_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecgapp.inference.verdict import Verdict
    from ecgapp.pipeline import Diagnosis

_FONT = "Helvetica"
_BODY_PT, _SMALL_PT, _HEAD_PT, _TITLE_PT = 10, 8, 12, 18
_LINE_MM = 5.0
_MARGIN_MM = 15.0
_MOST_PICTURE_MM = 120.0
_PICTURE_WIDTH_PX = 1600
_BAR_MM, _BAR_HEIGHT_MM, _NAME_MM = 90.0, 4.5, 45.0
_TRACK_GREY, _TEXT_GREY = 235, 110


class _Report(FPDF):
    """A4 pages that all say what they are not for."""

    def footer(self) -> None:
        """Write the note below every page."""
        self.set_y(-12)
        self.set_font(_FONT, size=_SMALL_PT)
        self.set_text_color(_TEXT_GREY)
        self.cell(0, _LINE_MM, f"{DISCLAIMER} Page {self.page_no()}.", align="C")
        self.set_text_color(0)


def to_pdf(diagnosis: Diagnosis, file: str, read_at: datetime) -> bytes:
    """Write what was read from a file.

    Parameters
    ----------
    diagnosis : Diagnosis
        Read or refused.
    file : str
        What to call the file.
    read_at : datetime
        When it was read.

    Returns
    -------
    bytes
        A PDF: the picture with the leads that were found, the verdict or the refusal with its
        reason, what each model says, and what was measured.
    """
    pdf = _Report(format="A4")
    pdf.set_margin(_MARGIN_MM)
    pdf.set_auto_page_break(True, margin=18)
    pdf.set_title("ECG reading")
    # The picture as JPEG: a photograph would otherwise take many megabytes.
    pdf.set_image_filter("DCTDecode")
    pdf.add_page()
    _line(pdf, "ECG reading", _TITLE_PT, bold=True)
    _line(pdf, f"{file}, read {read_at:%Y-%m-%d %H:%M} by ecgapp {__version__}", _SMALL_PT)
    if diagnosis.refusal is not None:
        _heading(pdf, "No verdict: this file was not read")
        _paragraph(pdf, f"{diagnosis.refusal.message} (Reason code: {diagnosis.refusal.code}.)")
    if diagnosis.verdict is not None:
        _verdict(pdf, diagnosis.verdict)
    picture = _picture(diagnosis)
    if picture is not None:
        pdf.ln(3)
        width = min(pdf.epw, _MOST_PICTURE_MM * picture.width / picture.height)
        pdf.image(picture, w=width)
    if diagnosis.verdict is not None:
        _models(pdf, diagnosis.verdict)
    if diagnosis.measurements:
        _measurements(pdf, diagnosis)
    elif diagnosis.verdict is not None:
        pdf.ln(3)
        _paragraph(pdf, "Nothing could be measured on the traced curves.")
    return bytes(pdf.output())


def _picture(diagnosis: Diagnosis) -> Image.Image | None:
    """Show the upload, with the leads where they were found, small enough to print."""
    page, sheet = diagnosis.page, diagnosis.sheet
    if page is None:
        return None
    picture = (
        Image.fromarray(page.rgb)
        if sheet is None
        else overlays.upload_with_leads(page, sheet, diagnosis.lead_probabilities)
    )
    picture.thumbnail((_PICTURE_WIDTH_PX, _PICTURE_WIDTH_PX))
    return picture


def _verdict(pdf: FPDF, verdict: Verdict) -> None:
    name = words.CLASS_STYLES[verdict.label].name
    likely = words.percent(verdict.probabilities[verdict.label])
    _heading(pdf, f"Reads most like: {name} ({likely})")
    _paragraph(pdf, "Confident." if verdict.reason is None else f"Not confident. {verdict.reason}")
    for label, probability in verdict.probabilities.items():
        _bar(pdf, words.CLASS_STYLES[label], probability)
    _paragraph(
        pdf,
        f"Not to be ruled out: {words.one_of(verdict.prediction_set)} (at {SET_COVERAGE:.0%} "
        f"coverage: {1 - SET_COVERAGE:.0%} of the sheets of each class have their label outside "
        "such a set).",
    )


def _bar(pdf: FPDF, style: words.ClassStyle, probability: float) -> None:
    pdf.set_font(_FONT, size=_BODY_PT)
    pdf.cell(_NAME_MM, _LINE_MM, style.name)
    x, y = pdf.get_x(), pdf.get_y()
    pdf.set_fill_color(_TRACK_GREY)
    pdf.rect(x, y, _BAR_MM, _BAR_HEIGHT_MM, "F")
    pdf.set_fill_color(*(int(style.colour[k : k + 2], 16) for k in (1, 3, 5)))
    pdf.rect(x, y, _BAR_MM * probability, _BAR_HEIGHT_MM, "F")
    pdf.set_x(x + _BAR_MM + 2)
    pdf.cell(0, _LINE_MM, words.percent(probability), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.set_fill_color(255)


def _models(pdf: FPDF, verdict: Verdict) -> None:
    _heading(pdf, "What each network says")
    labels = list(verdict.probabilities)
    _table(
        pdf,
        [["", *(words.CLASS_STYLES[label].name for label in labels)]]
        + [
            [words.MODEL_NAMES.get(model, model), *(words.percent(p[name]) for name in labels)]
            for model, p in verdict.by_model.items()
        ],
    )


def _measurements(pdf: FPDF, diagnosis: Diagnosis) -> None:
    pdf.add_page()
    _heading(pdf, "Measured on the traced curves")
    for rows in (
        measurement_rows(diagnosis.measurements),
        lead_measurement_rows(diagnosis.measurements),
    ):
        _table(pdf, [list(rows[0]), *(list(row.values()) for row in rows)])
        pdf.ln(2)
    _paragraph(pdf, "ST, R and S in millivolts. What is not listed was not measurable.", _SMALL_PT)


def _table(pdf: FPDF, rows: Sequence[Sequence[str]]) -> None:
    pdf.set_font(_FONT, size=_SMALL_PT)
    with pdf.table(line_height=_LINE_MM, borders_layout="MINIMAL") as table:
        for cells in rows:
            row = table.row()
            for cell in cells:
                row.cell(_printable(cell))


def _heading(pdf: FPDF, text: str) -> None:
    pdf.ln(3)
    _line(pdf, text, _HEAD_PT, bold=True)


def _line(pdf: FPDF, text: str, size_pt: int, bold: bool = False) -> None:
    pdf.set_font(_FONT, style="B" if bold else "", size=size_pt)
    pdf.multi_cell(0, 0.5 * size_pt, _printable(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _paragraph(pdf: FPDF, text: str, size_pt: int = _BODY_PT) -> None:
    _line(pdf, text, size_pt)
    pdf.ln(1)


def _printable(text: str) -> str:
    """Replace what the PDF's built-in fonts have no letter for, such as in a file's name."""
    return text.replace("\u2013", "-").encode("latin-1", "replace").decode("latin-1")
