"""Electrodes put in each other's place: which lead then shows what."""

from __future__ import annotations

from ecgapp.ecg import LEADS, Signals

# Lead after the swap -> the lead that it shows, with a minus where it is turned over.
SHOWN_LEADS: dict[str, dict[str, str]] = {
    "arms": {"I": "-I", "II": "III", "III": "II", "aVR": "aVL", "aVL": "aVR"},
    "right_arm_left_leg": {"I": "-III", "II": "-II", "III": "-I", "aVR": "aVF", "aVF": "aVR"},
    "chest_reversed": {f"V{k}": f"V{7 - k}" for k in range(1, 7)},
    **{f"V{k}_V{k + 1}": {f"V{k}": f"V{k + 1}", f"V{k + 1}": f"V{k}"} for k in range(1, 5)},
}


def exchange_electrodes(signals: Signals, swap: str) -> Signals:
    """Record what a machine would after a swap of electrodes.

    Parameters
    ----------
    signals : Signals
    swap : str
        A key of `SHOWN_LEADS`.

    Returns
    -------
    Signals

    Raises
    ------
    KeyError
        For a swap that is not known.
    """
    shown = SHOWN_LEADS[swap]
    leads = {}
    for lead in LEADS:
        source = shown.get(lead, lead)
        values = signals.leads[source.removeprefix("-")]
        leads[lead] = -values if source.startswith("-") else values
    return Signals(signals.sampling_rate_hz, leads)
