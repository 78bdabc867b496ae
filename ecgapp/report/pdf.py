"""A diagnosis as a PDF: one A4 page for the file, then the details."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from fpdf import FPDF, XPos, YPos
from PIL import Image

from ecgapp import __version__
from ecgapp.ecg import DISCLAIMER, PX_PER_MM
from ecgapp.inference.verdict import SET_COVERAGE
from ecgapp.report import overlays, words
from ecgapp.report.by_hand import by_hand_line
from ecgapp.report.headline import headline
from ecgapp.report.json_and_csv import lead_measurement_rows, measurement_rows
from ecgapp.report.language import _, told
from ecgapp.report.measurement_rows import flag_word, flagged_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecgapp.inference.verdict import Verdict
    from ecgapp.pipeline import Diagnosis

_FONT = "Helvetica"
# Sizes of the page, chosen by eye so that all of a reading fits on one A4 page.
_BODY_PT, _SMALL_PT, _HEAD_PT, _TITLE_PT = 9, 8, 12, 14
_LINE_MM = 4.2
_MARGIN_MM = 8.0
_FOOTER_MM = 12.0
# The sheet on the first page; what is left of an A4 page below it holds the text.
_MOST_SHEET_MM = (281.0, 137.0)
_AROUND_CURVES_MM = 2.0
# Of the three columns below the sheet: findings, measurements, comment.
_COLUMNS_MM = (112.0, 96.0, 65.0)
_BETWEEN_MM = 4.0
_MOST_FINDINGS = 5
_PICTURE_PX = 1200
_MOST_PICTURE_MM = 120.0
_BAR_MM, _BAR_HEIGHT_MM, _NAME_MM = 90.0, 3.6, 45.0
_TRACK_GREY, _TEXT_GREY = 235, 90


class _Report(FPDF):
    """A4 pages that all say what they are not for, and of which file they speak."""

    source = ""

    def footer(self) -> None:
        """Write the note below every page."""
        self.set_y(-_FOOTER_MM)
        self.set_font(_FONT, size=7)
        self.set_text_color(_TEXT_GREY)
        page = _("Page {number}", number=self.page_no())
        said = f"{told(DISCLAIMER)} {self.source} {page}."
        self.multi_cell(0, 3.2, said, align="C")
        self.set_text_color(0)


def to_pdf(diagnosis: Diagnosis, file: str, read_at: datetime, sha256: str = "") -> bytes:
    """Write what was read from a file.

    Parameters
    ----------
    diagnosis : Diagnosis
        Read or refused.
    file : str
        What to call the file.
    read_at : datetime
        When it was read.
    sha256 : str
        Of the file, hexadecimal; it stands below every page where it is given.

    Returns
    -------
    bytes
        A PDF. On the first page, which is A4 across: the part of the sheet with the curves, without
        its header, at true scale where it fits, the verdict with its limits or the refusal with
        its reason, findings, measurements with their normal ranges and flags, and room for a
        comment and a signature. Then what each model says, all findings with their sources, and
        all that was measured.
    """
    pdf = _Report(format="A4", orientation="L")
    pdf.source = _("SHA-256 of the file: {sha256}.", sha256=sha256) if sha256 else ""
    pdf.set_margin(_MARGIN_MM)
    pdf.set_auto_page_break(False)
    pdf.set_title(_("ECG reading"))
    # The picture as JPEG: a photograph would otherwise take many megabytes.
    pdf.set_image_filter("DCTDecode")
    pdf.add_page()
    _line(
        pdf,
        _(
            "ECG reading: {file}, read {read_at:%Y-%m-%d %H:%M} by ecgapp {version}",
            file=file,
            read_at=read_at,
            version=__version__,
        ),
        _SMALL_PT,
    )
    if by_hand := by_hand_line(diagnosis.correction):
        _line(pdf, told(by_hand), _SMALL_PT, bold=True)
    if others := diagnosis.other_pages.said:
        assert diagnosis.page is not None
        read = _("Page {number} of {n} was read", number=diagnosis.page.number,
                 n=diagnosis.page.n_pages)  # fmt: skip
        _line(pdf, f"{read}; {told(others)}.", _SMALL_PT, bold=True)
    _sheet(pdf, diagnosis)
    top = pdf.get_y() + 1
    left = _MARGIN_MM
    for column, width in zip((_said, _measured, _comment), _COLUMNS_MM, strict=True):
        pdf.set_left_margin(left)
        pdf.set_right_margin(pdf.w - left - width)
        pdf.set_xy(left, top)
        column(pdf, diagnosis)
        left += width + _BETWEEN_MM
    pdf.set_margin(_MARGIN_MM)
    pdf.set_auto_page_break(True, margin=_FOOTER_MM + 2)
    if diagnosis.verdict is not None:
        pdf.add_page(orientation="P")
        _models(pdf, diagnosis.verdict)
    if diagnosis.findings:
        _findings(pdf, diagnosis)
    if diagnosis.measurements:
        _measurements(pdf, diagnosis)
    return bytes(pdf.output())


def _sheet(pdf: FPDF, diagnosis: Diagnosis) -> None:
    """Show the curves at true scale where they fit, or the picture of a refused file."""
    page, sheet = diagnosis.page, diagnosis.sheet
    if page is None:
        return
    most_width, most_height = _MOST_SHEET_MM
    if sheet is None or not diagnosis.leads:
        picture = Image.fromarray(page.rgb)
        picture.thumbnail((_PICTURE_PX, _PICTURE_PX))
        width = min(_MOST_PICTURE_MM, most_height * picture.width / picture.height)
        pdf.image(picture, w=width)
        return
    picture = overlays.curves_area(page, sheet, diagnosis.leads, _AROUND_CURVES_MM)
    width, height = picture.width / PX_PER_MM, picture.height / PX_PER_MM
    scale = min(1.0, most_width / width, most_height / height)
    pdf.image(picture, x=(pdf.w - scale * width) / 2, w=scale * width, h=scale * height)
    drawn = (
        _("True scale when printed at 100%: 25 mm/s, 10 mm/mV.")
        if scale == 1.0
        else _(
            "Printed at {scale:.0%} of its size: {speed:.1f} mm/s, {gain:.1f} mm/mV.",
            scale=scale,
            speed=25 * scale,
            gain=10 * scale,
        )
    )
    without = _("The sheet's header is left out.")
    _line(pdf, f"{drawn} {without}", 7)


def _said(pdf: FPDF, diagnosis: Diagnosis) -> None:
    """Verdict with its limits, or refusal, and the first findings."""
    said = headline(diagnosis)
    if diagnosis.refusal is not None:
        _line(pdf, _("No verdict: this file was not read"), _HEAD_PT, bold=True)
        _line(
            pdf,
            f"{told(diagnosis.refusal.message)} ({_('Reason code:')} {diagnosis.refusal.code}.)",
            8,
        )
        return
    _line(pdf, said.title, _HEAD_PT, bold=True)
    for note in said.notes:
        _line(pdf, note, _SMALL_PT)
    shown = diagnosis.findings[:_MOST_FINDINGS]
    for finding in shown:
        _line(pdf, f"- {told(finding.text)}", _SMALL_PT)
    if more := len(diagnosis.findings) - len(shown):
        _line(pdf, _("And {more} more findings on the next page.", more=more), _SMALL_PT)
    if not shown:
        _line(pdf, _("Nothing was measured that a normal ECG does not show."), _SMALL_PT)


def _measured(pdf: FPDF, diagnosis: Diagnosis) -> None:
    rows = list(flagged_rows(diagnosis.measurements))
    if not rows:
        _line(pdf, _("Nothing could be measured on the traced curves."), _SMALL_PT)
        return
    _table(
        pdf,
        [
            [_("Measured"), _("Value"), _("Normal"), ""],
            *([row.title, row.value, row.normal, flag_word(row.flag)] for row in rows),
        ],
    )


def _comment(pdf: FPDF, diagnosis: Diagnosis) -> None:
    """Room to write by hand, as far down as the page goes."""
    x, y = pdf.get_x(), pdf.get_y()
    bottom = pdf.h - _FOOTER_MM - 2
    pdf.set_draw_color(_TEXT_GREY)
    pdf.rect(x, y, pdf.epw, max(8.0, bottom - y - 9))
    _line(pdf, " " + _("Comment"), _SMALL_PT)
    pdf.line(x, bottom - 1, x + pdf.epw, bottom - 1)
    pdf.set_xy(x, bottom - 5)
    _line(pdf, _("Date, signature"), 7)


def _findings(pdf: FPDF, diagnosis: Diagnosis) -> None:
    _heading(pdf, _("Findings and where their limits come from"))
    for finding in diagnosis.findings:
        leads = f" {_('Leads')} {', '.join(finding.leads)}." if finding.leads else ""
        _paragraph(
            pdf, f"{told(finding.text)}{leads} [{finding.code}; {finding.source}]", _SMALL_PT
        )


def _bar(pdf: FPDF, label: str, probability: float) -> None:
    pdf.set_font(_FONT, size=_BODY_PT)
    style = words.CLASS_STYLES[label]
    pdf.cell(_NAME_MM, _LINE_MM, words.class_name(label))
    x, y = pdf.get_x(), pdf.get_y()
    pdf.set_fill_color(_TRACK_GREY)
    pdf.rect(x, y, _BAR_MM, _BAR_HEIGHT_MM, "F")
    pdf.set_fill_color(*(int(style.colour[k : k + 2], 16) for k in (1, 3, 5)))
    pdf.rect(x, y, _BAR_MM * probability, _BAR_HEIGHT_MM, "F")
    pdf.set_x(x + _BAR_MM + 2)
    pdf.cell(0, _LINE_MM, words.percent(probability), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.set_fill_color(255)


def _models(pdf: FPDF, verdict: Verdict) -> None:
    _heading(pdf, _("Probability of each class"))
    for label, probability in verdict.probabilities.items():
        _bar(pdf, label, probability)
    _paragraph(
        pdf,
        _(
            "Not to be ruled out: {one_of} (at {set_coverage:.0%} coverage: {set_coverage_2:.0%} "
            "of the sheets of each class have their label outside such a set).",
            one_of=words.one_of(verdict.prediction_set),
            set_coverage=SET_COVERAGE,
            set_coverage_2=1 - SET_COVERAGE,
        ),
    )
    _heading(pdf, _("What each network says"))
    labels = list(verdict.probabilities)
    _table(
        pdf,
        [["", *(words.class_name(label) for label in labels)]]
        + [
            [words.model_name(model), *(words.percent(p[name]) for name in labels)]
            for model, p in verdict.by_model.items()
        ],
    )


def _measurements(pdf: FPDF, diagnosis: Diagnosis) -> None:
    _heading(pdf, _("Measured on the traced curves"))
    for rows in (
        measurement_rows(diagnosis.measurements),
        lead_measurement_rows(diagnosis.measurements),
    ):
        _table(pdf, [list(rows[0]), *(list(row.values()) for row in rows)])
        pdf.ln(2)
    _paragraph(
        pdf, _("ST, R and S in millivolts. What is not listed was not measurable."), _SMALL_PT
    )


def _table(pdf: FPDF, rows: Sequence[Sequence[str]]) -> None:
    pdf.set_font(_FONT, size=_SMALL_PT)
    with pdf.table(
        line_height=_LINE_MM, borders_layout="MINIMAL", align="LEFT", text_align="LEFT"
    ) as table:
        for cells in rows:
            row = table.row()
            for cell in cells:
                row.cell(_printable(cell))


def _heading(pdf: FPDF, text: str) -> None:
    pdf.ln(3)
    _line(pdf, text, _HEAD_PT, bold=True)


def _line(pdf: FPDF, text: str, size_pt: int, bold: bool = False) -> None:
    pdf.set_font(_FONT, style="B" if bold else "", size=size_pt)
    pdf.multi_cell(
        0, 0.45 * size_pt, _printable(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
    )


def _paragraph(pdf: FPDF, text: str, size_pt: int = _BODY_PT) -> None:
    _line(pdf, text, size_pt)
    pdf.ln(1)


def _printable(text: str) -> str:
    """Replace what the PDF's built-in fonts have no letter for, such as in a file's name."""
    return text.replace("\u2013", "-").encode("latin-1", "replace").decode("latin-1")
