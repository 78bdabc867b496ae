import csv

import numpy as np
import pytest
from paths import ROOT

from ecgapp.datasets import ptbxl
from ecgapp.datasets.statements import (
    ABNORMAL,
    HISTORY,
    INFARCTION,
    LABELS,
    LEARNT,
    NORMAL,
    labels_of,
    of_ludb,
    of_snomed_ct,
    possible_labels,
)

DATA = ROOT.parent / "shared" / "data"


@pytest.mark.parametrize(
    ("codes", "stages", "labels"),
    [
        ({"NORM", "SR"}, None, {NORMAL}),
        ({"NORM", "SARRH"}, None, {NORMAL}),
        ({"NORM", "SBRAD"}, None, {NORMAL, ABNORMAL}),
        ({"SBRAD"}, None, {NORMAL, ABNORMAL}),
        ({"NORM", "STACH"}, None, {ABNORMAL}),
        ({"NORM", "PVC"}, None, {ABNORMAL}),
        ({"NORM", "IRBBB", "CD"}, None, {ABNORMAL}),
        ({"AFIB"}, None, {ABNORMAL}),
        ({"PACE"}, None, {ABNORMAL}),
        ({"STTC", "NDT"}, None, {ABNORMAL}),
        ({"MI"}, None, {INFARCTION, HISTORY}),
        ({"MI", "AFIB", "CD"}, None, {INFARCTION, HISTORY}),
        ({"MI", "IMI"}, {"Stadium I"}, {INFARCTION}),
        ({"MI", "IMI"}, {"Stadium II"}, {INFARCTION}),
        ({"MI", "INJAS"}, {"unknown"}, {INFARCTION}),
        ({"MI", "IMI"}, {"Stadium III"}, {HISTORY}),
        ({"MI", "ASMI"}, {"unknown"}, {HISTORY}),
        ({"MI", "ASMI"}, set(), {HISTORY}),
        ({"MI", "ASMI"}, {"Stadium II-III"}, {INFARCTION, HISTORY}),
        ({"MI", "ASMI"}, {"Stadium II-III", "Stadium I"}, {INFARCTION}),
        (set(), None, set(LABELS)),
        ({"SR"}, None, set(LABELS)),
    ],
)
def test_the_four_labels_follow_from_the_statements_as_defined(
    codes: set[str], stages: set[str] | None, labels: set[str]
) -> None:
    assert possible_labels(codes, stages) == labels


def test_infarction_is_never_hidden_by_what_else_is_stated() -> None:
    for code in LEARNT:
        assert possible_labels({"MI", code}, {"Stadium III"}) <= {INFARCTION, HISTORY}


def make_records() -> ptbxl.Records:
    return ptbxl.Records(
        steps=np.zeros((3, 1000, 8), np.int16),
        superclasses=np.array([[1, 0, 0, 0, 0], [0, 1, 0, 1, 0], [0, 0, 0, 0, 0]], np.int8),
        snomed=(frozenset({"NSR"}), frozenset({"MI", "LBBB"}), frozenset({"AF"})),
        scp=(None, frozenset({"IMI", "CLBBB"}), frozenset({"AFIB"})),
        sex=np.array(["Female"] * 3),
        age_years=np.full(3, 60, np.float32),
        stages=(None, frozenset({"Stadium III"}), frozenset()),
    )


def test_records_of_ptbxl_become_targets() -> None:
    records = make_records()
    by_name = dict(zip(LEARNT, ptbxl.learnt_targets(records).T.tolist(), strict=True))
    assert by_name["NORM"] == [1, 0, 0]
    assert by_name["CLBBB"] == [0, 1, 0]
    assert by_name["AFIB"] == [0, 0, 1]
    assert by_name["IMI"] == [-1, 1, 0], "an SCP code is not known where none are given"
    assert by_name["sub:IMI"] == [-1, 1, 0]
    assert by_name["snomed:NSR"] == [1, 0, 0]
    assert ptbxl.possible_targets(records).tolist() == [[1, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0]]


def ludb_row(**entries: str) -> dict[str, str]:
    columns = (
        "Rhythms",
        "Electric axis of the heart",
        "Conduction abnormalities",
        "Extrasystolies",
        "Hypertrophies",
        "Cardiac pacing",
        "Ischemia",
        "Non-specific repolarization abnormalities",
        "Other states",
    )
    return dict.fromkeys(columns, "") | {"ID": "1", "Rhythms": "Sinus rhythm"} | entries


def test_ludbs_sentences_become_codes() -> None:
    stated, stages = of_ludb(ludb_row())
    assert stated["NORM"]
    assert labels_of(stated, stages) == {NORMAL}
    stated, stages = of_ludb(
        ludb_row(
            Rhythms="Atrial fibrillation",
            Ischemia="Scar formation: inferior wall; Ischemia: apical",
        )
    )
    assert stated["AFIB"]
    assert stated["IMI"]
    assert not stated["AMI"]
    assert not stated["NORM"]
    assert labels_of(stated, stages) == {HISTORY}
    stated, stages = of_ludb(ludb_row(Ischemia="Stemi: anterior wall"))
    assert labels_of(stated, stages) == {INFARCTION}


def test_what_ludb_leaves_open_stays_open() -> None:
    row = ludb_row(Ischemia="Undefined ischemia/scar/supp.nstemi: apical")
    stated, stages = of_ludb(row)
    assert stated["MI"] is None
    assert labels_of(stated, stages) == {ABNORMAL, INFARCTION, HISTORY}


def test_snomed_ct_numbers_become_codes() -> None:
    stated, stages = of_snomed_ct(["426783006"])
    assert labels_of(stated, stages) == {NORMAL}
    stated, stages = of_snomed_ct(["164889003", "59118001"])
    assert stated["AFIB"]
    assert stated["CRBBB"]
    assert labels_of(stated, stages) == {ABNORMAL}
    assert labels_of(*of_snomed_ct(["164867002"])) == {HISTORY}
    assert labels_of(*of_snomed_ct(["164865005"])) == {INFARCTION, HISTORY}


@pytest.mark.skipif(not DATA.exists(), reason="the data folder is not there")
def test_every_record_of_the_collections_can_be_put_in_codes() -> None:
    with (DATA / "ludb" / "records.csv").open(newline="") as file:
        ludb = [labels_of(*of_ludb(row)) for row in csv.DictReader(file)]
    with (DATA / "external" / "records.csv").open(newline="") as file:
        rows = [row["snomed_codes"].split(",") for row in csv.DictReader(file)]
    external = [labels_of(*of_snomed_ct(row)) for row in rows]
    for labels, n_normal in ((ludb, 12), (external, 12)):
        assert sum(one == {NORMAL} for one in labels) == n_normal
        assert sum(len(one) < 4 for one in labels) > 0.9 * len(labels)
