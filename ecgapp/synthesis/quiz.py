"""A quiz of drawn cases: a case at random, an answer, and how much of it is right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

import numpy as np

from ecgapp.synthesis.cases import CHOICES, NONE, Case
from ecgapp.synthesis.simulate import Rhythm

# How often what makes a case something else than normal is drawn, set by hand: of each twelve
# cases two are normal.
_KINDS = {"normal": 2, "rhythm": 4, "st": 3, "q": 1, "conduction": 1, "hypertrophy": 1}
# Rates at which the simulated rhythms look like themselves, per minute, and ST that every rule
# finds, mV.
_RATES_BPM = {
    "third_degree_av_block": (32, 45),
    "second_degree_av_block": (45, 70),
    "atrial_flutter": (75, 150),
    "atrial_fibrillation": (70, 130),
}
_USUAL_RATES_BPM = (55, 95)
_ST_MV = (0.25, 0.4)


@dataclass(frozen=True)
class Answer:
    """What a student says of a case.

    Attributes
    ----------
    rhythm : str
    raised_leads : frozenset of str
        Leads in which ST is raised.
    label : str
        Which of the app's classes.
    """

    rhythm: str
    raised_leads: frozenset[str]
    label: str


@dataclass(frozen=True)
class Score:
    """How much of an answer is right, each 0 to 1.

    Attributes
    ----------
    rhythm, label : float
    leads : float
        Leads that were marked and are raised, over all that are either.
    """

    rhythm: float
    leads: float
    label: float

    @property
    def points(self) -> float:
        """Of three."""
        return self.rhythm + self.leads + self.label


def random_case(seed: int) -> Case:
    """Draw a case for a quiz.

    Parameters
    ----------
    seed : int
        0 to 9999; which case.

    Returns
    -------
    Case
        A printout of the known machine, with one thing that is not normal, or none.
    """
    rng = np.random.default_rng(seed)

    def one_of(values: Iterable[str]) -> str:
        options = sorted(values)
        return options[int(rng.integers(len(options)))]

    shares = np.array(list(_KINDS.values()), float)
    kind = list(_KINDS)[int(rng.choice(len(shares), p=shares / shares.sum()))]
    rhythm: Rhythm = "sinus"
    if kind == "rhythm":
        name = one_of(set(CHOICES["rhythm"]) - {rhythm})
        rhythm = next(one for one in get_args(Rhythm) if one == name)
    low, high = _RATES_BPM.get(rhythm, _USUAL_RATES_BPM)
    return Case(
        rate_bpm=int(rng.integers(low, high + 1)),
        rhythm=rhythm,
        st_territory=one_of(("anterior", "inferior", "lateral")) if kind == "st" else NONE,
        st_mv=round(float(rng.uniform(*_ST_MV)), 2),
        q_waves=one_of(set(CHOICES["q_waves"]) - {NONE}) if kind == "q" else NONE,
        bundle_branch_block=one_of(("left", "right")) if kind == "conduction" else NONE,
        hypertrophy=one_of(("left", "right")) if kind == "hypertrophy" else NONE,
        seed=seed,
    )


def score(case: Case, answer: Answer) -> Score:
    """Compare an answer with what was drawn.

    Parameters
    ----------
    case : Case
    answer : Answer

    Returns
    -------
    Score
    """
    raised = set(case.raised_leads)
    either = raised | answer.raised_leads
    return Score(
        rhythm=float(answer.rhythm == case.rhythm),
        leads=len(raised & answer.raised_leads) / len(either) if either else 1.0,
        label=float(answer.label == case.label),
    )
