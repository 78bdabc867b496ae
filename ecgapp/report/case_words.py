"""Teaching cases in words: names of what can be chosen, and what was drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecgapp.measure.finding import listed

if TYPE_CHECKING:
    from ecgapp.synthesis.cases import Case

# By value, for all choices of a case.
CHOICE_NAMES = {
    "none": "None",
    "left": "Left",
    "right": "Right",
    "sinus": "Sinus rhythm",
    "premature_ventricular_beats": "Premature ventricular beats",
    "premature_atrial_beats": "Premature atrial beats",
    "atrial_fibrillation": "Atrial fibrillation",
    "atrial_flutter": "Atrial flutter",
    "ventricular_pacing": "Paced ventricles",
    "first_degree_av_block": "AV block, first degree",
    "second_degree_av_block": "AV block, second degree (Wenckebach)",
    "third_degree_av_block": "AV block, third degree",
    "anterior": "Anterior",
    "inferior": "Inferior",
    "lateral": "Lateral",
    "posterior": "Posterior",
    "arms": "Right and left arm",
    "right_arm_left_leg": "Right arm and left leg",
    "chest_reversed": "V1 to V6 in reverse",
    **{f"V{k}_V{k + 1}": f"V{k} and V{k + 1}" for k in range(1, 5)},
    "known": "The machine of the public data",
    "printout": "Printout",
    "scan": "Scan",
    "photograph": "Photograph",
}


def choice_name(value: str) -> str:
    """Name a choice for people; vendors and layouts as they are called."""
    return CHOICE_NAMES.get(value, value.capitalize() if value.islower() else value)


def describe(case: Case) -> str:
    """Say in a few sentences what was drawn.

    Parameters
    ----------
    case : Case

    Returns
    -------
    str
        It says what was simulated, not what a model will say.
    """
    parts = [f"{choice_name(case.rhythm)}, {case.rate_bpm:g} beats a minute."]
    if case.bundle_branch_block != "none":
        parts.append(f"{choice_name(case.bundle_branch_block)} bundle branch block.")
    if case.hypertrophy != "none":
        parts.append(f"A thick {case.hypertrophy} ventricle.")
    if case.st_territory != "none":
        raised = case.raised_leads
        if raised:
            parts.append(f"ST raised in {listed(raised)} ({case.st_territory}).")
        else:
            parts.append(f"ST moved by {case.st_mv:+.2f} mV ({case.st_territory}).")
    if case.q_waves != "none":
        where = {"inferior": "II, III and aVF", "anterior": "V1 to V4"}[case.q_waves]
        parts.append(f"Q waves in {where}, as an old infarction leaves them.")
    parts.append(f"Axis {case.axis_deg:.0f} degrees.")
    if case.noise_mv:
        parts.append(f"Noise of {case.noise_mv:.2f} mV.")
    if case.swap != "none":
        parts.append(f"Electrodes exchanged: {choice_name(case.swap)}.")
    return " ".join(parts)
