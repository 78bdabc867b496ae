"""What moved a verdict, in words and figures for people."""

from __future__ import annotations

import json

from ecgapp.explain.evidence import AGREE, AGREE_IN_PART, STRETCH_S, Evidence, Stretch
from ecgapp.explain.nearest_cases import DevelopmentSheets
from ecgapp.inference.shipped_models import MODELS_FOLDER, TWELVE_LEAD_NETWORK
from ecgapp.report.words import CLASS_STYLES, MODEL_NAMES, lead_title

CHECK_FILE = "explain_check.json"

N_STRONGEST = 5  # stretches that are listed
# A new sheet is not so near to one that the network learnt from, unless it is the same.
SAME_SHEET_DISTANCE = 0.15


def agreement_sentence(evidence: Evidence) -> str:
    """Say whether the two methods point to the same stretches, and by how much."""
    agreement = evidence.agreement
    if agreement >= AGREE:
        said = "**Both methods point to the same stretches**"
    elif agreement >= AGREE_IN_PART:
        said = "**The two methods agree only in part**; rely on what both show, and on no more"
    else:
        said = "**The two methods disagree; do not rely on this picture**"
    by_model = ", ".join(
        f"{MODEL_NAMES[name]} alone {value:.1f}"
        for name, value in evidence.agreement_by_model.items()
    )
    return (
        f"{said} (rank correlation {agreement:.1f} over {len(evidence.stretches)} stretches; "
        f"{by_model}; 1 is full agreement, 0 none)."
    )


def check_sentence() -> str:
    """Say what a check of the two methods on development sheets found; empty where there is none.

    Returns
    -------
    str
    """
    path = MODELS_FOLDER / TWELVE_LEAD_NETWORK / CHECK_FILE
    if not path.is_file():
        return ""
    found = json.loads(path.read_text())
    shuffled = found["with_shuffled_weights"].values()
    left = max(abs(one["median"]) for one in shuffled)
    return (
        f"On {found['sheets']} development sheets both methods pointed to the same stretches "
        f"(rank correlation of at least {AGREE}) on {found['agree']:.0%} and disagreed (below "
        f"{AGREE_IN_PART}) on {found['disagree']:.0%}. With shuffled weights, in networks that "
        "have learnt nothing, hardly anything of these maps is left (median correlation "
        f"{left:.2f} at most): they show the networks, and not only the sheet."
    )


def neighbours_sentence(evidence: Evidence, development: DevelopmentSheets) -> str:
    """Say by label and distance which development sheets are nearest."""
    found = evidence.neighbours
    labels = ", ".join(
        f"{n} {CLASS_STYLES[label].name.lower()}" for label, n in found.labels.items()
    )
    low, high = development.typical_distance
    sentence = (
        f"**{len(found.rows)} nearest: {labels}**; distance {found.distance:.1f}, typical "
        f"{low:.1f} to {high:.1f}."
    )
    if found.nearest < SAME_SHEET_DISTANCE:
        return f"{sentence} The nearest is so near that it may be this very sheet."
    if found.distance > high:
        return f"{sentence} This sheet is unlike those that the networks learnt from."
    return sentence


def strongest_rows(evidence: Evidence) -> list[dict[str, str]]:
    """List the stretches without which the verdict loses most, for a table."""
    strongest = sorted(evidence.stretches, key=lambda one: -one.occlusion)[:N_STRONGEST]
    share = {id(one): rank for rank, one in enumerate(_by_gradient(evidence.stretches), start=1)}
    return [
        {
            "Lead": lead_title(one.lead),
            "Seconds": f"{one.start_s:.2f} to {one.end_s:.2f}",
            "Verdict loses": f"{one.occlusion:+.2f}",
            "Rank by gradients": f"{share[id(one)]} of {len(evidence.stretches)}",
        }
        for one in strongest
    ]


def _by_gradient(stretches: list[Stretch]) -> list[Stretch]:
    return sorted(stretches, key=lambda one: -one.gradient)


def picture_caption(evidence: Evidence) -> str:
    """Explain the picture's colours."""
    name = CLASS_STYLES[evidence.label].name
    return (
        f"Thick blue: speaks for “{name}”. Thick brown: speaks against it. Thin grey: hardly "
        f"matters. Each stretch is {STRETCH_S:g} s; the thickest moved the verdict most."
    )
