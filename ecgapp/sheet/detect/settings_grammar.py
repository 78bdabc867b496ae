"""What lines of print say of paper speed and gain, once their letters are read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import MM_PER_MV

# A line's letters as the reader of print spells them, and how sure each is, from 0 to 1.
ReadLine = tuple[str, NDArray[np.float64]]

# A value counts where each of its letters, and of its unit's, is this sure. Set by hand.
_LEAST_SURE = 0.7
# Gains and speeds of electrocardiographs (IEC 60601-2-25), and others that some print.
_GAINS_MM_PER_MV = (2.5, 5.0, 10.0, 20.0)
_SPEEDS_MM_PER_S = (12.5, 25.0, 50.0)

# A number that follows a digit and another sign is part of something else. One letter of a unit may
# be lost, where a curve runs into it, or its slash.
_BEGIN = r"(?<![\d.])(?<!\d[?x/=])(?<!\d\. )"
_NUMBER = r"\d+(?:\. ?\d+)?"
_VALUES = rf"{_BEGIN}(?:(?P<other>{_NUMBER}) ?/ ?)?(?P<value>{_NUMBER})"
_PER_MV = r"(?P<unit>(?:mm? ?[/=]|mm) ?(?:1 ?)?mv|mm ?/ ?(?:1 ?)?v)"
# "limb", "chest" and what else stands beside one of two gains.
_WORD = r"\(?[?mvsec]{3,6}\)?"
# Each with the millimetres of its unit.
_GAINS = tuple(
    (re.compile(pattern), mm)
    for pattern, mm in (
        (rf"{_VALUES} ?{_PER_MV}", 1),
        (rf"{_BEGIN}(?P<other>\d+) ?{_WORD} ?/? ?(?P<value>\d+) ?{_WORD} ?{_PER_MV}", 1),
        (rf"{_BEGIN}(?P<unit>1 ?mv ?[/=]) ?(?P<value>{_NUMBER}) ?(?P<mm>mm)(?! ?[\w/=?])", 1),
        (rf"{_BEGIN}(?P<value>{_NUMBER}) ?(?P<unit>cm ?[/=] ?(?:1 ?)?mv)", 10),
    )
)
# A zero that is struck through, as machines' own letters have it, is read as another letter.
_STRUCK_ZERO = re.compile(
    r"(?<![\d.?x/=])(?<!\d )"
    r"(?:5\?(?= ?mm? ?/ ?[sc])|[12]\?(?= ?(?:/ ?[\d?]+ ?)?mm? ?/ ?mv))"
)
# What follows may begin right behind, where points are lost: x1.0 0.05 is seen as x100 05.
_FACTOR = re.compile(
    r"(?<![^ ?])(?<!\d )(?P<unit>x) ?(?P<value>[012](?:[. ]?[05])?)(?:(?![\w./?])|(?=0[. ]\d\d))"
)
# A Cyrillic second is read as c.
_SPEED = re.compile(rf"{_VALUES} ?(?P<unit>mm? ?/ ?[sc](?:e[c?]?)?)(?![a-z?])")
# "Limb:", "Chest:", "(chest)" and "Prec.:" before a gain.
_LIMB = re.compile(r"\?\?m\?[s?]?[)?=]? ?$")
_CHEST = re.compile(r"(?:c\?es\?|\?\?ec[?.]*)[)?=]? ?$")
_NUMBERS = ("other", "value")
# A number of its own before another: what is before a point that is not seen, or another value.
_NUMBER_BEFORE = re.compile(r"(?:^| )(\d+) $")


def settings_in(lines: Iterable[ReadLine]) -> tuple[float | None, float | None, float | None]:
    """Say which speed and gain a page's lines print.

    Parameters
    ----------
    lines : iterable of ReadLine

    Returns
    -------
    speed_mm_per_s, gain_mm_per_mv, chest_gain_mm_per_mv : float or None
        None where nothing is surely said, or more values than one gain a group of leads.
    """
    speeds: set[float] = set()
    gains: set[float] = set()
    factors: set[float] = set()
    of_leads: set[str] = set()
    for text, sureness in lines:
        line = _STRUCK_ZERO.sub(lambda struck: struck[0].replace("?", "0"), text), sureness
        of_line = {value for _, value in _values(line, _SPEED, 1, _SPEEDS_MM_PER_S)}
        speeds |= of_line
        for pattern, mm in _GAINS:
            for start, value in _values(line, pattern, mm, _GAINS_MM_PER_MV):
                gains.add(value)
                of_leads.add(_leads_before(line[0][:start]))
        # Alone, "x1" may be said of anything.
        if of_line:
            times = _values(line, _FACTOR, MM_PER_MV, _GAINS_MM_PER_MV)
            factors |= {value for _, value in times}
    speed = speeds.pop() if len(speeds) == 1 else None
    gains = gains or factors
    if len(gains) == 2 and max(gains) == 2 * min(gains):
        return speed, max(gains), min(gains)
    # Of two gains only one is read.
    if of_leads in ({"limb"}, {"chest"}):
        return speed, None, None
    return speed, gains.pop() if len(gains) == 1 else None, None


def _values(
    line: ReadLine, pattern: re.Pattern[str], unit: float, known: Sequence[float]
) -> Iterator[tuple[int, float]]:
    """Values that are known ones and surely read, and where in the text each match begins."""
    text, sureness = line
    for match in pattern.finditer(text):
        parts = match.groupdict()
        spans = [match.span(name) for name, part in parts.items() if part]
        letters = [at for span in spans for at in range(*span) if text[at] != " "]
        if sureness[letters].min() < _LEAST_SURE:
            continue
        values = [_as_known(parts[name], unit, known) for name in _NUMBERS if parts.get(name)]
        before = _NUMBER_BEFORE.search(text[: match.start()])
        if before is not None and len(values) == 1:
            values = [_after_number(before[1], parts["value"], unit, known)]
        if None not in values:
            yield from ((match.start(), value) for value in values if value is not None)


def _as_known(number: str, unit: float, known: Sequence[float]) -> float | None:
    """Take a number for the known one that it is, or is without its point, as 50 for 5.0."""
    value = unit * float(number.replace(" ", ""))
    if value not in known and "." not in number:
        value /= 10
    return value if value in known else None


def _after_number(before: str, number: str, unit: float, known: Sequence[float]) -> float | None:
    """Take a number after another for what is behind a lost point, or a value of its own.

    None where the other may be the limb leads' gain.
    """
    if "." not in number and unit * float(f"{before}.{number}") in known:
        return unit * float(f"{before}.{number}")
    value = _as_known(number, unit, known)
    return None if value is not None and unit * float(before) == 2 * value else value


def _leads_before(text: str) -> str:
    """Which leads a gain is said to be of, by the word before it: limb, chest or all."""
    return "limb" if _LIMB.search(text) else "chest" if _CHEST.search(text) else "all"
