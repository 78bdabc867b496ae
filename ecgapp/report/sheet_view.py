"""What the sheet view in the browser draws: the picture, the leads' places, curves, evidence."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ecgapp.digitize.trace import curve_px
from ecgapp.ecg import LEADS, PX_PER_MM, PX_PER_MV, PX_PER_S, Box
from ecgapp.inference.verdict import mean_probabilities
from ecgapp.report import overlays, words
from ecgapp.report.language import _, marked
from ecgapp.report.overlays import AGAINST_COLOUR, FOR_COLOUR, UNMOVED_COLOUR, WIDEST_STRETCH

if TYPE_CHECKING:
    from ecgapp.explain.evidence import Evidence
    from ecgapp.io.pages import PageImage
    from ecgapp.pipeline import Diagnosis
    from ecgapp.sheet.located import LocatedSheet

# A lead that was not found is proposed this high, half of it above its row's baseline.
_ABSENT_HEIGHT_PX = 20 * PX_PER_MM
# Weaker stretches, in parts of the strongest, are not seen.
_LEAST_STRENGTH = 0.02


# What the view itself says, in the order of its script.
_VIEW_WORDS = (
    marked("The sheet"),
    marked("Show"),
    marked("Plain"),
    marked("Leads"),
    marked("Traced"),
    marked("Evidence"),
    marked("Zoom"),
    marked("Smaller"),
    marked("Larger"),
    marked("Fit"),
    marked("Measure"),
    marked("Correct"),
    marked("Leave full screen"),
    marked("Full screen"),
    marked("Corners"),
    marked("Lead boxes"),
    marked("Draw"),
    marked("Erase"),
    marked("This is lead"),
    marked("It is here"),
    marked("Undo"),
    marked("Read again"),
    marked("Lead {lead}, not found"),
    marked("Lead {lead}"),
    marked("Caliper, second point"),
    marked("Caliper, first point"),
    marked("Top left corner"),
    marked("Top right corner"),
    marked("Bottom right corner"),
    marked("Bottom left corner"),
    marked("Erased part of {lead}, point {number}"),
    marked("Drawn part of {lead}, point {number}"),
    marked("Beginning of {lead}"),
    marked("Baseline of {lead}"),
    marked("End of {lead}"),
    marked("Finding the evidence\u2026"),
    marked(
        "{measured}, at the sheet's own scale. Drag the two points, or move them with the arrow "
        "keys."
    ),
    marked("Drag the four corners to where the ten seconds of curves begin and end."),
    marked("Drag the beginning, the end or the baseline; choose the lead's name above."),
    marked("Click the lead whose place or name is wrong."),
    marked("Draw over the part of a curve that was traced wrongly."),
    marked("Drag over the part of a curve that is to be left out."),
    marked("Then press Read again."),
    marked("Reading again\u2026"),
)


def upload_picture(page: PageImage) -> Image.Image:
    """Give the upload as the view shows it.

    Parameters
    ----------
    page : PageImage

    Returns
    -------
    PIL.Image.Image
        RGB, at most `overlays.MAX_WIDTH_PX` wide.
    """
    return Image.fromarray(overlays.reduced(page.rgb, picture_scale(page)))


def picture_scale(page: PageImage) -> float:
    """Pixels of the view's picture in a pixel of the upload, at most 1."""
    return min(1.0, overlays.MAX_WIDTH_PX / page.rgb.shape[1])


def view_data(
    diagnosis: Diagnosis,
    picture: bytes,
    reading_id: str,
    evidence: Evidence | None = None,
    editable: bool = False,
) -> dict[str, Any]:
    """Lay out what the sheet view shows.

    Parameters
    ----------
    diagnosis : Diagnosis
        With a page.
    picture : bytes
        `upload_picture` as JPEG. It goes along as ``data:`` address, so that it never has an
        address of its own on the server.
    reading_id : str
        Another one for every reading: the view begins anew.
    evidence : Evidence, optional
        What moved the verdict.
    editable : bool
        Whether corners, boxes and traces may be corrected.

    Returns
    -------
    dict
        Of what JSON holds. ``toPicture`` leads from the sheet at canonical scale to the picture,
        and is None where the sheet was not found.

    Raises
    ------
    ValueError
        If there is no page.
    """
    page, sheet = diagnosis.page, diagnosis.sheet
    if page is None:
        raise ValueError("a file that could not be decoded has no picture")
    scale = picture_scale(page)
    height, width = page.gray.shape
    found = ", ".join(words.lead_title(lead) for lead in sheet.boxes) if sheet else "none"
    return {
        "id": reading_id,
        "picture": f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}",
        "width": round(width * scale),
        "height": round(height * scale),
        "alt": _("The sheet. Leads that were found: {found}", found=found),
        "toPicture": None
        if sheet is None
        else (np.diag([scale, scale, 1.0]) @ sheet.to_upload).tolist(),
        "pxPerS": PX_PER_S,
        "pxPerMv": PX_PER_MV,
        "names": list(LEADS),
        "corners": [[scale * x, scale * y] for x, y in overlays.corners_of_curves(page, sheet)],
        "leads": [] if sheet is None else [*_leads(diagnosis, sheet), *_absent(sheet)],
        "hasVerdict": diagnosis.verdict is not None,
        "evidence": None if evidence is None else _evidence(evidence),
        "unmoved": _css(UNMOVED_COLOUR),
        "captions": _captions(diagnosis, evidence),
        "editable": editable,
        "words": {text: _(text) for text in _VIEW_WORDS},
    }


