"""A visitor's own ZIP: what is read, what is left out, and what must never happen."""

import csv
import io
import struct
import zipfile
import zlib

import pytest
from fakes import CLASSES, install

from ecgapp.datasets import user_data
from ecgapp.datasets.sample_archive import draw_sample_archive
from ecgapp.errors import Refusal
from ecgapp.evaluation import out_of_fold
from ecgapp.synthesis.samples import draw_sample

NORMAL = draw_sample("Normal rhythm")
FAST = draw_sample("Fast heart rate")


def packed(files, compression=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def opened(files):
    return user_data.open_archive(packed(files), CLASSES)


def read(own):
    report = user_data.audit_archive(own)
    readings = [user_data.read_sheet(own, file) for file in own.files]
    return report, readings, user_data.content_groups(report)


@pytest.mark.parametrize(
    ("folder", "label"),
    [
        ("normal", "normal"),
        ("Normal Person ECG Images (284x12=3408)", "normal"),
        ("ECG Images of Myocardial Infarction Patients (240x12=2880)", "mi"),
        ("ECG Images of Patient that have History of MI (172x12=2064)", "history_of_mi"),
        ("ECG Images of Patient that have abnormal heartbeat (233x12=2796)", "abnormal_heartbeat"),
        ("history_of_mi", "history_of_mi"),
        ("MI", "mi"),
        ("covid_19", "covid_19"),
        ("family", None),
        ("animals", None),
    ],
)
def test_classes_are_told_by_their_folders(folder, label):
    assert user_data.class_of_folder(folder) == label


def test_entries_that_cannot_be_used_are_reported_and_left_out(monkeypatch):
    monkeypatch.setattr(user_data, "MAX_UPLOAD_BYTES", 3_000_000)
    own = opened(
        {
            "all/train/normal/1.jpg": NORMAL,
            "all/covid_19/2.jpg": FAST,
            "loose.txt": b"words",
            "mi/large.bmp": bytes(range(256)) * 12_000,
            "__MACOSX/mi/._3.jpg": b"",
            "mi/.hidden": b"",
        }
    )
    assert [(file.path, file.label, file.split) for file in own.files] == [
        ("all/train/normal/1.jpg", "normal", "train")
    ]
    reasons = {entry.path: entry.reason for entry in own.bad}
    assert set(reasons) == {"all/covid_19/2.jpg", "loose.txt", "mi/large.bmp"}
    assert "covid_19 is no class" in reasons["all/covid_19/2.jpg"]
    assert "at most 3 MB" in reasons["mi/large.bmp"]


def encrypted(archive: bytes) -> bytes:
    """Set the flag of encryption in both headers of a one-entry archive."""
    central = archive.index(b"PK\x01\x02")
    changed = bytearray(archive)
    changed[6] |= 1
    changed[central + 8] |= 1
    return bytes(changed)


def test_password_and_unusual_packing_are_reported():
    for data, word in (
        (encrypted(packed({"mi/1.jpg": FAST})), "password"),
        (packed({"mi/1.jpg": FAST}, zipfile.ZIP_BZIP2), "deflate"),
    ):
        both = io.BytesIO(data)
        with zipfile.ZipFile(both, "a") as archive:
            archive.writestr("normal/2.jpg", NORMAL)
        own = user_data.open_archive(both.getvalue(), CLASSES)
        assert [file.path for file in own.files] == ["normal/2.jpg"]
        assert word in own.bad[0].reason


@pytest.mark.parametrize(
    ("limit", "value", "code"),
    [
        ("MAX_ARCHIVE_BYTES", 1000, "archive_too_large"),
        ("MAX_ENTRIES", 1, "too_many_entries"),
        ("MAX_UNPACKED_BYTES", 1000, "unpacked_too_large"),
        ("MAX_RATIO", 0.5, "packed_too_tightly"),
    ],
)
def test_limits(monkeypatch, limit, value, code):
    monkeypatch.setattr(user_data, limit, value)
    with pytest.raises(Refusal) as caught:
        opened({"normal/1.jpg": NORMAL, "mi/2.jpg": FAST})
    assert caught.value.code == code


def test_bomb_is_refused_before_anything_is_unpacked():
    with pytest.raises(Refusal) as caught:
        opened({f"mi/{i}.bmp": bytes(15_000_000) for i in range(3)})
    assert caught.value.code == "packed_too_tightly"


def test_entry_that_lies_about_its_size_is_not_unpacked_whole(monkeypatch):
    monkeypatch.setattr(user_data, "MAX_UPLOAD_BYTES", 1_000_000)
    true = bytes(50_000_000)
    archive = packed({"mi/1.bmp": true})
    size = struct.pack("<I", len(true))
    assert archive.count(size) == 2
    lying = archive.replace(size, struct.pack("<I", 1000))
    own = user_data.open_archive(lying, CLASSES)
    reading = user_data.read_sheet(own, own.files[0])
    assert reading.refusal is not None


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not_a_zip"),
        (b"words", "not_a_zip"),
        (packed({"mi/1.jpg": FAST})[:-40], "not_a_zip"),
        (packed({}), "no_class_folders"),
        (packed({"1.jpg": FAST, "cats/2.jpg": FAST}), "no_class_folders"),
    ],
)
def test_what_is_no_archive_of_class_folders_is_refused(data, code):
    with pytest.raises(Refusal) as caught:
        user_data.open_archive(data, CLASSES)
    assert caught.value.code == code


