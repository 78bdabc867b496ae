from ecgapp.report.case_words import choice_name, describe
from ecgapp.synthesis.cases import CHOICES, Case


def test_every_choice_has_a_name_without_underscores():
    for choices in CHOICES.values():
        for value in choices:
            assert "_" not in choice_name(value)


def test_a_case_is_described_by_what_it_shows():
    said = describe(
        Case(rate_bpm=50, bundle_branch_block="left", st_territory="posterior", swap="arms")
    )
    assert "50 beats a minute" in said
    assert "Left bundle branch block." in said
    assert "ST moved by +0.30 mV (posterior)." in said
    assert "Electrodes exchanged: Right and left arm." in said
