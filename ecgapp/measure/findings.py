"""Measurements that a normal ECG does not show, whatever the networks say.

Limits: a QRS of 120 ms is wide (AHA, ACCF and HRS recommendations, Surawicz et al., Circulation
2009); a resting heart beats 50 to 100 times a minute, as is usual today. Of the development sheets
that the verdict calls normal 86% are labelled so, of those with a QRS of 120 ms and more 74%, with
premature beats of another shape 56%, and with an irregular rhythm 63%.
"""

from __future__ import annotations

from collections.abc import Mapping

from ecgapp.measure.measurements import IRREGULAR, Measurement

NORMAL_RATE_BPM = (50, 100)
WIDE_QRS_MS = 120


def against_normal(measurements: Mapping[str, Measurement]) -> str | None:
    """Say in plain words what was measured that does not fit a normal ECG.

    Parameters
    ----------
    measurements : mapping of str to Measurement
        From :func:`ecgapp.measure.measurements.measure`.

    Returns
    -------
    str or None
        One sentence; None when everything that could be measured fits.
    """
    value = {name: measurement.value for name, measurement in measurements.items()}
    found = []
    slowest, fastest = NORMAL_RATE_BPM
    rate = round(value.get("heart_rate_bpm", slowest))
    if not slowest <= rate <= fastest:
        found.append(f"a heart rate of {rate} per minute")
    if value.get("rr_irregularity", 0) > IRREGULAR:
        found.append("an irregular rhythm")
    if early := round(value.get("premature_beats", 0)):
        found.append(f"{early} premature beat{'s' if early > 1 else ''}")
    qrs_ms = round(value.get("qrs_ms", 0))
    if qrs_ms >= WIDE_QRS_MS:
        found.append(f"a QRS complex of {qrs_ms} ms")
    if not found:
        return None
    return f"What was measured does not fit a normal ECG: {', '.join(found)}."
