"""What an audit of a folder of labelled sheets finds, and what it must not claim."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from paths import DATA
from PIL import Image

from ecgapp.cli.main import main
from ecgapp.datasets import audit as audit_module
from ecgapp.datasets.audit import audit
from ecgapp.datasets.similarity import MIN_SIMILARITY, ink_print
from ecgapp.errors import Refusal
from ecgapp.io.pages import PageImage, read_page
from ecgapp.synthesis.samples import draw_sample

pytestmark = pytest.mark.slow

SHEETS = DATA / "khan" / "sheets"
WIDTH, HEIGHT = 1107, 786


FIND_LAYOUT = audit_module.locate


@pytest.fixture(autouse=True)
def no_layouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Find no leads: that takes longer than the rest of an audit, and one test is about it."""

    def refuse(page: PageImage) -> None:
        raise Refusal("not_an_ecg", "Finding the leads", "not tried here.")

    monkeypatch.setattr(audit_module, "locate", refuse)


def sheet(seed: int) -> NDArray[np.uint8]:
    """A page of one template (header, grid, lead names); the seed sets where the beats are."""
    rng = np.random.default_rng(seed)
    page = np.full((HEIGHT, WIDTH), 255, np.uint8)
    page[::20] = page[:, ::20] = 225
    cv2.putText(page, "Hospital  Name  10 mm/mV  25 mm/s", (40, 60), 0, 1, 0, 2)
    beat_px, first_px = rng.uniform(45, 90), rng.uniform(0, 60)
    x = np.arange(60, WIDTH - 40)
    for row in range(4):
        phase = np.mod(x - first_px, beat_px) - 20
        amplitude_px = rng.uniform(20, 60)
        curve = amplitude_px * np.exp(-(phase**2) / 8) + 8 * np.exp(-((phase - 16) ** 2) / 40)
        y = 200 + 145 * row - curve + rng.normal(0, 0.5, x.size)
        points = np.stack([x, y], axis=1).round().astype(np.int32)
        cv2.polylines(page, [points], isClosed=False, color=0, thickness=2)
        cv2.putText(page, "II", (62, 180 + 145 * row), 0, 0.7, 0, 2)
    return page


