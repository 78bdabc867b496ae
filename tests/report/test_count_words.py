"""Why pages count different numbers."""

from types import SimpleNamespace

from ecgapp.report import count_words

AUDIT = {
    "files": 12,
    "classes": {"normal": {"files": 9}, "covid_19": {"files": 3}},
    "manifest": {"layouts": {"normal": {"edan_3x4": 8, "unclear": 1}}},
}


def test_sheets_that_judge_models_are_explained_by_those_left_out():
    said = count_words.dataset_counts(AUDIT, 8)
    assert said.startswith("Of the 12 files")
    assert "3 are of COVID-19" in said
    assert "1 show no 12-lead sheet" in said
    assert count_words.dataset_counts(AUDIT, 7) == ""


def test_protocols_say_how_many_sheets_they_test():
    runs = [
        SimpleNamespace(protocol="grouped", n_test=1343, n_test_different=1343),
        SimpleNamespace(protocol="random", n_test=114, n_test_different=95),
    ]
    said = count_words.protocol_counts(runs)
    assert said.startswith("Five folds test every sheet once (n = 1,343); the leaky split")
    assert "(n = 114, 95 of them different)." in said
    assert count_words.protocol_counts([]) == ""
