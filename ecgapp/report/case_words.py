"""Teaching cases in words: names of what can be chosen, and what was drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecgapp.measure.finding import listed
from ecgapp.report.language import _, marked, told

if TYPE_CHECKING:
    from ecgapp.synthesis.cases import Case

# By value, for all choices of a case.
CHOICE_NAMES = {
    "none": marked("None"),
    "left": marked("Left"),
    "right": marked("Right"),
    "sinus": marked("Sinus rhythm"),
    "premature_ventricular_beats": marked("Premature ventricular beats"),
    "premature_atrial_beats": marked("Premature atrial beats"),
    "atrial_fibrillation": marked("Atrial fibrillation"),
    "atrial_flutter": marked("Atrial flutter"),
    "ventricular_pacing": marked("Paced ventricles"),
    "first_degree_av_block": marked("AV block, first degree"),
    "second_degree_av_block": marked("AV block, second degree (Wenckebach)"),
    "third_degree_av_block": marked("AV block, third degree"),
    "anterior": marked("Anterior"),
    "inferior": marked("Inferior"),
    "lateral": marked("Lateral"),
    "posterior": marked("Posterior"),
    "arms": marked("Right and left arm"),
    "right_arm_left_leg": marked("Right arm and left leg"),
    "chest_reversed": marked("V1 to V6 in reverse"),
    **{f"V{k}_V{k + 1}": f"V{k} and V{k + 1}" for k in range(1, 5)},
    "known": marked("The machine of the public data"),
    "printout": marked("Printout"),
    "scan": marked("Scan"),
    "photograph": marked("Photograph"),
}


def choice_name(value: str) -> str:
    """Name a choice for people; vendors and layouts as they are called."""
    return told(CHOICE_NAMES.get(value, value.capitalize() if value.islower() else value))


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
    parts = [
        _("{rhythm}, {rate:g} beats a minute.", rhythm=choice_name(case.rhythm), rate=case.rate_bpm)
    ]
    if case.bundle_branch_block != "none":
        side = {
            "left": marked("Left bundle branch block."),
            "right": marked("Right bundle branch block."),
        }
        parts.append(_(side[case.bundle_branch_block]))
    if case.hypertrophy != "none":
        side = {
            "left": marked("A thick left ventricle."),
            "right": marked("A thick right ventricle."),
        }
        parts.append(_(side[case.hypertrophy]))
    if case.st_territory != "none":
        raised = case.raised_leads
        if raised:
            where, leads = choice_name(case.st_territory).lower(), told(listed(raised))
            parts.append(_("ST raised in {leads} ({where}).", leads=leads, where=where))
        else:
            where = choice_name(case.st_territory).lower()
            parts.append(_("ST moved by {mv:+.2f} mV ({where}).", mv=case.st_mv, where=where))
    if case.q_waves != "none":
        said = {
            "inferior": marked("Q waves in II, III and aVF, as an old infarction leaves them."),
            "anterior": marked("Q waves in V1 to V4, as an old infarction leaves them."),
        }
        parts.append(_(said[case.q_waves]))
    parts.append(_("Axis {degrees:.0f} degrees.", degrees=case.axis_deg))
    if case.noise_mv:
        parts.append(_("Noise of {mv:.2f} mV.", mv=case.noise_mv))
    if case.swap != "none":
        parts.append(_("Electrodes exchanged: {which}.", which=told(choice_name(case.swap))))
    return " ".join(parts)
