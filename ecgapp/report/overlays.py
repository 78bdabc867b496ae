"""Pictures of an upload with what was found drawn over it: the leads' boxes, the traced curves.

Throughout, ``page`` is the upload, ``sheet`` what was found on it, and ``leads`` what was cut from
it. Pictures are RGB; those of a whole upload have its shape, at most `MAX_WIDTH_PX` wide. They are
no Plotly figures, so that they take any width without losing their shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ecgapp.digitize.trace import curve_px
from ecgapp.ecg import PX_PER_MM, PX_PER_MV, PX_PER_S, SHEET_S, Box
from ecgapp.inference.verdict import mean_probabilities
from ecgapp.report.words import CLASS_STYLES, GREY, axis_name, leading_class

if TYPE_CHECKING:
    from ecgapp.digitize.leads import NamedLead
    from ecgapp.explain.evidence import Stretch
    from ecgapp.io.pages import PageImage
    from ecgapp.sheet.located import LayoutProposal, LocatedSheet

# Of paper around the curves that is shown where the header is not, set by hand: a lead's name
# stands within it, mostly, and calibration pulses beside it.
_ABOVE_CURVES_MM, _BESIDE_CURVES_MM = 6.0, 30.0

# Streamlit makes wider pictures smaller itself, which takes as long again as drawing them.
MAX_WIDTH_PX = 1460
# Two stand side by side.
PROPOSAL_WIDTH_PX = 1000
# Neither ink nor any grid has this blue.
CURVE_COLOUR = (0, 87, 255)
# Told apart by colour-blind readers, and unlike the classes' colours. The stronger the wider.
FOR_COLOUR, AGAINST_COLOUR, UNMOVED_COLOUR = CURVE_COLOUR, (150, 96, 16), (90, 98, 104)
WIDEST_STRETCH = 7
_JPEG_QUALITY = 88


def upload_with_leads(
    page: PageImage,
    sheet: LocatedSheet,
    lead_probabilities: dict[str, dict[str, dict[str, float]]],
) -> Image.Image:
    """Draw each lead's box over the upload, tinted and tagged by that lead's leading class.

    Parameters
    ----------
    page : PageImage
    sheet : LocatedSheet
    lead_probabilities : dict of str to dict
        Lead -> model -> class -> probability; a lead that is absent gets a grey box.

    Returns
    -------
    PIL.Image.Image
    """
    picture, to_picture = _ground(page, sheet)
    marked = Image.fromarray(picture)
    tint = Image.new("RGBA", marked.size, (0, 0, 0, 0))
    drawing = ImageDraw.Draw(tint)
    # Sized so that a tag is still legible when the whole sheet is 360 px wide on a phone.
    font = ImageFont.load_default(max(12, round(marked.width / 46)))
    border_px = max(2, round(marked.width / 400))
    strips = dict(zip(sheet.strip_names, sheet.rhythm_strips, strict=True))
    for lead in sheet.boxes:
        box = band(sheet, lead)
        name = f"strip {strips[lead]}" if strips.get(lead) else axis_name(lead)
        text, colour, ink = name, GREY, "#FFFFFF"
        if lead in lead_probabilities:
            style = CLASS_STYLES[
                leading_class(mean_probabilities(lead_probabilities[lead].values()))
            ]
            text, colour, ink = f"{name}  {style.short}", style.colour, style.ink
        corners = _corners(box, to_picture)
        drawing.polygon(corners, fill=f"{colour}24", outline=f"{colour}FF", width=border_px)
        _draw_tag(drawing, corners[0], text, font, colour, ink)
    marked.paste(tint, mask=tint)
    return marked


def upload_with_proposal(page: PageImage, proposal: LayoutProposal) -> Image.Image:
    """Draw where a layout has its leads over the upload, so that a person can say whether it fits.

    Parameters
    ----------
    page : PageImage
    proposal : LayoutProposal
        Of this page.

    Returns
    -------
    PIL.Image.Image
        RGB, of the upload's shape, at most `PROPOSAL_WIDTH_PX` wide.
    """
    scale = min(1.0, PROPOSAL_WIDTH_PX / page.rgb.shape[1])
    marked = Image.fromarray(reduced(page.rgb, scale))
    tint = Image.new("RGBA", marked.size, (0, 0, 0, 0))
    drawing = ImageDraw.Draw(tint)
    font = ImageFont.load_default(max(12, round(marked.width / 36)))
    red, green, blue = CURVE_COLOUR
    # Names last, so that no neighbour's box covers them.
    places = {
        name: [(scale * x, scale * y) for x, y in corners]
        for name, corners in proposal.corners_px.items()
    }
    for corners in places.values():
        drawing.polygon(corners, fill=(red, green, blue, 16), outline=CURVE_COLOUR, width=2)
    for name, corners in places.items():
        # At the right, where they cover none of the names that a sheet prints.
        right, top = corners[1]
        width = drawing.textlength(f" {axis_name(name)} ", font)
        _draw_tag(drawing, (right - width, top), axis_name(name), font, "#0057FF", "#FFFFFF")
    marked.paste(tint, mask=tint)
    return marked


def upload_with_curves(
    page: PageImage, sheet: LocatedSheet, leads: dict[str, NamedLead]
) -> Image.Image:
    """Draw the traced curves over the upload, so that a person can judge them.

    Parameters
    ----------
    page : PageImage
    sheet : LocatedSheet
    leads : dict of str to NamedLead

    Returns
    -------
    PIL.Image.Image
    """
    picture, to_picture = _ground(page, sheet)
    pale = _paled(picture)
    for lead in leads.values():
        _draw_curve(pale, _mapped(curve_px(sheet, lead), to_picture))
    return Image.fromarray(pale)


def upload_with_evidence(
    page: PageImage,
    sheet: LocatedSheet,
    leads: dict[str, NamedLead],
    stretches: Sequence[Stretch],
    moved: Sequence[float],
) -> Image.Image:
    """Draw the traced curves over the upload, thicker and coloured where they moved the verdict.

    Parameters
    ----------
    page : PageImage
    sheet : LocatedSheet
    leads : dict of str to NamedLead
    stretches : sequence of Stretch
    moved : sequence of float, one a stretch
        How much each moved the verdict: above 0 towards it (`FOR_COLOUR`), below 0 away from it
        (`AGAINST_COLOUR`). The most is drawn `WIDEST_STRETCH` times as thick as a curve.

    Returns
    -------
    PIL.Image.Image
    """
    picture, to_picture = _ground(page, sheet)
    pale = _paled(picture)
    curves = {lead.name: _mapped(curve_px(sheet, lead), to_picture) for lead in leads.values()}
    for curve in curves.values():
        _draw_curve(pale, curve, UNMOVED_COLOUR)
    size = np.abs(moved)
    strength = size / max(float(size.max()), 1e-9)
    # The strongest last, so that nothing covers them where rows cross.
    for row in np.argsort(strength):
        stretch, colour = stretches[row], FOR_COLOUR if moved[row] > 0 else AGAINST_COLOUR
        points = curves[stretch.lead][stretch.first_px : stretch.last_px + 1]
        blend = tuple(
            round(grey + (full - grey) * min(1.0, 2 * float(strength[row])))
            for grey, full in zip(UNMOVED_COLOUR, colour, strict=True)
        )
        _draw_curve(pale, points, blend, 1 + (WIDEST_STRETCH - 1) * float(strength[row]))
    return Image.fromarray(pale)


def lead_with_curve(sheet: LocatedSheet, lead: NamedLead) -> Image.Image:
    """Draw one lead's traced curve over its part of the sheet.

    Parameters
    ----------
    sheet : LocatedSheet
    lead : NamedLead

    Returns
    -------
    PIL.Image.Image
        RGB, canonical scale, of the size of the lead's box.
    """
    box = sheet.boxes[lead.name]
    crop = sheet.gray[box.top : box.bottom, box.left : box.right]
    pale = np.repeat(_paled(crop)[..., None], 3, axis=2)
    _draw_curve(pale, curve_px(sheet, lead) - np.array([box.left, box.top]))
    return Image.fromarray(pale)


def curves_area(
    page: PageImage, sheet: LocatedSheet, leads: dict[str, NamedLead], margin_mm: float
) -> Image.Image:
    """Cut the part with the curves from the upload, upright and at canonical scale.

    The header, and with it the patient's name, lies outside.

    Parameters
    ----------
    page : PageImage
    sheet : LocatedSheet
    leads : dict of str to NamedLead
        At least one.
    margin_mm : float
        Paper around the outermost points of the curves.

    Returns
    -------
    PIL.Image.Image
        RGB, `PX_PER_MM` pixels for each millimetre at 25 mm/s and 10 mm/mV.
    """
    points = np.vstack([curve_px(sheet, lead) for lead in leads.values()])
    points = points[np.isfinite(points).all(axis=1)]
    margin_px = margin_mm * PX_PER_MM
    left, top = np.floor(points.min(axis=0) - margin_px)
    width, height = np.ceil(points.max(axis=0) + margin_px) - (left, top)
    from_area = sheet.to_upload @ np.array([[1.0, 0.0, left], [0.0, 1.0, top], [0.0, 0.0, 1.0]])
    cut = cv2.warpPerspective(
        page.rgb,
        from_area,
        (int(width), int(height)),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(255, 255, 255),
    )
    return Image.fromarray(cut)


def without_header(page: PageImage, sheet: LocatedSheet, leads: dict[str, NamedLead]) -> PageImage:
    """Black out what is printed above and below the curves: whose sheet it is, and when.

    Parameters
    ----------
    page : PageImage
    sheet : LocatedSheet
    leads : dict of str to NamedLead
        Without any, the page is given back as it is.

    Returns
    -------
    PageImage
        What lies beside the curves, such as calibration pulses, stays.
    """
    if not leads:
        return page
    points = np.vstack([curve_px(sheet, lead) for lead in leads.values()])
    points = points[np.isfinite(points).all(axis=1)]
    around = np.array([_BESIDE_CURVES_MM, _ABOVE_CURVES_MM]) * PX_PER_MM
    (left, top), (right, bottom) = points.min(axis=0) - around, points.max(axis=0) + around
    corners = np.array([[[left, top], [right, top], [right, bottom], [left, bottom]]])
    on_upload = cv2.perspectiveTransform(corners, sheet.to_upload)[0]
    shown = np.zeros(page.rgb.shape[:2], np.uint8)
    cv2.fillConvexPoly(shown, on_upload.round().astype(np.int32), 1)
    return replace(page, rgb=page.rgb * shown[..., None])


def jpeg(picture: Image.Image) -> bytes:
    """Encode a picture as a browser gets it: a sixth of the bytes and of the time of PNG.

    Parameters
    ----------
    picture : PIL.Image.Image

    Returns
    -------
    bytes
        At most `MAX_WIDTH_PX` wide.
    """
    pixels = cv2.cvtColor(np.asarray(picture.convert("RGB")), cv2.COLOR_RGB2BGR)
    height, width = pixels.shape[:2]
    if width > MAX_WIDTH_PX:
        size = (MAX_WIDTH_PX, round(height * MAX_WIDTH_PX / width))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return encoded.tobytes()


def corners_of_curves(page: PageImage, sheet: LocatedSheet | None) -> list[tuple[int, int]]:
    """Say where the ten seconds of curves lie on the upload, for a person to correct.

    Parameters
    ----------
    page : PageImage
    sheet : LocatedSheet or None
        None for a first guess.

    Returns
    -------
    list of (int, int)
        Top left, top right, bottom right and bottom left, in pixels of the upload.
    """
    height, width = page.gray.shape
    if sheet is None:
        x, y = width // 20, height // 5
        return [(x, y), (width - x, y), (width - x, height - x), (x, height - x)]
    baselines = sheet.row_baselines_px
    left = sheet.start_px
    right = left + max(sheet.gaps_px, default=0.0) + min(SHEET_S, sheet.seconds) * PX_PER_S
    around_px = PX_PER_MV
    box = Box(
        round(left),
        round(min(baselines) - around_px),
        round(right),
        round(max(baselines) + around_px),
    )
    return [
        (min(max(round(x), 0), width - 1), min(max(round(y), 0), height - 1))
        for x, y in _corners(box, sheet.to_upload)
    ]


def reduced(rgb: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """Make a picture smaller.

    Parameters
    ----------
    rgb : ndarray, shape (height, width, 3), uint8
    scale : float
        At most 1.

    Returns
    -------
    ndarray, shape (round(scale * height), round(scale * width), 3), uint8
        The picture itself where nothing changes.
    """
    if scale >= 1.0:
        return rgb
    size = (round(rgb.shape[1] * scale), round(rgb.shape[0] * scale))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def _ground(page: PageImage, sheet: LocatedSheet) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Copy the upload, made smaller if need be, with the homography from sheet to picture."""
    scale = min(1.0, MAX_WIDTH_PX / page.rgb.shape[1])
    picture = reduced(page.rgb, scale)
    return picture.copy(), np.diag([scale, scale, 1.0]) @ sheet.to_upload


