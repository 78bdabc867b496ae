"""What a user may upload, and what comes of it."""

from __future__ import annotations

import io
import pickle
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from page_pictures import (
    HEIGHT,
    WIDTH,
    assert_is_the_page,
    drawn_page,
    gray_page,
    refusal_of,
    saved,
)
from paths import ROOT
from PIL import Image, ImageCms, ImageDraw

from ecgapp.errors import MAX_PIXELS, MAX_SIDE_PX, MAX_UPLOAD_BYTES, Refusal
from ecgapp.io.pages import read_page, size_check

FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP")
BEST_QUALITY: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 100, "subsampling": 0},
    "WEBP": {"lossless": True},
}


def tiff(
    values: NDArray[np.generic], photometric: int = 1, order: Literal["<", ">"] = "<"
) -> bytes:
    """An uncompressed one-strip TIFF of gray values of any type, which Pillow cannot write."""
    height, width = values.shape
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    entries = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, values.dtype.itemsize * 8),
        (259, 3, 1),
        (262, 3, photometric),
        (273, 4, 8),
        (277, 3, 1),
        (278, 4, height),
        (279, 4, values.nbytes),
        (339, 3, kind),
    ]
    body = values.astype(values.dtype.newbyteorder(order)).tobytes()
    directory = struct.pack(order + "H", len(entries))
    for tag, field_type, value in entries:
        packed = struct.pack(order + ("H2x" if field_type == 3 else "I"), value)
        directory += struct.pack(order + "HHI", tag, field_type, 1) + packed
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(body))
    return header + body + directory + struct.pack(order + "I", 0)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png_claiming(width: int, height: int) -> bytes:
    """A tiny PNG whose header claims a picture of any size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + data + png_chunk(b"IEND", b"")


def zipped(content: bytes, comment: bytes = b"") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("mi/1.png", content)
        archive.comment = comment
    return stream.getvalue()


class TestFormats:
    @pytest.mark.parametrize("file_format", FORMATS)
    def test_each_format_is_read_in_colour(self, file_format: str) -> None:
        page = read_page(saved(drawn_page(), file_format, **BEST_QUALITY.get(file_format, {})))
        assert page.file_format == file_format
        assert np.abs(page.rgb.astype(int) - np.asarray(drawn_page())).max() <= 3
        assert np.abs(page.gray.astype(int) - gray_page()).max() <= 3

    @pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "I;16"])
    def test_png_of_every_mode(self, mode: str) -> None:
        if mode == "I;16":
            image = Image.fromarray(gray_page().astype(np.uint16) * 257)
        elif mode == "1":
            image = drawn_page().convert("L").point(lambda value: 255 * (value > 128), "1")
        else:
            image = drawn_page().convert(mode)
        page = read_page(saved(image, "PNG"))
        expected = np.where(gray_page() > 128, 255, 0) if mode == "1" else gray_page()
        # A palette of web colours is coarse.
        assert np.abs(page.gray.astype(int) - expected).max() <= (45 if mode == "P" else 2)

    @pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "YCbCr"])
    @pytest.mark.parametrize("compression", [None, "tiff_lzw"])
    def test_tiff_of_every_mode(self, mode: str, compression: str | None) -> None:
        source = drawn_page().convert("L").point(lambda value: 255 * (value > 128))
        data = saved(source.convert("RGB").convert(mode), "TIFF", compression=compression)
        assert np.abs(read_page(data).gray.astype(int) - np.asarray(source)).max() <= 3

    def test_lab_tiff(self) -> None:
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        lab = ImageCms.profileToProfile(drawn_page(), *profiles, outputMode="LAB")
        assert lab is not None
        assert_is_the_page(saved(lab, "TIFF"), tolerance=8)

    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize(
        ("kind", "white"),
        [("u2", 65535), ("u2", 4095), ("u2", 255), ("i4", 65535), ("f4", 1), ("f4", 255)],
    )
    def test_deep_gray_tiff_at_any_usual_depth(
        self, kind: str, white: int, order: Literal["<", ">"]
    ) -> None:
        values = (gray_page() / 255 * white).round(0 if white > 1 else 6).astype(kind)
        assert_is_the_page(tiff(values, order=order))

    def test_unsigned_32_bit_tiff(self) -> None:
        assert_is_the_page(tiff(gray_page().astype(np.uint32) * 0x01010101))

    @pytest.mark.parametrize(("kind", "white"), [("u1", 255), ("u2", 65535), ("f4", 1.0)])
    def test_tiff_in_which_zero_is_white(self, kind: str, white: float) -> None:
        values = ((255 - gray_page().astype(float)) / 255 * white).astype(kind)
        assert_is_the_page(tiff(values, photometric=0))

    def test_signed_values_are_stretched(self) -> None:
        assert_is_the_page(tiff(gray_page().astype(np.int16) * 100 - 12_750))

    def test_16_bit_colour_png(self) -> None:
        rows = np.asarray(drawn_page()).astype(">u2") * 257
        lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rows)
        header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0)
        chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(lines))
        assert_is_the_page(b"\x89PNG\r\n\x1a\n" + chunks + png_chunk(b"IEND", b""))

    def test_adobe_cmyk_jpeg_is_not_a_negative(self) -> None:
        data = saved(drawn_page().convert("CMYK"), "JPEG", quality=100)
        assert b"Adobe" in data
        assert_is_the_page(data, tolerance=12)

    def test_phone_jpeg_with_a_picture_behind_it(self) -> None:
        thumbnail = Image.new("RGB", (WIDTH, HEIGHT), "gray")
        data = saved(drawn_page(), "MPO", save_all=True, append_images=[thumbnail], quality=100)
        assert read_page(data).file_format == "JPEG"
        assert_is_the_page(data, tolerance=20)


class TestTransparency:
    """Ink on a transparent ground is ink on white paper, not on black."""

    @pytest.mark.parametrize(
        ("file_format", "mode"),
        [("PNG", "RGBA"), ("PNG", "LA"), ("TIFF", "RGBA"), ("TIFF", "LA"), ("WEBP", "RGBA")],
    )
    def test_alpha(self, file_format: str, mode: str) -> None:
        ink = Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 0))
        ImageDraw.Draw(ink).rectangle((100, 50, 200, 150), fill=(0, 0, 0, 255))
        gray = read_page(saved(ink.convert(mode), file_format)).gray
        assert gray[0, 0] == 255
        assert gray[100, 150] == 0

    @pytest.mark.parametrize("alphas", [0, bytes([0, 255])])
    def test_palette(self, alphas: int | bytes) -> None:
        ink = Image.new("P", (WIDTH, HEIGHT), 0)
        ink.putpalette([0, 0, 0, 0, 0, 0])
        ImageDraw.Draw(ink).rectangle((100, 50, 200, 150), fill=1)
        gray = read_page(saved(ink, "PNG", transparency=alphas)).gray
        assert gray[0, 0] == 255
        assert gray[100, 150] == 0

    def test_one_transparent_gray_of_16_bits(self) -> None:
        values = np.full((HEIGHT, WIDTH), 7, np.uint16)
        values[50:150, 100:200] = 30_000
        gray = read_page(saved(Image.fromarray(values), "PNG", transparency=7)).gray
        assert gray[0, 0] == 255
        assert gray[100, 150] == round(30_000 / 257)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_comes_out_upright(file_format: str, orientation: int) -> None:
    # How a camera held that way stores the upright page.
    stored = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation](np.asarray(drawn_page()))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(stored))
    data = saved(image, file_format, exif=exif, **BEST_QUALITY.get(file_format, {}))
    assert_is_the_page(data, tolerance=4)


class TestRefusals:
    def test_no_bytes(self) -> None:
        assert refusal_of(b"").code == "empty_file"

    def test_too_many_bytes(self) -> None:
        refusal = refusal_of(saved(drawn_page(), "PNG") + bytes(MAX_UPLOAD_BYTES))
        assert refusal.code == "file_too_large"
        assert "20 MB" in refusal.message

    @pytest.mark.parametrize(
        ("data", "kind"),
        [
            (b"This is a letter about a patient.\n", "text"),
            (b"PK\x03\x04\x14\0\0\0", "Office"),
            (b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>', "SVG"),
            (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- x --><svg width="9"/>', "SVG"),
            (b"\x00\x01\x02\xff" * 50, "unknown"),
            (b"\0\0\0\x18ftypavif\0\0\0\0", "AVIF"),
        ],
    )
    def test_other_kinds_are_named(self, data: bytes, kind: str) -> None:
        refusal = refusal_of(data)
        assert refusal.code == "unknown_format"
        assert kind in refusal.message

    @pytest.mark.parametrize(
        ("data", "other"),
        [
            (saved(drawn_page(), "JPEG") + zipped(b"content"), "ZIP"),
            (saved(drawn_page(), "PNG") + zipped(b"content", b"a comment"), "ZIP"),
            (b"\xff\xd8\xff\xfe\0\x0c%PDF-1.7\n\0" + saved(drawn_page(), "JPEG")[2:], "PDF"),
            (b"BM<script>alert(1)</script>" + bytes(500), "web page"),
            (b"MZ" + bytes(126) + b"DICM" + bytes(500), "program"),
        ],
    )
    def test_a_file_that_is_two_things_at_once(self, data: bytes, other: str) -> None:
        refusal = refusal_of(data)
        assert refusal.code == "several_formats"
        assert other in refusal.message

    def test_formats_pillow_could_read_but_we_do_not_allow(self) -> None:
        for file_format in ("GIF", "PPM", "ICO", "TGA", "PCX"):
            assert refusal_of(saved(drawn_page(), file_format)).code == "unknown_format"

    @pytest.mark.parametrize("file_format", FORMATS)
    @pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9])
    def test_cut_files(self, file_format: str, share: float) -> None:
        data = saved(drawn_page().effect_spread(20), file_format)
        refusal = refusal_of(data[: int(len(data) * share)])
        assert refusal.code in ("truncated_file", "corrupt_file")

    @pytest.mark.parametrize("file_format", FORMATS)
    def test_a_file_cut_in_its_picture_is_called_incomplete(self, file_format: str) -> None:
        data = saved(drawn_page().effect_spread(20), file_format)
        assert refusal_of(data[: len(data) * 2 // 3]).code == "truncated_file"

    def test_damaged_data(self) -> None:
        data = bytearray(saved(drawn_page(), "PNG"))
        middle = data.index(b"IDAT") + 10
        data[middle : middle + 40] = b"\xff" * 40
        assert refusal_of(bytes(data)).code == "corrupt_file"

    @pytest.mark.parametrize("side", [8_000, 14_000, 60_000, 2**31 - 1])
    def test_bombs_are_refused_by_their_header(self, side: int) -> None:
        data = png_claiming(side, side)
        tracemalloc.start()
        refusal = refusal_of(data)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert refusal.code in ("too_many_pixels", "page_too_large")
        assert peak < 5e6

    def test_a_small_picture_of_huge_tiles(self) -> None:
        entries = [(256, 300), (257, 300), (258, 8), (259, 8), (262, 1), (277, 1), (322, 60_000)]
        entries += [(323, 60_000), (324, 200), (325, 100)]
        directory = struct.pack("<H", len(entries))
        for tag, value in entries:
            directory += struct.pack("<HHII", tag, 4, 1, value)
        data = b"II*\0" + struct.pack("<I", 8) + directory + bytes(400)
        assert refusal_of(data).code == "too_many_pixels"

    @pytest.mark.parametrize(
        ("size", "code"),
        [
            ((1, 1), "page_too_small"),
            ((3000, 40), "page_too_small"),
            ((MAX_SIDE_PX + 1, 200), "page_too_large"),
            ((8000, MAX_PIXELS // 8000 + 1), "too_many_pixels"),
        ],
    )
    def test_absurd_sizes(self, size: tuple[int, int], code: str) -> None:
        assert refusal_of(saved(Image.new("1", size), "PNG")).code == code

    def test_a_jpeg_of_thousands_of_scans_that_draw_nothing(self) -> None:
        data = saved(Image.new("L", (1600, 1200), 200), "JPEG", progressive=True)
        scan = data[data.rindex(b"\xff\xda") : -2]
        assert read_page(data[:-2] + 50 * scan + data[-2:]).gray.shape == (1200, 1600)
        start = time.thread_time()
        refusal = refusal_of(data[:-2] + 20_000 * scan + data[-2:])
        assert refusal.code == "too_complex"
        assert "100 scans" in refusal.message
        assert time.thread_time() - start < 1

    def test_marks_of_scans_that_are_none_do_not_count(self) -> None:
        marks = b"\xff\xda" * 5_000
        comment = b"\xff\xfe" + (len(marks) + 2).to_bytes(2, "big") + marks
        data = saved(Image.new("L", (400, 300), 200), "JPEG")
        assert read_page(data[:2] + comment + data[2:] + marks).gray.shape == (300, 400)

    @pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
    def test_animations(self, file_format: str) -> None:
        second = Image.new("RGB", (WIDTH, HEIGHT), "gray")
        data = saved(drawn_page(), file_format, save_all=True, append_images=[second])
        assert refusal_of(data).code == "multiple_pages"

    def test_a_float_tiff_of_no_numbers(self) -> None:
        assert refusal_of(tiff(np.full((300, 300), np.nan, np.float32))).code == "corrupt_file"

    def test_a_refusal_survives_another_process(self) -> None:
        refusal = pickle.loads(pickle.dumps(refusal_of(b"")))
        assert (refusal.code, refusal.step, str(refusal)) == (
            "empty_file",
            "Upload",
            refusal.message,
        )


def test_reading_pages_leaves_the_warnings_of_the_process_alone() -> None:
    script = (
        "import warnings, ecgapp.io.pages; "
        "assert not [one for one in warnings.filters if 'Bomb' in str(one[2])]"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


def test_nothing_is_written_to_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*arguments: object, **options: object) -> None:
        raise AssertionError("a file was opened")

    files = [saved(drawn_page(), file_format) for file_format in FORMATS] + [
        b"text",
        b"\xff\xd8\xff",
    ]
    monkeypatch.setattr("builtins.open", forbidden)
    monkeypatch.setattr("os.open", forbidden)
    for data in files:
        try:
            read_page(data)
        except Refusal:
            continue


class TestSizeCheck:
    @pytest.mark.parametrize(
        ("size", "passed"),
        [((2213, 1572), True), ((2233, 1552), True), ((2234, 1572), False), ((1572, 2213), False)],
    )
    def test_dimensions_of_the_known_sheets(self, size: tuple[int, int], passed: bool) -> None:
        step = size_check(read_page(saved(Image.new("L", size, 255), "PNG")))
        assert step.passed is passed
        assert f"{size[0]} x {size[1]} px" in step.found
        assert "2213 x 1572 px" in step.expected


def _valid_files() -> list[bytes]:
    page = drawn_page().resize((220, 200))
    files = [saved(page, file_format) for file_format in FORMATS]
    files += [saved(page.convert("P"), "PNG"), saved(page.convert("LA"), "PNG")]
    files += [saved(page, "TIFF", compression="tiff_lzw"), saved(page, "JPEG", progressive=True)]
    files += [saved(page, "TIFF", compression="jpeg"), saved(page.convert("CMYK"), "JPEG")]
    files += [tiff(np.asarray(page.convert("L")).astype(np.float32))]
    return files


VALID_FILES = _valid_files()


@st.composite
def mutated_files(draw: Callable[[st.SearchStrategy[int]], int]) -> bytes:
    data = bytearray(draw(st.sampled_from(VALID_FILES)))
    # Headers and directories are where a changed byte leads furthest.
    near_ends = st.one_of(st.integers(0, 400), st.integers(-400, -1), st.integers(0, 10**6))
    for _ in range(draw(st.integers(1, 8))):
        data[draw(near_ends) % len(data)] = draw(st.integers(0, 255))
    if draw(st.booleans()):
        del data[draw(st.integers(1, len(data))) :]
    return bytes(data)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated_files() | st.binary(max_size=300))
@pytest.mark.filterwarnings("ignore")
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        page = read_page(data)
    except Refusal:
        return
    assert page.rgb.shape == (*page.gray.shape, 3)
    assert page.gray.size <= MAX_PIXELS
