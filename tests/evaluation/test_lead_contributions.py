"""What leads contribute, on predictions whose truth is known."""

import numpy as np
import pytest

from ecgapp.evaluation import lead_contributions
from ecgapp.evaluation.predictions import Predictions

CLASSES = ("normal", "mi")


def made_predictions(right_of_lead, n_sheets=300, seed=0, absent=()):
    """Leads that each point to the label with a given chance."""
    rng = np.random.default_rng(seed)
    rows = []
    for sheet in range(n_sheets):
        label = sheet % 2
        for lead, chance in right_of_lead.items():
            if (sheet, lead) not in absent:
                said = label if rng.random() < chance else 1 - label
                rows.append((sheet, label, lead, said))
    sheet, label, lead, said = (np.array(column) for column in zip(*rows, strict=True))
    return Predictions(
        classes=CLASSES,
        sheet=np.array([f"{number:04d}" for number in sheet]),
        label=np.array(CLASSES)[label],
        layout=np.full(len(rows), "3x4"),
        session=sheet // 2,
        fold=sheet % 5,
        lead=lead,
        probabilities=np.where(said[:, None] == [0, 1], 0.7, 0.3),
    )


@pytest.fixture(scope="module")
def table():
    return lead_contributions.tabulate(made_predictions({"I": 0.55, "V2": 0.95, "aVR": 0.5}))


def test_table_has_a_place_for_every_lead(table):
    assert table.leads == ("I", "aVR", "V2")
    assert table.probabilities.shape == (300, 3, 2)


def test_windows_of_one_lead_are_averaged_and_missing_leads_are_left_open():
    predictions = made_predictions({"I": 1, "V2": 1}, n_sheets=4, absent={(0, "V2")})
    twice = predictions.where(np.tile(np.arange(len(predictions)), 2))
    twice.probabilities[: len(predictions)] = 0.5
    table = lead_contributions.tabulate(twice)
    assert sorted(table.probabilities[1, 0]) == pytest.approx([0.4, 0.6])
    assert np.isnan(table.probabilities[0, 1]).all()
    effects = lead_contributions.lead_effects(table)
    assert (effects["I"].n_sheets, effects["V2"].n_sheets) == (4, 3)


def test_good_lead_is_good_alone_and_missed_when_left_out(table):
    effects = lead_contributions.lead_effects(table)
    assert effects["V2"].alone.value > 0.9
    assert effects["V2"].recall["mi"].value > 0.85
    assert effects["aVR"].alone.value < 0.6
    assert effects["V2"].change_without.high < 0
    change = effects["aVR"].change_without
    assert change.low <= change.value <= change.high


def test_learned_rule_trusts_the_lead_that_knows(table):
    results = lead_contributions.rule_results(table)
    assert tuple(results) == lead_contributions.RULES
    assert results["learned"].accuracy.value > results["vote"].accuracy.value + 0.1
    assert results["learned"].change.low > 0
    assert results["sum"].change.value == 0
    weights = lead_contributions.learned_weights(table)
    assert weights["V2"] > 3 * abs(weights["aVR"])


def test_learned_rule_is_judged_on_folds_that_it_was_not_fitted_on():
    """Labels that no lead knows: weights fitted on the judged fold would find some in the noise."""
    leads = dict.fromkeys(("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3"), 0.5)
    results = lead_contributions.rule_results(
        lead_contributions.tabulate(made_predictions(leads, n_sheets=400))
    )
    assert results["learned"].accuracy.value == pytest.approx(0.5, abs=0.08)


def test_vote_gives_every_lead_one_vote():
    predictions = made_predictions({"I": 1, "II": 1, "III": 0}, n_sheets=20)
    loud = predictions.lead == "III"
    predictions.probabilities[loud] = np.where(predictions.probabilities[loud] > 0.5, 0.99, 0.01)
    predictions.probabilities[~loud] = np.where(predictions.probabilities[~loud] > 0.5, 0.6, 0.4)
    results = lead_contributions.rule_results(lead_contributions.tabulate(predictions))
    assert results["vote"].accuracy.value == 1
    assert results["sum"].accuracy.value == 0
