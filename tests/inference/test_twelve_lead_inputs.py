"""What the twelve-lead network reads."""

import numpy as np
from scipy.signal import firwin, upfirdn

from ecgapp.ecg import LEADS, Signals
from ecgapp.inference.twelve_lead_inputs import twelve_lead_inputs


def test_leads_are_resampled_as_scipy_does_it() -> None:
    noise = np.random.default_rng(0).normal(0, 0.2, (len(LEADS), 5000)).astype(np.float32)
    signals = Signals(500, dict(zip(LEADS, noise, strict=True)))
    read = twelve_lead_inputs(signals).leads[0]
    taps = firwin(41, 40, window="hamming", fs=500)
    for column, lead in enumerate(LEADS):
        start = 1250 * (column // 3)
        shown = np.pad(noise[column, start : start + 1250].astype(float), 20, mode="edge")
        expected = upfirdn(taps, shown)[40:-40][::5]
        np.testing.assert_allclose(
            read[:, column], expected - np.median(expected), atol=2e-6, err_msg=lead
        )
