"""What changed from one reading to another: verdict, findings, measurements, average beats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ecgapp.ecg import LEADS, SAMPLING_RATE_HZ
from ecgapp.measure.average_beat import mean_beats
from ecgapp.measure.normal_ranges import normal_range
from ecgapp.measure.r_peaks import find_beats, samples
from ecgapp.report.headline import headline
from ecgapp.report.json_and_csv import LEAD_MEASUREMENTS, MEASUREMENTS
from ecgapp.report.language import _, localized, told
from ecgapp.report.measurement_rows import FIRST_MEASUREMENTS, flag, flag_word
from ecgapp.report.words import class_name, class_within, percent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ecgapp.ecg import Signals
    from ecgapp.measure.finding import Finding
    from ecgapp.measure.measurements import Measurement
    from ecgapp.pipeline import Diagnosis

# QRS lies this close to a beat's middle, and R may be marked this far apart in two readings.
_QRS_HALF_S = 0.1
_MOST_SHIFT_S = 0.06
# The level before QRS is taken from here to here before R.
_REST_FROM_S, _REST_TO_S = 0.12, 0.08


class Change(NamedTuple):
    """One quantity in both readings, as a table shows it; a dash where it was not measurable."""

    title: str
    earlier: str
    later: str
    change: str
    note: str


class Said(NamedTuple):
    """Something that is said of one reading, or of both; empty where it is not said."""

    earlier: str
    later: str


@dataclass(frozen=True)
class BeatPair:
    """The average beats of one lead in two readings, aligned at R.

    Attributes
    ----------
    lead : str
    time_ms : ndarray of float, shape (n,)
        0 at R.
    earlier_mv, later_mv : ndarray of float, shape (n,)
        Above the level before QRS; NaN where a reading does not show it.
    """

    lead: str
    time_ms: NDArray[np.float64]
    earlier_mv: NDArray[np.float64]
    later_mv: NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """What two readings have in common, and what not.

    Attributes
    ----------
    headlines : tuple of (str, str)
        What is said first of each.
    verdict : str
        One sentence on whether both come to the same class.
    measurements, lead_measurements : list of Change
        Of the whole sheet; of single leads, those that moved most first.
    findings, statements : list of Said
        What was measured, and what the networks state; what is new comes first.
    probabilities : list of Change
        Of each class.
    beats : list of BeatPair
        Of the leads whose average beat both readings show.
    """

    headlines: tuple[str, str]
    verdict: str
    measurements: list[Change]
    lead_measurements: list[Change]
    findings: list[Said]
    statements: list[Said]
    probabilities: list[Change]
    beats: list[BeatPair]


def compare(earlier: Diagnosis, later: Diagnosis) -> Comparison:
    """Lay two readings beside each other.

    Parameters
    ----------
    earlier, later : Diagnosis
        Read or refused; what a refused one lacks is left out.

    Returns
    -------
    Comparison
    """
    return Comparison(
        headlines=(headline(earlier).title, headline(later).title),
        verdict=_verdict_sentence(earlier, later),
        measurements=list(_measurements(earlier.measurements, later.measurements)),
        lead_measurements=_lead_measurements(earlier.measurements, later.measurements),
        findings=_said(_by_code(earlier.findings), _by_code(later.findings)),
        statements=_said(_stated(earlier), _stated(later)),
        probabilities=list(probability_changes(earlier, later)),
        beats=average_beat_pairs(earlier.signals, later.signals),
    )


def _verdict_sentence(earlier: Diagnosis, later: Diagnosis) -> str:
    """Say whether both readings come to the same class."""
    if earlier.verdict is None or later.verdict is None:
        return _("At least one of the two has no verdict.")
    before, after = earlier.verdict.label, later.verdict.label
    said = _("The likeliest class is the same")
    if before != after:
        names = [class_within(label) for label in (before, after)]
        said = _(
            "The likeliest class was {names}, and is {names_2} now",
            names=names[0],
            names_2=names[1],
        )
    if earlier.verdict.confident and later.verdict.confident:
        return f"{said}."
    return _("{said}; at least one of the two verdicts is not confident.", said=said)


def _measurements(
    earlier: dict[str, Measurement], later: dict[str, Measurement]
) -> Iterator[Change]:
    for name in FIRST_MEASUREMENTS:
        before, after = earlier.get(name), later.get(name)
        if before is None and after is None:
            continue
        title, decimals = MEASUREMENTS[name]
        degrees = name == "axis_deg"
        change, note = "\u2013", ""
        if before is not None and after is not None:
            moved = round(after.value, decimals) - round(before.value, decimals)
            # An axis turns the shorter way.
            moved = (moved + 180) % 360 - 180 if degrees else moved
            change = localized(f"{moved:+.{decimals}f}")
            flags = [
                flag_word(flag(round(one.value, decimals), normal_range(name)))
                for one in (before, after)
            ]
            note = (
                _("{before} before, {now} now", before=flags[0], now=flags[1])
                if flags[0] != flags[1]
                else ""
            )
        yield Change(_(title), _text(before, decimals), _text(after, decimals), change, note)


def _text(measured: Measurement | None, decimals: int) -> str:
    if measured is None:
        return "\u2013"
    unit = "\N{DEGREE SIGN}" if measured.unit == "deg" else f" {measured.unit}"
    return (localized(f"{measured.value:.{decimals}f}") + unit).rstrip()


def _lead_measurements(
    earlier: dict[str, Measurement], later: dict[str, Measurement]
) -> list[Change]:
    """ST, R and S of the leads in which both are measurable, what moved most first."""
    moved: list[tuple[float, Change]] = []
    for prefix, title in LEAD_MEASUREMENTS.items():
        for lead in LEADS:
            before, after = earlier.get(f"{prefix}_{lead}"), later.get(f"{prefix}_{lead}")
            if before is None or after is None:
                continue
            change = after.value - before.value
            row = Change(
                _("{title} in {lead}", title=_(title), lead=lead),
                f"{localized(f'{before.value:.2f}')} mV",
                f"{localized(f'{after.value:.2f}')} mV",
                localized(f"{change:+.2f}"),
                "",
            )
            moved.append((abs(change), row))
    return [row for _, row in sorted(moved, key=lambda item: -item[0])]


def _by_code(findings: Sequence[Finding]) -> dict[str, str]:
    return {
        finding.code: f"{told(finding.text)} ({', '.join(finding.leads)})"
        if not all(lead in finding.text for lead in finding.leads)
        else told(finding.text)
        for finding in findings
    }


def _stated(diagnosis: Diagnosis) -> dict[str, str]:
    return {
        code: f"{told(one.title)} ({code})"
        for code, one in diagnosis.statements.items()
        if one.present
    }


def _said(earlier: dict[str, str], later: dict[str, str]) -> list[Said]:
    """List what is said of the later reading alone, of the earlier one alone, then of both."""
    rows = [Said(earlier.get(code, ""), later.get(code, "")) for code in later | earlier]
    return sorted(rows, key=lambda row: (bool(row.earlier and row.later), bool(row.earlier)))


def probability_changes(earlier: Diagnosis, later: Diagnosis) -> Iterator[Change]:
    """Lay the verdicts' probabilities beside each other, class by class, in percentage points."""
    if earlier.verdict is None or later.verdict is None:
        return
    before, after = earlier.verdict.probabilities, later.verdict.probabilities
    for name in after:
        moved = round(100 * after[name]) - round(100 * before[name])
        yield Change(
            class_name(name),
            percent(before[name]),
            percent(after[name]),
            f"{moved:+d}",
            "",
        )