def test_damaged_entry_is_refused_alone(monkeypatch):
    install(monkeypatch)
    archive = bytearray(packed({"mi/1.jpg": FAST, "normal/2.jpg": NORMAL}, zipfile.ZIP_STORED))
    archive[5000] ^= 0xFF
    own = user_data.open_archive(bytes(archive), CLASSES)
    report, readings, groups = read(own)
    assert [reading.refusal is None for reading in readings] == [False, True]
    assert "damaged" in readings[0].refusal.message
    assert len(report.unreadable) == 1
    assert set(groups) == {"mi/1.jpg", "normal/2.jpg"}


def test_an_entry_without_a_name_is_passed_over(monkeypatch):
    install(monkeypatch)
    data = packed({"mi/1.jpg": FAST, "name that goes": b""}).replace(b"name that goes", bytes(14))
    own = user_data.open_archive(data, CLASSES)
    assert [file.path for file in own.files] == ["mi/1.jpg"]


def test_names_never_become_paths(monkeypatch, tmp_path):
    install(monkeypatch)
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    astray = ["../../mi/../mi/1.jpg", "/normal/2.jpg", "c:/normal/3.jpg", "mi\\..\\..\\4.jpg"]
    own = opened({**dict.fromkeys(astray, FAST), "normal/5.jpg": NORMAL})
    _, readings, _ = read(own)
    assert [reading.path for reading in readings] == ["normal/5.jpg"]
    assert [entry.path for entry in own.bad] == astray
    assert {entry.reason for entry in own.bad} == {"Its path leads out of the archive."}
    assert not list(tmp_path.rglob("*.jpg"))


def test_copies_are_found_and_count_once(monkeypatch):
    install(monkeypatch)
    files = {"train/mi/1.jpg": FAST, "test/mi/2.jpg": FAST, "test/normal/3.jpg": FAST}
    report, readings, groups = read(opened(files | {"train/normal/4.jpg": NORMAL}))
    said = " ".join(user_data.warnings(report))
    assert "different pictures among them: 1." in said
    assert "folders of several classes" in said
    assert "test, train" in said
    once = user_data.to_predictions(readings, user_data.VERDICT, groups, count_copies=False)
    every = user_data.to_predictions(readings, user_data.VERDICT, groups, count_copies=True)
    assert (len(once), len(every)) == (3, 4)
    # The fake models find an infarction everywhere.
    assert out_of_fold.summarize(once).accuracy.value == pytest.approx(1 / 3)
    assert out_of_fold.summarize(every).n_sessions == 2


def test_csv_has_a_row_for_every_file(monkeypatch):
    install(monkeypatch)
    own = opened({"mi/=1+1.jpg": FAST, "=mi/2.jpg": b"words", "other/3.jpg": NORMAL})
    _, readings, groups = read(own)
    rows = list(csv.DictReader(io.StringIO(user_data.to_csv(readings, own.bad, groups))))
    assert [row["status"] for row in rows] == ["read", "refused", "left_out"]
    assert rows[0]["verdict"] == "mi"
    assert float(rows[0]["cnn_mi"]) == pytest.approx(0.9)
    assert rows[1]["file"] == "'=mi/2.jpg"
    assert all("Not a medical device" in row["note"] for row in rows)


def test_checksum_of_an_entry_is_held():
    data = bytearray(packed({"mi/1.jpg": FAST}, zipfile.ZIP_STORED))
    wrong = struct.pack("<I", zlib.crc32(FAST) ^ 1)
    data = bytes(data).replace(struct.pack("<I", zlib.crc32(FAST)), wrong)
    own = user_data.open_archive(data, CLASSES)
    assert "damaged" in user_data.read_sheet(own, own.files[0]).refusal.message


def test_a_table_says_the_labels_of_the_files_that_it_names():
    table = b"File,Diagnosis\na.jpg,Myocardial infarction\nmi/b.jpg,normal\nd.jpg,pneumonia\n"
    own = opened(
        {"a.jpg": FAST, "mi/b.jpg": NORMAL, "mi/c.jpg": NORMAL, "d.jpg": NORMAL, "l.csv": table}
    )
    assert {file.path: file.label for file in own.files} == {
        "a.jpg": "mi",
        "mi/b.jpg": "normal",
        "mi/c.jpg": "mi",
    }
    assert [(bad.path, bad.reason) for bad in own.bad] == [
        ("d.jpg", "Its label pneumonia is no class that the models know.")
    ]


def test_a_table_without_the_two_columns_is_refused_with_what_it_has():
    with pytest.raises(Refusal) as caught:
        opened({"a.jpg": FAST, "l.csv": b"patient,sex\n1,f\n"})
    assert caught.value.code == "bad_labels"
    assert "patient, sex" in caught.value.message


def test_files_that_came_one_by_one_are_read_like_an_archive():
    alone = packed({"mi/1.jpg": FAST})
    assert user_data.pack([("my.zip", alone)]) == alone
    own = user_data.open_archive(
        user_data.pack([("mi/1.jpg", FAST), ("normal/2.jpg", NORMAL)]), CLASSES
    )
    assert [file.label for file in own.files] == ["mi", "normal"]
    assert user_data.file_content(own, "mi/1.jpg") == FAST


def test_sample_archive_holds_every_class_and_can_be_opened():
    own = user_data.open_archive(draw_sample_archive(), CLASSES)
    assert not own.bad
    assert {file.label for file in own.files} == set(CLASSES)