def _paled(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Halve the ink, so that what is drawn over it stands out."""
    return (255 - (255 - picture) // 2).astype(np.uint8)


def _mapped(points: NDArray[np.float64], homography: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map points, shape (n, 2), NaN stays NaN."""
    mapped = np.column_stack([points, np.ones(len(points))]) @ homography.T
    return np.asarray(mapped[:, :2] / mapped[:, 2:])


def _corners(box: Box, homography: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Corners of a box from its top left, clockwise."""
    left, top, right, bottom = box.left, box.top, box.right - 1, box.bottom - 1
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float)
    return [(float(x), float(y)) for x, y in _mapped(corners, homography)]


def _draw_curve(
    picture: NDArray[np.uint8],
    points: NDArray[np.float64],
    colour: tuple[int, ...] = CURVE_COLOUR,
    thickness: float = 1.0,
) -> None:
    """Draw a line in place; NaN lifts the pen."""
    known = np.isfinite(points).all(axis=1)
    parts = np.split(points, np.flatnonzero(np.diff(known)) + 1)
    fine = [
        np.round(part * 8).astype(np.int32)
        for part in parts
        if len(part) and np.isfinite(part).all()
    ]
    width_px = max(2, round(thickness * picture.shape[1] / 1000))
    cv2.polylines(picture, fine, False, colour, width_px, cv2.LINE_AA, shift=3)


def band(sheet: LocatedSheet, lead: str) -> Box:
    """Clip a lead's box half way to the leads printed above and below it.

    The boxes themselves overlap, since a tall wave reaches into the next row; drawn, they must not.

    Parameters
    ----------
    sheet : LocatedSheet
    lead : str
        One of its boxes.

    Returns
    -------
    Box
    """
    box, own = sheet.boxes[lead], sheet.baselines_px[lead]
    others = [
        sheet.baselines_px[name]
        for name, other in sheet.boxes.items()
        if name != lead and other.left < box.right and box.left < other.right
    ]
    top = max((round((own + y) / 2) for y in others if y < own), default=box.top)
    bottom = min((round((own + y) / 2) for y in others if y > own), default=box.bottom)
    return box._replace(top=max(top, box.top), bottom=min(bottom, box.bottom))


def _draw_tag(
    drawing: ImageDraw.ImageDraw,
    corner: tuple[float, float],
    text: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    colour: str,
    ink: str,
) -> None:
    """Write text on a filled plate whose top left lies in the corner."""
    left, top, right, bottom = drawing.textbbox((0, 0), text, font=font)
    pad = round((bottom - top) * 0.35)
    x, y = corner
    drawing.rectangle((x, y, x + right - left + 2 * pad, y + bottom - top + 2 * pad), fill=colour)
    drawing.text((x + pad - left, y + pad - top), text, font=font, fill=ink)