def _captions(diagnosis: Diagnosis, evidence: Evidence | None) -> dict[str, str]:
    chosen = _("Click a lead to see it enlarged.")
    captions = {
        "plain": _("The picture as it was received. {chosen}", chosen=chosen)
        if diagnosis.sheet
        else "",
        "leads": _("Each lead's place carries the class that the models find likeliest in it.")
        + " "
        + chosen
        if diagnosis.lead_probabilities
        else _("The leads that were found. {chosen}", chosen=chosen),
        "traced": _(
            "What the measurements read (blue) over what is printed. Where the two part, do "
            "not trust a number that comes from there."
        ),
    }
    if evidence is not None:
        captions["evidence"] = _(
            "What speaks for {name} (blue) and against it (brown), by taking each stretch away; "
            "the thicker the more.",
            name=words.class_within(evidence.label),
        )
    return captions


def _leads(diagnosis: Diagnosis, sheet: LocatedSheet) -> list[dict[str, Any]]:
    strips = dict(zip(sheet.strip_names, sheet.rhythm_strips, strict=True))
    shown = []
    for name in sheet.boxes:
        title = f"{_('strip')} {strips[name]}" if strips.get(name) else words.axis_name(name)
        colour, ink, tag, said = words.GREY, "#FFFFFF", title, title
        if name in diagnosis.lead_probabilities:
            label = words.leading_class(
                mean_probabilities(diagnosis.lead_probabilities[name].values())
            )
            style = words.CLASS_STYLES[label]
            colour, ink, tag = style.colour, style.ink, f"{title} {style.short}"
            said = _("{title}, likeliest {name}", title=title, name=words.class_within(label))
        place = _place(name, title, overlays.band(sheet, name), sheet.baselines_px[name])
        curve = None
        if name in diagnosis.leads:
            heights = curve_px(sheet, diagnosis.leads[name])[:, 1]
            curve = [round(y, 1) if np.isfinite(y) else None for y in heights.tolist()]
        shown.append(
            place
            | {"colour": colour, "ink": ink, "tag": tag, "said": said, "absent": False}
            | {"curve": curve, "curveLeft": sheet.boxes[name].left}
        )
    return shown


def _place(name: str, title: str, band: Box, baseline: float) -> dict[str, Any]:
    return {
        "name": name,
        "title": title,
        "left": band.left,
        "right": band.right,
        "top": band.top,
        "bottom": band.bottom,
        "baseline": round(baseline, 2),
        "foundBaseline": round(baseline, 2),
    }


def _absent(sheet: LocatedSheet) -> list[dict[str, Any]]:
    """Where leads that were not found should be, for a person to say whether they are."""
    rows: dict[int, list[float]] = {}
    for name in sheet.boxes:
        if name in LEADS:
            rows.setdefault(sheet.layout.place(name)[0], []).append(sheet.baselines_px[name])
    shown = []
    for name in LEADS:
        row, _ = sheet.layout.place(name)
        if name in sheet.boxes or row not in rows:
            continue
        baseline = float(np.mean(rows[row]))
        start = sheet.start_of(name)
        left, right = (round(start + time_s * PX_PER_S) for time_s in sheet.seconds_of(name))
        half = _ABSENT_HEIGHT_PX / 2
        band = Box(left, round(baseline - half), right, round(baseline + half))
        shown.append(
            _place(name, name, band, baseline)
            | {"colour": words.GREY, "ink": "#FFFFFF", "tag": name, "said": name, "absent": True}
            | {"curve": None, "curveLeft": band.left}
        )
    return shown


def _evidence(evidence: Evidence) -> list[dict[str, Any]]:
    """Stretches that moved the verdict, the strongest last, so that nothing covers them."""
    sizes = [abs(stretch.occlusion) for stretch in evidence.stretches]
    most = max([1e-9, *sizes])
    ordered = sorted(zip(sizes, evidence.stretches, strict=True), key=lambda one: one[0])
    return [
        {
            "lead": stretch.lead,
            "first": stretch.first_px,
            "last": stretch.last_px,
            "colour": _css(FOR_COLOUR if stretch.occlusion > 0 else AGAINST_COLOUR),
            "width": round(1 + (WIDEST_STRETCH - 1) * size / most, 2),
        }
        for size, stretch in ordered
        if size >= _LEAST_STRENGTH * most
    ]


def _css(colour: tuple[int, int, int]) -> str:
    red, green, blue = colour
    return f"#{red:02X}{green:02X}{blue:02X}"
