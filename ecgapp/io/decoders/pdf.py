"""A page of a PDF document to pixels. Runs in a reading process only."""

from __future__ import annotations

import math
from itertools import islice
from typing import Any

import pypdfium2
from pypdfium2 import raw as pdfium

from ecgapp.errors import (
    MAX_PIXELS,
    MAX_SIDE_PX,
    Refusal,
    check_pages,
    check_size,
    corrupt,
    no_picture,
    truncated,
)

# Pages are drawn at the canonical scale; PDF counts in points (ISO 32000-1).
DRAWING_DPI = 200
_POINTS_PER_INCH = 72
# A scan is one picture and perhaps the words that were recognised on it. Set by
# hand.
_MAX_OBJECTS_OF_A_SCAN = 2_000
_MIN_COVER_OF_A_SCAN = 0.5


def read_page(data: bytes, index: int) -> tuple[dict[str, Any], bytes]:
    """Draw one page of a PDF document.

    A page is drawn at `DRAWING_DPI`, a scanned one at the resolution of its scan so that its
    pixels stay what they are; at less where the page would have too many pixels.

    Parameters
    ----------
    data : bytes
        The document.
    index : int
        Which page, from 0.

    Returns
    -------
    facts : dict
        ``mode`` (``RGB``), ``size`` (width and height, pixels) and ``n_pages``; ``page_refusal``
        (code, step and message) and ``n_pages`` where this page cannot be read.
    pixels : bytes
        Rows from the top, three bytes a pixel.

    Raises
    ------
    Refusal
        With one of the codes of the table in `ecgapp.io.pages`, when no page can be read.
    """
    document = _open(data)
    check_pages(len(document), "PDF")
    try:
        facts, pixels = _draw_page(document, index)
    except Refusal as refusal:
        facts, pixels = {"page_refusal": [refusal.code, refusal.step, refusal.message]}, b""
    return {**facts, "n_pages": len(document)}, pixels


def _draw_page(document: pypdfium2.PdfDocument, index: int) -> tuple[dict[str, Any], bytes]:
    try:
        page = document[index]
        scale = _dots_per_inch(page) / _POINTS_PER_INCH
        width, height = page.get_size()
        scale = _within_limits(scale, width, height)
        check_size(math.ceil(width * scale), math.ceil(height * scale))
        bitmap = page.render(scale=scale, rev_byteorder=True)
    except (pypdfium2.PdfiumError, ValueError, OverflowError) as error:
        raise corrupt("PDF", f"page {index + 1} cannot be drawn") from error
    return {"mode": "RGB", "size": [bitmap.width, bitmap.height]}, bytes(bitmap.buffer)


def _open(data: bytes) -> pypdfium2.PdfDocument:
    # PDFium mends a document that lacks its end, and leaves out what it lacks.
    if b"%%EOF" not in data.rstrip(b"\0\r\n\t ")[-2048:]:
        raise truncated("PDF", len(data))
    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
            raise Refusal(
                "encrypted_file",
                "Decoding",
                "Decoding: the PDF file is encrypted with a password and only open documents can "
                "be read; please print it to a PDF without a password, or save it as PNG or JPEG.",
            ) from error
        if error.err_code == pdfium.FPDF_ERR_SUCCESS:
            raise no_picture("PDF", "no page") from error
        raise corrupt("PDF", "structure cannot be decoded") from error


def _dots_per_inch(page: pypdfium2.PdfPage) -> float:
    """Resolution to draw a page at: that of its scan when it is one."""
    if pdfium.FPDFPage_CountObjects(page) > _MAX_OBJECTS_OF_A_SCAN:
        return DRAWING_DPI
    width, height = page.get_size()
    has_lines = False
    scan_dpi = 0.0
    for item in islice(page.get_objects(max_depth=1), _MAX_OBJECTS_OF_A_SCAN):
        has_lines |= item.type in (pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_FORM)
        if isinstance(item, pypdfium2.PdfImage):
            left, bottom, right, top = item.get_bounds()
            cover = (right - left) * (top - bottom)
            if cover >= _MIN_COVER_OF_A_SCAN * width * height:
                n_columns, n_rows = item.get_px_size()
                scan_dpi = max(scan_dpi, _POINTS_PER_INCH * math.sqrt(n_columns * n_rows / cover))
    if has_lines or not scan_dpi:
        return max(DRAWING_DPI, scan_dpi)
    return scan_dpi


def _within_limits(scale: float, width: float, height: float) -> float:
    """Lower a scale in pixels a point until a page of a size in points keeps to the limits."""
    if not (0 < width < math.inf and 0 < height < math.inf):
        raise corrupt("PDF", "page has no size")
    # Sides are rounded up, which may add a row and a column.
    by_side = (MAX_SIDE_PX - 1) / max(width, height)
    by_pixels = math.sqrt((MAX_PIXELS - 2 * MAX_SIDE_PX) / (width * height))
    # A page of whole pixels must not come out one larger.
    return min(scale, by_side, by_pixels) * (1 - 1e-6)
