"""Rate, pauses, premature beats, irregularity and pacing."""

from __future__ import annotations

from collections.abc import Iterator

from ecgapp.measure.conduction_findings import WIDE_QRS_MS
from ecgapp.measure.finding import (
    BRADYCARDIA_2018,
    CONDUCTION_2009,
    FIBRILLATION_2020,
    SURAWICZ_KNILANS,
    TACHYCARDIA_2015,
    Finding,
    Values,
)
from ecgapp.measure.measurements import IRREGULAR, IRREGULAR_WITHOUT_P

# Kusumoto 2018 (slowest rate and pause) and Page 2015 (fastest rate), as the findings name them.
SLOWEST_BPM, FASTEST_BPM = 50, 100
LONGEST_PAUSE_MS = 3000
# Healthy hearts have a single one in ten seconds now and then; so many of them are strong. Set by
# hand.
_STRONG_PREMATURE_BEATS = 2
# A spike stands before at least this part of the beats.
_LEAST_PACED_PART = 0.5


def rhythm_findings(values: Values) -> Iterator[Finding]:
    """Apply the rules on when the heart beats."""
    yield from _rate(values)
    yield from _premature(values)
    irregularity = values.get("rr_irregularity_otherwise")
    limit = IRREGULAR if values.get("pr_ms") is not None else IRREGULAR_WITHOUT_P
    if irregularity is not None and irregularity > limit:
        yield Finding(
            "IRREGULAR_RHYTHM",
            "The rhythm is irregular throughout, as in atrial fibrillation: the interval changes "
            f"by {irregularity:.0%} from beat to beat.",
            (),
            irregularity,
            "",
            limit,
            FIBRILLATION_2020,
            strong=True,
        )
    paced, qrs = values.get("paced_part"), values.get("qrs_ms")
    # A ventricle that is paced is excited slowly.
    if paced is not None and paced >= _LEAST_PACED_PART and qrs is not None and qrs >= WIDE_QRS_MS:
        yield Finding(
            "PACED",
            f"Narrow spikes stand before {paced:.0%} of the beats, as of a pacemaker.",
            (),
            paced,
            "",
            _LEAST_PACED_PART,
            CONDUCTION_2009,
            strong=True,
        )


def _rate(values: Values) -> Iterator[Finding]:
    rate = values.get("heart_rate_bpm")
    if rate is not None and round(rate) < SLOWEST_BPM:
        text = f"The heart beats slowly, {rate:.0f} times a minute."
        yield Finding("BRADYCARDIA", text, (), rate, "bpm", SLOWEST_BPM, BRADYCARDIA_2018)
    if rate is not None and round(rate) > FASTEST_BPM:
        text = f"The heart beats fast, {rate:.0f} times a minute."
        yield Finding("TACHYCARDIA", text, (), rate, "bpm", FASTEST_BPM, TACHYCARDIA_2015)
    pause = values.get("rr_longest_ms")
    if pause is not None and pause > LONGEST_PAUSE_MS:
        text = f"Between two beats {pause / 1000:.1f} seconds pass."
        yield Finding("PAUSE", text, (), pause, "ms", LONGEST_PAUSE_MS, BRADYCARDIA_2018)


def _premature(values: Values) -> Iterator[Finding]:
    for name, code, shape in (
        ("premature_atrial_beats", "PREMATURE_ATRIAL", "with the usual shape"),
        ("premature_beats", "PREMATURE_VENTRICULAR", "with another shape"),
    ):
        count = round(values.get(name) or 0)
        if count:
            beats = "One beat comes" if count == 1 else f"{count} beats come"
            text = f"{beats} early, {shape}."
            yield Finding(
                code,
                text,
                (),
                float(count),
                "",
                0,
                SURAWICZ_KNILANS,
                strong=count >= _STRONG_PREMATURE_BEATS,
            )
