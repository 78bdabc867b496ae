"""Durations that no heart shows: the paper speed was taken for another."""

from __future__ import annotations

from collections.abc import Mapping

from ecgapp.ecg import MM_PER_S
from ecgapp.errors import Refusal
from ecgapp.measure.measurements import Measurement

# Shorter and longer ones come from paper that was read at twice or half its speed. Short QT is
# 340 ms and less (Priori et al. 2015, ESC guideline on ventricular arrhythmias), and QRS complexes
# are narrower than 60 ms in small children only. Of 85 adults of five collections none is beyond
# these limits; at twice the paper speed 75 are.
LEAST_QRS_MS, LEAST_QTC_MS, MOST_QTC_MS = 60.0, 310.0, 540.0

# Fewer beats than these a minute, and milliseconds of QRS complexes over beats a minute: 1.2 in
# usual hearts, and four times as much at half the paper speed. Beyond the first limit of that, and
# beyond the second where PR is this long besides, are 636 of 700 records of PTB-XL's fold 9 if five
# of their seconds are read as ten, and none as they are. Chosen on these. Narrower QRS complexes
# would be none at twice the speed.
HALF_SPEED_RATE_BPM, HALF_SPEED_QRS_MS, LATE_PR_MS = 60.0, 2 * LEAST_QRS_MS, 170.0
HALF_SPEED_QRS_PER_RATE, HALF_SPEED_QRS_PER_RATE_IF_LATE = 3.5, 3.0


def require_plausible_durations(
    measurements: Mapping[str, Measurement], speed_mm_per_s: float
) -> None:
    """Refuse a reading whose QRS complexes and QT show that the paper ran at another speed.

    Parameters
    ----------
    measurements : mapping of str to Measurement
        Of the whole sheet; what is not measurable speaks against nothing.
    speed_mm_per_s : float
        That was read.

    Raises
    ------
    Refusal
        ``unreliable_reading``, with the duration and its limit.
    """
    qrs = measurements.get("qrs_ms")
    qtc = measurements.get("qtc_fridericia_ms")
    if qrs is not None and qrs.value < LEAST_QRS_MS:
        found = f"QRS complexes of {qrs.value:.0f} ms (at least {LEAST_QRS_MS:.0f} ms)"
    elif qtc is not None and qtc.value < LEAST_QTC_MS:
        found = f"QTc of {qtc.value:.0f} ms (at least {LEAST_QTC_MS:.0f} ms)"
    elif qtc is not None and qtc.value > MOST_QTC_MS:
        found = f"QTc of {qtc.value:.0f} ms (at most {MOST_QTC_MS:.0f} ms)"
    else:
        return
    raise Refusal(
        "unreliable_reading",
        "Checking the reading",
        f"Checking the reading: at {speed_mm_per_s:g} mm/s the sheet would show {found}, as no "
        "heart does: the paper speed is probably another. What was read is probably wrong, so it "
        f"is not shown. Upload a sheet of ten seconds at {MM_PER_S:g} mm/s, or the recording.",
    )


def require_not_half_speed(
    measurements: Mapping[str, Measurement], speed_mm_per_s: float, pulses_fit: bool
) -> None:
    """Refuse a reading that looks as if the paper ran twice as fast, if no print tells its speed.

    Parameters
    ----------
    measurements : mapping of str to Measurement
        Of the whole sheet.
    speed_mm_per_s : float
        That was assumed.
    pulses_fit : bool
        Whether calibration pulses are as wide as at that speed. Some machines print them so at any
        speed, so that a late P wave, too, speaks against them.

    Raises
    ------
    Refusal
        ``unreliable_reading``, with what was measured.
    """
    rate, qrs = measurements.get("heart_rate_bpm"), measurements.get("qrs_ms")
    pr = measurements.get("pr_ms")
    if rate is None or qrs is None:
        return
    late = pr is not None and pr.value >= LATE_PR_MS
    if pulses_fit and not late:
        return
    most = HALF_SPEED_QRS_PER_RATE_IF_LATE if late else HALF_SPEED_QRS_PER_RATE
    if rate.value >= HALF_SPEED_RATE_BPM or qrs.value < max(HALF_SPEED_QRS_MS, most * rate.value):
        return
    raise Refusal(
        "unreliable_reading",
        "Checking the reading",
        f"Checking the reading: at {speed_mm_per_s:g} mm/s the sheet would show {rate.value:.0f} "
        f"beats a minute and QRS complexes of {qrs.value:.0f} ms; at {2 * speed_mm_per_s:g} mm/s "
        f"it would be {2 * rate.value:.0f} beats and {qrs.value / 2:.0f} ms, as in most hearts, "
        "and the speed that the sheet prints was not read. What was read is probably wrong, so it "
        f"is not shown. Upload a sheet of ten seconds at {MM_PER_S:g} mm/s on which the print can "
        "be read, or the recording.",
    )
