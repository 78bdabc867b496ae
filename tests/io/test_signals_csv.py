import numpy as np
import pytest

from ecgapp.ecg import LEADS, Signals
from ecgapp.errors import Refusal
from ecgapp.io.signals_csv import CSV_COLUMNS, read_signals_csv, write_signals_csv
from ecgapp.synthesis.simulate import PatientModel, simulate

HEADER = ",".join(CSV_COLUMNS)
ROW = ",".join(["0.1"] * 12)


def table(*rows: str) -> bytes:
    return "\n".join((HEADER, *rows)).encode()


def test_a_written_table_reads_back_the_same():
    leads = {lead: values.copy() for lead, values in simulate(PatientModel()).leads.items()}
    leads["V1"][:2500] = np.nan
    back = read_signals_csv(write_signals_csv(Signals(500, leads)).encode())
    assert back.sampling_rate_hz == 500
    for lead in LEADS:
        np.testing.assert_allclose(back.leads[lead], leads[lead], atol=6e-5)
        assert back.leads[lead].dtype == np.float32


def test_the_table_has_the_columns_that_others_rely_on_and_is_empty_where_nothing_is_shown():
    leads = {lead: np.full(2, 0.5, dtype=np.float32) for lead in LEADS}
    leads["V6"][1] = np.nan
    lines = write_signals_csv(Signals(500, leads)).splitlines()
    assert lines[0] == "time_s,I,II,III,aVR,aVL,aVF,V1,V2,V3,V4,V5,V6"
    assert lines[1].startswith("0.000,0.5000,")
    assert lines[2].startswith("0.002,0.5000,")
    assert lines[2].endswith(",0.5000,")


def test_spreadsheets_leave_a_mark_and_other_line_ends():
    data = b"\xef\xbb\xbf" + table(f"0,{ROW}", f"0.002,{ROW}", "").replace(b"\n", b"\r\n")
    assert read_signals_csv(data).n_samples == 2


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "nothing"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "not text"),
        (b"a,b\n1,2\n", "a,b"),
        (table(), "no row"),
        (table("0.000,1,2"), "line 2 has 3 cells"),
        (table(f"0.000,{ROW}", f"0.002,{ROW}".replace("0.1", "x", 1)), "line 3"),
        (table(f"0.000,{ROW}", f"0.010,{ROW}"), "0.01 s"),
        (table(f"0.000,{ROW}", f"-0.002,{ROW}"), "-0.002 s"),
        (table(f",{ROW}"), "no time"),
        (table("0.000" + "," * 12), "no lead has a value"),
        (table(f"0.000,{ROW.replace('0.1', '850')}"), "850 mV"),
        (table(f"0.000,{ROW.replace('0.1', 'inf')}"), "infinite"),
        (table(*[f"{k / 500},{ROW}" for k in range(30_001)]), "30001 rows"),
        (table("0.000," + "1" * 200_000), "CSV"),
    ],
)
def test_a_malformed_table_is_refused_with_what_was_found(data, found):
    with pytest.raises(Refusal) as refusal:
        read_signals_csv(data)
    assert refusal.value.code == "bad_signals"
    assert refusal.value.message.startswith("Reading the signals: ")
    assert found in refusal.value.message
