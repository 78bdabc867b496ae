"""Normal ranges beside the measured values."""

from ecgapp.measure.measurements import measure
from ecgapp.measure.normal_ranges import NORMAL_RANGES, normal_range
from ecgapp.synthesis.simulate import PatientModel, simulate


def test_a_healthy_simulated_heart_lies_within_all_ranges() -> None:
    measured = measure(simulate(PatientModel(66, seed=4)))
    outside = [
        name for name, range_ in NORMAL_RANGES.items() if not range_.holds(measured[name].value)
    ]
    assert not outside


def test_a_range_flags_what_lies_beyond_it_and_knows_the_sex() -> None:
    qtc, of_men = normal_range("qtc_fridericia_ms"), normal_range("qtc_fridericia_ms", "male")
    assert qtc is not None
    assert of_men is not None
    assert qtc.holds(455)
    assert not of_men.holds(455)
    assert normal_range("rr_mean_ms") is None
    assert not NORMAL_RANGES["pr_ms"].holds(240)