def average_beat_pairs(earlier: Signals | None, later: Signals | None) -> list[BeatPair]:
    """Align the average beats of two recordings, lead by lead.

    Parameters
    ----------
    earlier, later : Signals or None
        At 500 Hz.

    Returns
    -------
    list of BeatPair
        In the usual order of the leads. The later beat is shifted by up to 60 ms to where its QRS
        lies best over the earlier one's.
    """
    if earlier is None or later is None:
        return []
    means = [mean_beats(signals, find_beats(signals)) for signals in (earlier, later)]
    middle = means[0].middle
    pairs = []
    for number, lead in enumerate(LEADS):
        before, after = (_from_rest(mean.millivolts[number], middle) for mean in means)
        if before is None or after is None:
            continue
        r_peak = _r_column(before, middle)
        after = _shifted(after, _best_shift(before, after, middle))
        time_ms = 1000 * (np.arange(len(before)) - r_peak) / SAMPLING_RATE_HZ
        pairs.append(BeatPair(lead, time_ms, before, after))
    return pairs


def _from_rest(beat: NDArray[np.float64], middle: int) -> NDArray[np.float64] | None:
    """Put a beat's level before QRS to zero; None where QRS is not known."""
    half = samples(_QRS_HALF_S)
    if not np.isfinite(beat[middle - half // 2 : middle + half // 2]).all():
        return None
    rest = beat[middle - samples(_REST_FROM_S) : middle - samples(_REST_TO_S)]
    return beat - np.nanmedian(rest) if np.isfinite(rest).any() else beat


def _r_column(beat: NDArray[np.float64], middle: int) -> int:
    """Column of the tallest deflection of QRS."""
    half = samples(_QRS_HALF_S)
    return middle - half + int(np.nanargmax(np.abs(beat[middle - half : middle + half])))


def _best_shift(earlier: NDArray[np.float64], later: NDArray[np.float64], middle: int) -> int:
    """Columns by which to move the later beat so that both complexes differ least."""
    half, most = samples(_QRS_HALF_S), samples(_MOST_SHIFT_S)
    template = np.nan_to_num(earlier[middle - half : middle + half])
    distances = {
        shift: float(
            np.abs(
                template - np.nan_to_num(later[middle - half - shift : middle + half - shift])
            ).sum()
        )
        for shift in sorted(range(-most, most + 1), key=abs)
    }
    return min(distances, key=distances.__getitem__)


def _shifted(beat: NDArray[np.float64], shift: int) -> NDArray[np.float64]:
    moved = np.full_like(beat, np.nan)
    if shift >= 0:
        moved[shift:] = beat[: len(beat) - shift]
    else:
        moved[:shift] = beat[-shift:]
    return moved
