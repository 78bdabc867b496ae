"""What moved a verdict, in words and figures for people."""

from __future__ import annotations

import json

from ecgapp.explain.evidence import AGREE, AGREE_IN_PART, STRETCH_S, Evidence, Stretch
from ecgapp.explain.nearest_cases import DevelopmentSheets
from ecgapp.inference.shipped_models import MODELS_FOLDER, TWELVE_LEAD_NETWORK
from ecgapp.report.language import _, localized
from ecgapp.report.words import class_name, class_within, lead_title, model_name

CHECK_FILE = "explain_check.json"

N_STRONGEST = 5  # stretches that are listed
# A new sheet is not so near to one that the network learnt from, unless it is the same.
SAME_SHEET_DISTANCE = 0.15


def agreement_sentence(evidence: Evidence) -> str:
    """Say whether the two methods point to the same stretches, and by how much."""
    agreement = evidence.agreement
    if agreement >= AGREE:
        said = _("**Both methods point to the same stretches**")
    elif agreement >= AGREE_IN_PART:
        said = _("**The two methods agree only in part**; rely on what both show, and on no more")
    else:
        said = _("**The two methods disagree; do not rely on this picture**")
    by_model = ", ".join(
        _("{model} alone {value:.1f}", model=model_name(name), value=value)
        for name, value in evidence.agreement_by_model.items()
    )
    return _(
        "{said} (rank correlation {agreement:.1f} over {stretches} stretches; {by_model}; 1 "
        "is full agreement, 0 none).",
        said=said,
        agreement=agreement,
        stretches=len(evidence.stretches),
        by_model=by_model,
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
    return _(
        "On {found} development sheets both methods pointed to the same stretches (rank "
        "correlation of at least {agree}) on {found_2:.0%} and disagreed (below "
        "{agree_in_part}) on {found_3:.0%}. With shuffled weights, in networks that have "
        "learnt nothing, hardly anything of these maps is left (median correlation "
        "{left:.2f} at most): they show the networks, and not only the sheet.",
        found=found["sheets"],
        agree=AGREE,
        found_2=found["agree"],
        agree_in_part=AGREE_IN_PART,
        found_3=found["disagree"],
        left=left,
    )


def neighbours_sentence(evidence: Evidence, development: DevelopmentSheets) -> str:
    """Say by label and distance which development sheets are nearest."""
    found = evidence.neighbours
    labels = ", ".join(f"{n} {class_within(label)}" for label, n in found.labels.items())
    low, high = development.typical_distance
    sentence = _(
        "**{rows} nearest: {labels}**; distance {distance:.1f}, typical {low:.1f} to {high:.1f}.",
        rows=len(found.rows),
        labels=labels,
        distance=found.distance,
        low=low,
        high=high,
    )
    if found.nearest < SAME_SHEET_DISTANCE:
        return _(
            "{sentence} The nearest is so near that it may be this very sheet.", sentence=sentence
        )
    if found.distance > high:
        return _(
            "{sentence} This sheet is unlike those that the networks learnt from.",
            sentence=sentence,
        )
    return sentence


def strongest_rows(evidence: Evidence) -> list[dict[str, str]]:
    """List the stretches without which the verdict loses most, for a table."""
    strongest = sorted(evidence.stretches, key=lambda one: -one.occlusion)[:N_STRONGEST]
    share = {id(one): rank for rank, one in enumerate(_by_gradient(evidence.stretches), start=1)}
    return [
        {
            _("Lead"): lead_title(one.lead),
            _("Seconds"): _("{start_s:.2f} to {end_s:.2f}", start_s=one.start_s, end_s=one.end_s),
            _("Verdict loses"): localized(f"{one.occlusion:+.2f}"),
            _("Rank by gradients"): _(
                "{share} of {stretches}", share=share[id(one)], stretches=len(evidence.stretches)
            ),
        }
        for one in strongest
    ]


def _by_gradient(stretches: list[Stretch]) -> list[Stretch]:
    return sorted(stretches, key=lambda one: -one.gradient)


def picture_caption(evidence: Evidence) -> str:
    """Explain the picture's colours."""
    name = class_name(evidence.label)
    return _(
        "Thick blue: speaks for “{name}”. Thick brown: speaks against it. Thin grey: hardly "
        "matters. Each stretch is {stretch_s:g} s; the thickest moved the verdict most.",
        name=name,
        stretch_s=STRETCH_S,
    )
