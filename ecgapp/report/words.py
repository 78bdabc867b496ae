"""What people read: names, colours and numbers of classes, leads and models, in words.

A class is never told by colour alone; its name or its abbreviation is always beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ecgapp.ecg import LEADS, RHYTHM_STRIP
from ecgapp.report.language import _, localized, marked

if TYPE_CHECKING:
    from ecgapp.evaluation.out_of_fold import Estimate, Summary


@dataclass(frozen=True)
class ClassStyle:
    """How one class is shown everywhere.

    Attributes
    ----------
    name : str
        For people, in English; `class_name` says it in the reader's language.
    short : str
        Abbreviation, for the sheet and for axes.
    colour : str
        ``#RRGGBB``, from the Okabe-Ito palette, safe for colour-blind readers.
    ink : str
        Colour of text that stands on ``colour``.
    """

    name: str
    short: str
    colour: str
    ink: str


CLASS_STYLES = {
    "normal": ClassStyle(marked("Normal"), "N", "#009E73", "#111111"),
    "abnormal_heartbeat": ClassStyle(marked("Abnormal heartbeat"), "AHB", "#E69F00", "#111111"),
    "mi": ClassStyle(marked("Myocardial infarction"), "MI", "#D55E00", "#111111"),
    "history_of_mi": ClassStyle(marked("History of infarction"), "HMI", "#0072B2", "#FFFFFF"),
    "covid_19": ClassStyle("COVID-19", "COV", "#CC79A7", "#111111"),
}
CLASS_FIGURES = {
    "precision": marked("Precision"),
    "recall": marked("Recall"),
    "f1": "F1",
    "specificity": marked("Specificity"),
}

# As sentences have them.
CLASSES_WITHIN = {
    "normal": marked("normal"),
    "abnormal_heartbeat": marked("abnormal heartbeat"),
    "mi": marked("myocardial infarction"),
    "history_of_mi": marked("history of infarction"),
    "covid_19": "COVID-19",
}

# Greys that show on white and on near-black; text on a colour brings its own.
TEXT_ON_LIGHT = "#16242E"
TEXT_ON_DARK = "#E4ECF1"
GREY = "#7F8C96"
FAINT_GREY = "rgba(127, 140, 150, 0.25)"
ACCENT = "#2B8CA3"
# Tiles are shaded from the first colour to the second; white text reads better from the share on.
TILE_PAPER = "#F4F7F9"
TILE_FULL = "#15697D"
_WHITE_TEXT_FROM = 0.85

MODEL_NAMES = {
    "cnn": "CNN",
    "crnn": "CRNN",
    "twelve_lead": marked("Twelve-lead network"),
    "statements": marked("Statement network"),
}


def ink_on_tile(share: float) -> str:
    """Choose the colour of text on a tile that is shaded by a share from 0 to 1."""
    return "#FFFFFF" if share >= _WHITE_TEXT_FROM else "#000000"


def class_name(label: str) -> str:
    """Name a class in the reader's language, such as ``Myocardial infarction``."""
    return _(CLASS_STYLES[label].name)


def class_within(label: str) -> str:
    """Name a class as a sentence has it, such as ``myocardial infarction``."""
    return _(CLASSES_WITHIN[label])


def model_name(model: str) -> str:
    """Name a model in the reader's language."""
    return _(MODEL_NAMES.get(model, model))


def percent(probability: float) -> str:
    """Write a probability as a whole percentage, never as a false 0% or 100%.

    Parameters
    ----------
    probability : float
        From 0 to 1, or not a number.

    Returns
    -------
    str
        Such as ``93%``, ``<1%`` or ``>99%``; a dash for what is not a number.
    """
    if math.isnan(probability):
        return "\u2013"
    rounded = round(100 * probability)
    if rounded == 0 and probability > 0:
        return localized("<1%")
    if rounded == 100 and probability < 1:
        return localized(">99%")
    return localized(f"{rounded}%")


def with_interval(estimate: Estimate) -> str:
    """Write a share with its interval, such as ``70% (60% to 80%)``."""
    value, low, high = (percent(one) for one in (estimate.value, estimate.low, estimate.high))
    return _("{value} ({low} to {high})", value=value, low=low, high=high)


def interval_text(estimate: Estimate) -> str:
    """Write a share with its interval as briefly as a table needs, such as ``70% (60-80)``."""
    if math.isnan(estimate.value):
        return _("not defined")
    return f"{percent(estimate.value)} ({100 * estimate.low:.0f}\u2013{100 * estimate.high:.0f})"


def class_rows(summary: Summary, classes: Sequence[str]) -> list[dict[str, str]]:
    """Lay out a summary class by class: one row a figure, one column a class.

    Parameters
    ----------
    summary : Summary
    classes : sequence of str
        In the order of the summary's confusion matrix.

    Returns
    -------
    list of dict of str to str
        The first column's key is the empty text.
    """
    short = {name: CLASS_STYLES[name].short for name in classes}
    counts = summary.confusion.sum(axis=1)
    rows = [{"": "n"} | {short[name]: str(n) for name, n in zip(classes, counts, strict=True)}]
    for figure, title in CLASS_FIGURES.items():
        texts = {short[name]: interval_text(summary.by_class[name][figure]) for name in classes}
        rows.append({"": _(title)} | texts)
    return rows


def points(difference: float) -> str:
    """Write a difference of two shares in percentage points, such as ``+1.6``."""
    return localized(f"{100 * difference:+.1f}")


def in_points(difference: Estimate | None) -> str:
    """Write a difference of shares with its interval in points; a dash where there is none."""
    if difference is None:
        return "\u2013"
    low, high = points(difference.low), points(difference.high)
    return _("{value} ({low} to {high})", value=points(difference.value), low=low, high=high)


def class_legend(classes: Sequence[str]) -> str:
    """Spell out the abbreviations of some classes in one sentence."""
    return ", ".join(f"{CLASS_STYLES[name].short}: {class_within(name)}" for name in classes) + "."


def one_of(classes: Sequence[str]) -> str:
    """Name alternatives in words, such as ``normal, abnormal heartbeat or myocardial infarction``.

    Parameters
    ----------
    classes : sequence of str
        At least one.
    """
    *others, last = [class_within(name) for name in classes]
    return _("{others} or {last}", others=", ".join(others), last=last) if others else last


def lead_title(lead: str) -> str:
    """Name a lead for people: ``aVR``, ``Rhythm strip`` (of whichever lead it was printed)."""
    return lead.replace(RHYTHM_STRIP, _("Rhythm strip")).replace("_", " ")


def axis_name(lead: str) -> str:
    """Name a lead where there is little room."""
    return lead.replace(RHYTHM_STRIP, _("strip")).replace("_", " ")


def reading_order(leads: Sequence[str]) -> list[str]:
    """Sort leads as a sheet prints them, column by column, the rhythm strip last."""
    return [lead for lead in (*LEADS, RHYTHM_STRIP) if lead in leads]


def leading_class(probabilities: dict[str, float]) -> str:
    """Name the class with the highest probability."""
    return max(probabilities, key=probabilities.__getitem__)
