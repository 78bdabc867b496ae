"""What is said first of a reading."""

from dataclasses import replace

import pytest
from fakes import install

from ecgapp import diagnose
from ecgapp.report.headline import headline
from ecgapp.report.json_and_csv import to_line
from ecgapp.synthesis.samples import draw_sample


def test_what_is_surely_not_normal_is_said_where_the_label_is_not_sure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(monkeypatch)
    read = diagnose(draw_sample("Normal rhythm"))
    assert read.verdict is not None
    unsure = replace(read.verdict, confident=False, reason="It is unlike others.", not_normal=True)
    likely = f"{unsure.not_normal_probability:.0%}"
    said = headline(replace(read, verdict=unsure))
    assert said.notes[0] == f"Confident that it is not normal: {likely} likely."
    assert said.notes[-1] == "It is unlike others."
    line = to_line(replace(read, verdict=unsure), "a.png")
    assert f"not confident, but confidently not normal ({likely}). It is unlike others." in line
    less_sure = replace(unsure, not_normal=False)
    assert not any(
        "not normal" in note for note in headline(replace(read, verdict=less_sure)).notes
    )
