"""Limb leads are held against each other as paper shows them, and real contradictions are found."""

import numpy as np
import pytest

from ecgapp.digitize.limb_leads import LEAST_FORETOLD, PixelSize, foretold_parts, lone_spikes
from ecgapp.synthesis.simulate import PatientModel, simulate

LEADS_MV = simulate(PatientModel(76, seed=5)).leads


def shown(name: str, late: int = 0) -> np.ndarray:
    """Two and a half seconds of a lead, printed so many samples too far right."""
    return LEADS_MV[name][1250 - late : 2500 - late].copy()


# Eight pixels a millimetre, and the fewest with which sheets of other devices are scanned.
FINE, COARSE = (PixelSize(0.04 / n, 0.1 / n) for n in (8.0, 2.8))
EINTHOVEN, GOLDBERGER = ("I", "II", "III"), ("aVR", "aVL", "aVF")


def least_foretold(curves: dict[str, np.ndarray], pixel: PixelSize = FINE) -> float:
    parts = foretold_parts(
        {name: curve.astype(np.float32) for name, curve in curves.items()}, 500, 0.6, pixel
    )
    assert set(parts) == set(curves)
    return min(parts.values())


def of(names: tuple[str, ...]) -> dict[str, np.ndarray]:
    return {name: shown(name) for name in names}


@pytest.mark.parametrize("names", [EINTHOVEN, GOLDBERGER, EINTHOVEN + GOLDBERGER])
def test_leads_of_one_heart_foretell_each_other(names: tuple[str, ...]) -> None:
    assert least_foretold(of(names)) > 0.99


@pytest.mark.parametrize("late", [3, 13, 28])
def test_rows_out_of_step_by_a_few_samples_fit(late: int) -> None:
    leads = of(EINTHOVEN)
    leads["II"] = shown("II", late)
    assert least_foretold(leads) > 0.95


def test_a_row_that_runs_down_with_bent_paper_fits() -> None:
    leads = of(EINTHOVEN)
    leads["III"] -= 0.2 * np.linspace(-1, 1, 1250) ** 2
    assert least_foretold(leads) > 0.97


def test_gaps_of_leads_that_are_out_of_step_are_no_contradiction() -> None:
    leads = of(GOLDBERGER)
    leads["aVL"] = shown("aVL", 16)
    peak = int(np.abs(leads["aVF"]).argmax())
    leads["aVF"][peak - 10 : peak + 2] = np.nan
    assert least_foretold(leads) > 0.97


def test_a_small_error_of_a_lead_with_next_to_no_voltage_is_no_contradiction() -> None:
    leads = {name: 0.15 * curve for name, curve in of(GOLDBERGER).items()}
    leads["aVL"] += np.random.default_rng(0).normal(0, 0.03, 1250)
    assert least_foretold(leads) > LEAST_FORETOLD


def test_of_six_leads_the_one_that_takes_another_curve_is_told() -> None:
    leads = of(EINTHOVEN + GOLDBERGER)
    leads["aVL"][500:] = leads["aVF"][500:]
    parts = foretold_parts(leads, 500, 0.6, FINE)
    assert {name for name, part in parts.items() if part < LEAST_FORETOLD} == {"aVL"}


def test_three_leads_of_which_one_is_another_are_all_in_doubt() -> None:
    leads = of(EINTHOVEN)
    leads["III"] = shown("V3")
    assert least_foretold(leads) < 0.5


@pytest.mark.parametrize("names", [EINTHOVEN, GOLDBERGER, EINTHOVEN + GOLDBERGER])
def test_leads_that_are_stored_each_to_a_scale_of_its_own_fit(names: tuple[str, ...]) -> None:
    scales = (1.0, 0.6, 1.5, 0.8, 1.2, 0.5)
    leads = {name: times * shown(name) for name, times in zip(names, scales, strict=False)}
    assert least_foretold(leads) > 0.99


@pytest.mark.parametrize("names", [EINTHOVEN, EINTHOVEN + GOLDBERGER])
def test_leads_to_scales_of_their_own_may_be_out_of_step_too(names: tuple[str, ...]) -> None:
    scales = (0.6, 1.5, 1.0, 1.1, 0.9, 1.3)
    late = {"III": 8}
    leads = {
        name: times * shown(name, late.get(name, 0))
        for name, times in zip(names, scales, strict=False)
    }
    assert least_foretold(leads) > LEAST_FORETOLD


def test_leads_under_each_others_names_do_not_fit_at_any_scale() -> None:
    leads = of(EINTHOVEN)
    leads["I"], leads["II"] = leads["II"], leads["I"]
    assert least_foretold(leads) < LEAST_FORETOLD


def test_too_little_that_is_known_tells_nothing() -> None:
    leads = of(EINTHOVEN)
    leads["II"][200:] = np.nan
    assert foretold_parts(leads, 500, 0.6, FINE) == {}


def test_what_the_pixels_of_a_coarse_scan_cannot_tell_is_no_contradiction() -> None:
    off_px = np.random.default_rng(0)

    def scanned(name: str) -> np.ndarray:
        seconds = np.arange(1250) / 500
        columns = np.arange(0, 2.5 + COARSE.seconds, COARSE.seconds)
        seen = columns + off_px.uniform(-0.5, 0.5, len(columns)) * COARSE.seconds
        rows = np.round(np.interp(seen, seconds, shown(name)) / COARSE.millivolts)
        return np.interp(seconds, columns, rows * COARSE.millivolts)

    leads = {name: scanned(name) for name in EINTHOVEN}
    assert least_foretold(leads, PixelSize(0.0, 0.0)) < LEAST_FORETOLD
    assert least_foretold(leads, COARSE) > LEAST_FORETOLD
    leads["II"] = shown("V3")
    assert least_foretold(leads, COARSE) < 0.9


def test_noise_of_a_pixel_or_two_of_a_coarse_scan_is_no_contradiction() -> None:
    rng = np.random.default_rng(3)
    leads = {name: 0.3 * curve for name, curve in of(EINTHOVEN).items()}
    for curve in leads.values():
        off_px = np.repeat(rng.uniform(-2, 2, 250), 5)
        curve += (off_px * COARSE.millivolts).astype(np.float32)
    assert least_foretold(leads, COARSE) > LEAST_FORETOLD
    # A fine scan has no such noise.
    assert least_foretold(leads) < LEAST_FORETOLD


@pytest.mark.parametrize("names", [EINTHOVEN, GOLDBERGER, EINTHOVEN + GOLDBERGER])
def test_a_spike_that_one_limb_lead_shows_alone_is_found(names: tuple[str, ...]) -> None:
    leads = of(names)
    # What is left of a grid's line, followed for a millimetre beside the second beat.
    leads[names[1]][600:610] -= 0.5
    spikes = lone_spikes(leads, 500)
    assert spikes[names[1]][600:610].all()
    assert spikes[names[1]].sum() < 50
    assert not any(spikes[name].any() for name in names if name != names[1])


@pytest.mark.parametrize("late", [0, 13, 28])
def test_no_beat_is_taken_for_a_lone_spike(late: int) -> None:
    leads = of(EINTHOVEN)
    leads["II"] = shown("II", late)
    # A QRS complex that is not known in one lead tells nothing of the others'.
    unknown = int(np.abs(np.gradient(leads["I"])).argmax())
    leads["I"][unknown - 30 : unknown + 30] = np.nan
    assert not any(lone.any() for lone in lone_spikes(leads, 500).values())
