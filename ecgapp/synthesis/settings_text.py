"""How machines write the paper speed and the gain in a header or a footer."""

from __future__ import annotations

from typing import Literal

import numpy as np

Spelling = Literal["usual", "respelled", "labelled", "capitals"]

# Forms after pictures of machines' sheets, set by hand; how often machines print each was not
# counted.
SPEED_FORMS = ("{} mm/s", "{}mm/s", "{} mm/sec", "{}mm/sec", "{} mm / s", "{} mm/Sec")
GAIN_FORMS = ("{} mm/mV", "{}mm/mV", "{} mm / mV", "{} mm/mv", "{} MM/MV")
FILTERS = ("0.05-150 Hz", "0.67~100Hz", "40Hz", "50 Hz", "60Hz", "AC50", "F 35 Hz", "LP 150Hz")
USUAL_SETTINGS = "{speed:g} mm/s   {gain:g} mm/mV   0.05-150 Hz   50 Hz"

# Which form of the gain stands beside each of the speed.
_GAIN_BESIDE = dict(
    zip(SPEED_FORMS, (*GAIN_FORMS[:2], *GAIN_FORMS[:2], *GAIN_FORMS[2:4]), strict=True)
)
_SPEED_LABELS = ("Speed: ", "Paper ", "Vel: ")
_BETWEEN = ("  ", "   ", ", ", " ")
# Part of the lines that write 10.0 for 10, set by hand.
_DECIMALS_PART = 0.3


def settings_text(
    spelling: Spelling,
    speed_mm_per_s: float,
    gain_mm_per_mv: float,
    chest_gain_mm_per_mv: float,
    rng: np.random.Generator,
) -> str:
    """Write a line with speed, gain and a filter.

    Parameters
    ----------
    spelling : str
        ``usual``: always the same words, and the limb leads' gain only; ``respelled``: one of
        `SPEED_FORMS` and what goes with it; ``labelled``: with words before the numbers, and either
        gain; ``capitals``: as ``respelled``, in capitals.
    speed_mm_per_s, gain_mm_per_mv, chest_gain_mm_per_mv : float
    rng : numpy.random.Generator
        Source of everything random.

    Returns
    -------
    str
    """
    if spelling == "usual":
        return USUAL_SETTINGS.format(speed=speed_mm_per_s, gain=gain_mm_per_mv)
    number = "{:.1f}" if rng.random() < _DECIMALS_PART else "{:g}"
    limb, chest = number.format(gain_mm_per_mv), number.format(chest_gain_mm_per_mv)
    speed_form = str(rng.choice(SPEED_FORMS))
    gain_form = _GAIN_BESIDE[speed_form]
    speed = speed_form.format(f"{speed_mm_per_s:g}")
    between = str(rng.choice(_BETWEEN))
    if spelling == "labelled":
        gains = f"Limb: {gain_form.format(limb)} Chest: {gain_form.format(chest)}"
        return f"{rng.choice(_SPEED_LABELS)}{speed}{between}{gains}"
    gain = gain_form.format(limb if limb == chest else f"{limb}/{chest}")
    line = between.join((speed, gain, str(rng.choice(FILTERS))))
    return line.upper() if spelling == "capitals" else line