def encoded(page: NDArray[np.uint8], file_format: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(page).save(stream, file_format, **options)
    return stream.getvalue()


def scaled(page: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    size = round(page.shape[1] * factor), round(page.shape[0] * factor)
    return np.asarray(cv2.resize(page, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def fill(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def write_manifest(folder: Path, rows: list[dict[str, object]]) -> None:
    with (folder / "manifest.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_clean_folder(tmp_path: Path) -> None:
    fill(tmp_path, {f"{label}/{i}.png": encoded(sheet(i)) for i, label in enumerate("aabbb")})
    report = audit(tmp_path)
    assert report.classes() == {"a": (2, 2), "b": (3, 3)}
    assert report.sizes() == {(WIDTH, HEIGHT): 5}
    assert report.formats() == {"PNG": 5}
    assert not report.leaks
    assert report.exact_duplicates == ()
    assert report.near_duplicates == ()
    assert report.label_conflicts == ()
    assert "No split to check" in report.to_text()


def test_layouts_are_found_on_the_sheets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_module, "locate", FIND_LAYOUT)
    fill(tmp_path, {"a/0.jpg": draw_sample("Normal rhythm"), "a/1.png": encoded(sheet(0))})
    fill(tmp_path, {"b/2.jpg": draw_sample("Irregular rhythm, six rows"), "b/3.png": b"x"})
    assert audit(tmp_path).layouts() == {"a": {"3x4": 1, "not found": 1}, "b": {"6x2": 1}}


def test_unreadable_files_are_named_with_their_reason(tmp_path: Path) -> None:
    good = encoded(sheet(0))
    fill(tmp_path, {"a/good.png": good, "a/cut.png": good[:5000], "b/note.jpg": b"see file"})
    report = audit(tmp_path)
    assert {file.path: file.refusal_code for file in report.unreadable} == {
        "a/cut.png": "truncated_file",
        "b/note.jpg": "unknown_format",
    }
    assert "a/cut.png: Decoding" in report.to_text()


def test_hidden_files_and_files_of_no_class_are_left_out(tmp_path: Path) -> None:
    fill(tmp_path, {"README.md": b"x", "a/.DS_Store": b"x", ".git/x": b"x", "a/1.png": b"x"})
    assert [file.path for file in audit(tmp_path).files] == ["a/1.png"]


class TestCopies:
    def test_exact_copies_within_a_class(self, tmp_path: Path) -> None:
        page = encoded(sheet(1))
        fill(tmp_path, {"mi/1.png": page, "mi/2.png": page, "mi/3.png": encoded(sheet(2))})
        report = audit(tmp_path)
        assert report.exact_duplicates == (("mi/1.png", "mi/2.png"),)
        assert report.classes() == {"mi": (3, 2)}
        assert not report.label_conflicts
        assert not report.leaks

    def test_same_content_under_two_labels(self, tmp_path: Path) -> None:
        page = encoded(sheet(1))
        fill(tmp_path, {"mi/1.png": page, "history_of_mi/9.png": page})
        (conflict,) = audit(tmp_path).label_conflicts
        assert conflict.parts == ("history_of_mi", "mi")
        assert set(conflict.files) == {"mi/1.png", "history_of_mi/9.png"}

    def test_changed_copies(self, tmp_path: Path) -> None:
        pages = {name: sheet(k) for k, name in enumerate(("jpeg", "smaller", "brighter", "pixel"))}
        dot = np.indices((HEIGHT, WIDTH)).sum(0) == 9
        copies = {
            "jpeg": encoded(pages["jpeg"], "JPEG", quality=60),
            "smaller": encoded(scaled(pages["smaller"], 0.8)),
            "brighter": encoded((pages["brighter"] * 0.8 + 40).astype(np.uint8)),
            "pixel": encoded(np.where(dot, 0, pages["pixel"]).astype("u1")),
        }
        fill(tmp_path, {f"a/{name}": encoded(page) for name, page in pages.items()})
        fill(tmp_path, {f"a/{name} copy": copy for name, copy in copies.items()})
        fill(tmp_path, {f"a/{seed}.png": encoded(sheet(seed)) for seed in (10, 11)})
        found = {frozenset((pair.first, pair.second)) for pair in audit(tmp_path).near_duplicates}
        assert found == {frozenset((f"a/{name}", f"a/{name} copy")) for name in copies}

    def test_empty_pages_are_not_copies_of_each_other(self, tmp_path: Path) -> None:
        blank = np.full((HEIGHT, WIDTH), 255, np.uint8)
        fill(tmp_path, {"a/1.png": encoded(blank), "a/2.png": encoded(blank - 5)})
        assert not audit(tmp_path).near_duplicates


class TestLeaks:
    @pytest.mark.parametrize(("train", "test"), [("train", "test"), ("Training", "val")])
    def test_copies_across_split_folders(self, tmp_path: Path, train: str, test: str) -> None:
        page = sheet(1)
        fill(
            tmp_path,
            {
                f"{train}/mi/1.png": encoded(page),
                f"{test}/mi/2.png": encoded(page),
                f"{test}/mi/3.jpg": encoded(page, "JPEG"),
                f"{test}/mi/4.png": encoded(sheet(2)),
            },
        )
        report = audit(tmp_path)
        assert report.leaks
        (leak,) = report.split_leaks
        assert set(leak.parts) == {train, test}
        assert len(leak.files) == 3
        assert not report.label_conflicts

    def test_copies_on_one_side_only_are_no_leak(self, tmp_path: Path) -> None:
        page = encoded(sheet(1))
        fill(
            tmp_path,
            {"train/a/1.png": page, "train/a/2.png": page, "test/a/3.png": encoded(sheet(2))},
        )
        report = audit(tmp_path)
        assert report.exact_duplicates
        assert not report.leaks
        assert report.splits() == {"test": {"a": 1}, "train": {"a": 2}}

    def test_session_in_two_folds_of_the_manifest(self, tmp_path: Path) -> None:
        fill(tmp_path, {f"a/{i}.png": encoded(sheet(i)) for i in range(3)})
        rows = [
            {"file": "a/0.webp", "label": "a", "session": 7, "fold": 0},
            {"file": "a/1.webp", "label": "a", "session": 7, "fold": 3},
            {"file": "a/2.webp", "label": "a", "session": 8, "fold": 3},
        ]
        write_manifest(tmp_path, rows)
        (leak,) = audit(tmp_path).fold_leaks
        assert (leak.what, leak.parts) == ("session 7", ("fold 0", "fold 3"))

    def test_session_in_two_split_folders(self, tmp_path: Path) -> None:
        fill(tmp_path, {"train/a/0.png": encoded(sheet(0)), "test/a/1.png": encoded(sheet(1))})
        write_manifest(
            tmp_path, [{"file": "a/0.png", "session": 7}, {"file": "a/1.png", "session": 7}]
        )
        (leak,) = audit(tmp_path).split_leaks
        assert (leak.what, leak.parts) == ("session 7", ("test", "train"))

    def test_copies_in_two_folds(self, tmp_path: Path) -> None:
        fill(tmp_path, {"a/0.png": encoded(sheet(0)), "a/1.jpg": encoded(sheet(0), "JPEG")})
        write_manifest(tmp_path, [{"file": "a/0.png", "fold": 0}, {"file": "a/1.jpg", "fold": 1}])
        (leak,) = audit(tmp_path).fold_leaks
        assert leak.what == "content"


class TestManifest:
    def test_how_it_fits_the_folder(self, tmp_path: Path) -> None:
        fill(tmp_path, {"a/0.png": encoded(sheet(0)), "a/1.png": encoded(sheet(1))})
        write_manifest(
            tmp_path,
            [{"file": "a/0.png", "label": "b"}, {"file": "a/gone.png", "label": "a"}],
        )
        report = audit(tmp_path)
        assert report.manifest is not None
        assert report.manifest.without_file == ("a/gone.png",)
        assert report.manifest.unlisted == ("a/1.png",)
        (conflict,) = report.label_conflicts
        assert conflict.parts == ("a", "b")

    def test_it_may_lie_beside_the_folder(self, tmp_path: Path) -> None:
        fill(tmp_path / "sheets", {"a/0.png": encoded(sheet(0))})
        row = {"file": "a/0.webp", "label": "a", "layout": "other", "copies_in_v2": 8}
        write_manifest(tmp_path, [row])
        manifest = audit(tmp_path / "sheets").manifest
        assert manifest is not None
        assert manifest.copies_in_v2 == {"a": {8: 1}}
        assert manifest.version_2() == {"a": (8, 1)}
        assert manifest.layouts == {"a": {"other": 1}}

    def test_sizes_of_its_sessions_are_counted(self, tmp_path: Path) -> None:
        fill(tmp_path, {"a/0.png": encoded(sheet(0))})
        rows = [{"file": f"a/{i}.png", "session": i // 2} for i in range(5)]
        write_manifest(tmp_path, rows)
        manifest = audit(tmp_path).manifest
        assert manifest is not None
        assert manifest.session_sizes == {1: 1, 2: 2}

    @pytest.mark.parametrize("text", ["name,label\nx,y\n", "file,copies_in_v2\na/0.png,many\n"])
    def test_one_that_makes_no_sense_is_refused(self, tmp_path: Path, text: str) -> None:
        fill(tmp_path, {"a/0.png": encoded(sheet(0)), "manifest.csv": text.encode()})
        with pytest.raises(Refusal, match=r"Manifest: manifest\.csv"):
            audit(tmp_path)


class TestCommand:
    def test_exit_status_tells_of_leaks(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        page = encoded(sheet(0))
        fill(tmp_path, {"train/a/1.png": page, "val/a/2.png": encoded(sheet(1))})
        assert main(["audit", str(tmp_path)]) == 0
        fill(tmp_path, {"test/a/1.png": page})
        assert main(["audit", str(tmp_path)]) == 1
        assert "LEAK" in capsys.readouterr().out

    def test_json_is_the_whole_report(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        page = encoded(sheet(0))
        fill(tmp_path, {"train/a/1.png": page, "test/b/2.png": page, "test/b/3.png": b"x"})
        assert main(["audit", str(tmp_path), "--json"]) == 1
        report = json.loads(capsys.readouterr().out)
        assert report["leaks"] is True
        assert report["classes"]["b"] == {"files": 2, "different_images": 2}
        assert report["exact_duplicates"] == [["test/b/2.png", "train/a/1.png"]]
        assert report["label_conflicts"][0]["in"] == ["a", "b"]
        assert report["unreadable"][0]["code"] == "unknown_format"
        assert report["manifest"] is None

    def test_wrong_usage(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        for arguments in (["audit"], ["audit", str(tmp_path / "nowhere")], []):
            with pytest.raises(SystemExit) as caught:
                main(arguments)
            assert caught.value.code == 2
        assert main(["audit", str(tmp_path)]) == 2
        assert "no subfolder" in capsys.readouterr().err

    def test_it_can_be_stopped(self, tmp_path: Path) -> None:
        fill(tmp_path, {f"a/{i}.png": encoded(sheet(0)) for i in range(30)})
        seen = []

        def stop(done: int, total: int) -> None:
            seen.append(total)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            audit(tmp_path, stop)
        assert seen == [30]


@pytest.mark.skipif(not SHEETS.is_dir(), reason="the public data set is not here")
class TestPublicSheets:
    def test_version_2_is_mostly_copies(self, tmp_path: Path) -> None:
        """The multiplicities of the release that most published results use."""
        fill(tmp_path / "sheets", {"a/0.png": encoded(sheet(0))})
        shutil.copy(SHEETS.parent / "manifest.csv", tmp_path)
        report = audit(tmp_path / "sheets")
        assert report.manifest is not None
        assert report.manifest.version_2() == {
            "abnormal_heartbeat": (187, 187),
            "history_of_mi": (144, 69),
            "mi": (191, 24),
            "normal": (232, 116),
        }
        assert not report.leaks

    def test_sheets_of_one_template_are_not_copies(self) -> None:
        paths = sorted((SHEETS / "mi").iterdir())
        pages = [read_page(path.read_bytes()).gray for path in paths]
        prints = np.stack([ink_print(page) for page in pages]).astype(np.float32)
        copies = [ink_print(scaled(page, 0.6)) for page in pages[:10]]
        others = prints @ prints.T - 2 * np.eye(len(prints))
        assert others.max() < MIN_SIMILARITY - 0.05
        own = (prints[:10] * np.stack(copies)).sum(axis=1)
        assert own.min() > MIN_SIMILARITY + 0.03
