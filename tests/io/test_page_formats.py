"""Files of other kinds than pictures: what comes of PDF, multi-page TIFF, HEIC and DICOM."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import inline_readers
import numpy as np
import pillow_heif
import pypdfium2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
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
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    UID,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from ecgapp.errors import MAX_PAGES, MAX_PIXELS, MAX_SIDE_PX, Refusal, time_limit
from ecgapp.io.decoders import isolation
from ecgapp.io.decoders.isolation import read_isolated
from ecgapp.io.pages import PageImage, read_page, read_pages

pillow_heif.register_heif_opener()


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    inline_readers.install(monkeypatch)


def shades(level: int) -> Image.Image:
    return Image.new("RGB", (WIDTH, HEIGHT), (level, level, level))


# --------------------------------------------------------------------------------------------- PDF


def pdf(
    content: bytes,
    page: bytes = b"/MediaBox[0 0 720 504]",
    objects: tuple[bytes, ...] = (),
    filters: bytes = b"",
    trailer: bytes = b"",
) -> bytes:
    """A document of one page, written out by hand; further objects are numbered from 5."""
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/Contents 4 0 R" + page + b">>",
        b"<</Length %d%s>>stream\n%s\nendstream" % (len(content), filters, content),
        *objects,
    ]
    data = b"%PDF-1.7\n"
    starts = []
    for number, body in enumerate(bodies, start=1):
        starts.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    n_entries = len(bodies) + 1
    return data + b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R%s>>\n" % (
        n_entries, table, n_entries, trailer,
    ) + b"startxref\n%d\n%%%%EOF\n" % len(data)  # fmt: skip


def blank_pdf(*sizes: tuple[float, float]) -> bytes:
    """A document of empty pages of these sizes in points."""
    document = pypdfium2.PdfDocument.new()
    for size in sizes:
        document.new_page(*size)
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


class TestPdf:
    @pytest.mark.parametrize("dpi", [72, 200, 300])
    def test_a_scan_keeps_its_pixels_whatever_size_it_claims(self, dpi: int) -> None:
        ink = drawn_page().resize((2213, 1572)).convert("1")
        page = read_page(saved(ink, "PDF", resolution=dpi))
        assert page.file_format == "PDF"
        assert np.array_equal(page.gray, np.asarray(ink.convert("L")))

    def test_a_scan_in_colour(self) -> None:
        scan = Image.open(io.BytesIO(saved(drawn_page(), "JPEG", quality=95)))
        rgb = read_page(saved(scan, "PDF", quality=95)).rgb
        assert np.abs(rgb.astype(int) - np.asarray(scan)).mean() < 1

    def test_a_drawing_has_200_dots_an_inch(self) -> None:
        # Lines an inch from the left and two from the top of a page of 10 x 7 inches.
        page = read_page(pdf(b"2 w 72 0 m 72 504 l S 0 360 m 720 360 l S"))
        assert page.gray.shape == (1400, 2000)
        assert np.median(np.flatnonzero(page.gray[100] < 128)) == pytest.approx(199.5, abs=0.5)
        assert np.median(np.flatnonzero(page.gray[:, 1000] < 128)) == pytest.approx(399.5, abs=0.5)

    def test_a_drawing_on_a_coarse_ground_is_no_scan(self) -> None:
        ground = b"<</Type/XObject/Subtype/Image/Width 2/Height 2/BitsPerComponent 8" + (
            b"/ColorSpace/DeviceGray/Length 4>>stream\n\xff\xf0\xf0\xff\nendstream"
        )
        page = b"/MediaBox[0 0 720 504]/Resources<</XObject<</G 5 0 R>>>>"
        drawing = b"q 720 0 0 504 0 0 cm /G Do Q 2 w 72 0 m 72 504 l S"
        assert read_page(pdf(drawing, page, (ground,))).gray.shape == (1400, 2000)

    def test_a_turned_page_comes_out_as_viewers_show_it(self) -> None:
        content = b"0 0 72 72 re f"  # at the bottom left
        gray = read_page(pdf(content, b"/MediaBox[0 0 720 504]/Rotate 90")).gray
        assert gray.shape == (2000, 1400)
        assert gray[100, 100] < 128 < gray[-100, 100]

    def test_pages_come_in_their_order(self) -> None:
        data = saved(shades(10), "PDF", save_all=True, append_images=[shades(90), shades(170)])
        levels = [int(np.median(page.gray)) for page in read_pages(data)]
        assert levels == pytest.approx([10, 90, 170], abs=3)

    def test_no_page_is_drawn_before_it_is_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[int] = []

        def watched(reader: str, data: bytes, index: int) -> isolation.Answer:
            asked.append(index)
            return read_isolated(reader, data, index)

        monkeypatch.setattr(isolation, "read_isolated", watched)
        found = read_pages(blank_pdf((720, 504), (720, 504)))
        next(found)
        assert asked == [0]
        next(found)
        assert asked == [0, 1]

    @pytest.mark.parametrize("size", [(28_346, 20_000), (28_346, 1_000)])
    def test_a_page_of_ten_metres_is_drawn_at_fewer_dots(
        self, size: tuple[float, float], inline: None
    ) -> None:
        height, width = read_page(blank_pdf(size)).gray.shape
        assert height * width <= MAX_PIXELS
        assert max(height, width) <= MAX_SIDE_PX
        assert max(height, width) >= 6_000
        assert width / height == pytest.approx(size[0] / size[1], rel=0.01)

    @pytest.mark.parametrize("size", [(50, 50), (28_346, 50)])
    def test_a_page_too_small_to_show_a_sheet(
        self, size: tuple[float, float], inline: None
    ) -> None:
        assert refusal_of(blank_pdf(size)).code == "page_too_small"

    def test_a_password_is_named(self, inline: None) -> None:
        lock = b"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>/ID[<00><00>]" % (
            b"11" * 32, b"22" * 32,
        )  # fmt: skip
        refusal = refusal_of(pdf(b"", trailer=lock))
        assert refusal.code == "encrypted_file"
        assert "password" in refusal.message

    def test_a_document_without_pages(self) -> None:
        assert refusal_of(blank_pdf()).code == "no_picture"

    def test_a_page_that_is_too_small_hides_none_behind_it(self, inline: None) -> None:
        for sizes in ([(720, 504), (50, 50), (720, 504)], [(50, 50), (720, 504)]):
            found = list(read_pages(blank_pdf(*sizes)))
            codes = [page.code if isinstance(page, Refusal) else page.number for page in found]
            assert codes == [
                "page_too_small" if size == (50, 50) else number
                for number, size in enumerate(sizes, start=1)
            ]

    def test_too_many_pages(self, inline: None) -> None:
        assert len(list(read_pages(blank_pdf(*[(100, 100)] * MAX_PAGES)))) == MAX_PAGES
        refusal = refusal_of(blank_pdf(*[(100, 100)] * (MAX_PAGES + 1)))
        assert refusal.code == "too_many_pages"
        assert str(MAX_PAGES) in refusal.message

    @pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
    def test_cut_documents(self, share: float, inline: None) -> None:
        data = saved(drawn_page(), "PDF")
        assert refusal_of(data[: int(len(data) * share)]).code == "truncated_file"

    def test_what_only_begins_like_a_document(self, inline: None) -> None:
        assert refusal_of(b"%PDF-1.7\n" + bytes(2000) + b"%%EOF").code == "corrupt_file"


class TestBounds:
    """What a document asks for beyond all measure ends its process, and nothing else."""

    def test_memory(self) -> None:
        packer = zlib.compressobj(9)
        start = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
        megabyte = packer.compress(b" " * 10**6) + packer.flush(zlib.Z_FULL_FLUSH)
        bomb = start + 4000 * megabyte + packer.flush()
        assert refusal_of(pdf(bomb, filters=b"/Filter/FlateDecode")).code == "too_complex"

    def test_time(self) -> None:
        tile = b"<</Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 1 1]" + (
            b"/XStep 0.001/YStep 0.001/Resources<<>>/Length 11>>stream\n0 0 1 1 re f\nendstream"
        )
        page = b"/MediaBox[0 0 720 504]/Resources<</Pattern<</P 5 0 R>>>>"
        start = time.perf_counter()
        with time_limit(1):
            refusal = refusal_of(pdf(b"/Pattern cs /P scn 0 0 720 504 re f", page, (tile,)))
        assert refusal.code == "too_complex"
        assert time.perf_counter() - start < 5

    def test_all_pages_share_the_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        limits_s: list[float] = []

        def slow(reader: str, data: bytes, index: int, limit_s: float) -> bytes:
            limits_s.append(limit_s)
            time.sleep(0.05)
            facts = {"mode": "L", "size": [200, 200], "n_pages": 3}
            return json.dumps(facts).encode() + b"\n" + bytes(40_000)

        monkeypatch.setattr(isolation, "_run_child", slow)
        with time_limit(10):
            list(read_pages(b"%PDF"))
        assert limits_s[0] > limits_s[1] + 0.04 > limits_s[2] + 0.08

    def test_no_page_is_read_when_the_time_is_over(self) -> None:
        with time_limit(0):
            for data in (blank_pdf((720, 504)), saved(drawn_page(), "TIFF")):
                assert refusal_of(data).code == "too_complex"

    def test_our_own_mistakes_are_loud(self) -> None:
        with pytest.raises(RuntimeError, match="KeyError"):
            read_isolated("no such reader", b"", 0)

    def test_the_process_that_serves_loads_no_reader(self) -> None:
        script = (
            "import sys; from ecgapp.io.pages import read_page\n"
            "data = sys.stdin.buffer.read(); read_page(data)\n"
            "unwanted = {'pypdfium2', 'pi_heif', 'pydicom', 'ecgapp.io.decoders.child'}\n"
            "print(*sorted(unwanted & set(sys.modules)))"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            input=saved(drawn_page(), "PDF"),
            capture_output=True,
            check=True,
        )
        assert done.stdout.split() == []


# -------------------------------------------------------------------------------------------- TIFF


class TestTiff:
    @staticmethod
    def of(*levels: int) -> bytes:
        first, *others = map(shades, levels)
        return saved(first, "TIFF", save_all=True, append_images=others, compression="tiff_lzw")

    def test_pages_come_in_their_order(self) -> None:
        levels = (10, 90, 170)
        assert [int(page.gray[0, 0]) for page in read_pages(self.of(*levels))] == list(levels)

    def test_each_page_has_its_own_size_and_turn(self) -> None:
        data = saved(
            drawn_page(), "TIFF", save_all=True, append_images=[drawn_page().resize((720, 480))]
        )
        assert [page.gray.shape for page in read_pages(data)] == [(HEIGHT, WIDTH), (480, 720)]

    def test_too_many_pages(self) -> None:
        assert len(list(read_pages(self.of(*range(MAX_PAGES))))) == MAX_PAGES
        assert refusal_of(self.of(*range(MAX_PAGES + 1))).code == "too_many_pages"

    def test_a_page_that_is_too_small_hides_none_behind_it(self) -> None:
        small = Image.new("RGB", (50, 50))
        for pages in ([drawn_page(), small, drawn_page()], [small, drawn_page()]):
            data = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
            for page, found in zip(pages, read_pages(data), strict=True):
                if page is small:
                    assert isinstance(found, Refusal)
                    assert found.code == "page_too_small"
                else:
                    assert isinstance(found, PageImage)
                    assert found.gray.shape == (HEIGHT, WIDTH)
                    assert found.n_pages == len(pages)


# -------------------------------------------------------------------------------------------- HEIC


class TestHeic:
    def test_a_photograph_in_colour(self) -> None:
        data = saved(drawn_page(), "HEIF", quality=-1, chroma=444)
        assert read_page(data).file_format == "HEIC"
        assert_is_the_page(data, tolerance=4)

    def test_a_photograph_in_tiles_as_phones_write_it(self, inline: None) -> None:
        data = saved(drawn_page(), "HEIF", quality=-1, chroma=444, tile_size=128)
        assert_is_the_page(data, tolerance=4)

    @pytest.mark.parametrize(("orientation", "turn"), [(1, 0), (3, 2), (6, 1), (8, 3)])
    def test_orientation_comes_out_upright_once(
        self, orientation: int, turn: int, inline: None
    ) -> None:
        stored = Image.fromarray(np.ascontiguousarray(np.rot90(np.asarray(drawn_page()), turn)))
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = saved(stored, "HEIF", quality=-1, chroma=444, exif=exif.tobytes())
        assert_is_the_page(data, tolerance=4)

    def test_transparent_is_white_paper(self, inline: None) -> None:
        ink = Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 0))
        ink.paste((0, 0, 0, 255), (100, 50, 200, 150))
        gray = read_page(saved(ink, "HEIF", quality=-1)).gray
        assert gray[10, 10] == 255
        assert gray[100, 150] == 0

    @pytest.mark.parametrize("share", [0.3, 0.6, 0.99])
    def test_cut_files(self, share: float, inline: None) -> None:
        data = saved(drawn_page(), "HEIF")
        assert refusal_of(data[: int(len(data) * share)]).code == "truncated_file"

    def test_damaged_data(self, inline: None) -> None:
        data = bytearray(saved(drawn_page(), "HEIF"))
        start = data.index(b"mdat") + 4
        data[start:] = bytes(len(data) - start)
        assert refusal_of(bytes(data)).code == "corrupt_file"

    @pytest.mark.parametrize("side", [15_000, 60_000, 2**31 - 1])
    def test_a_giant_size_is_refused_by_the_header(self, side: int) -> None:
        data = bytearray(saved(drawn_page(), "HEIF"))
        start = data.index(b"ispe") + 8
        data[start : start + 8] = side.to_bytes(4, "big") * 2
        assert refusal_of(bytes(data)).code in ("too_many_pixels", "page_too_large", "corrupt_file")


# ------------------------------------------------------------------------------------------- DICOM


def dicom(
    syntax: UID = ExplicitVRLittleEndian,
    sop_class: UID = SecondaryCaptureImageStorage,
    **elements: Any,
) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, generate_uid()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset


def dicom_picture(values: np.ndarray[Any, Any], photometric: str, **elements: Any) -> Dataset:
    """An image object of values of shape ([frames,] rows, columns[, 3])."""
    colours = photometric.startswith(("RGB", "YBR"))
    rows, columns = values.shape[-3:-1] if colours else values.shape[-2:]
    frames = {"NumberOfFrames": len(values)} if values.ndim == 3 + colours else {}
    bits = values.itemsize * 8
    described = {
        "Rows": rows,
        "Columns": columns,
        "SamplesPerPixel": 3 if colours else 1,
        "PhotometricInterpretation": photometric,
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": 0,
        **({"PlanarConfiguration": 0} if colours else {}),
        **frames,
        "PixelData": values.tobytes(),
    }
    return dicom(**{**described, **elements})


def written(dataset: Dataset) -> bytes:
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def colour_page() -> np.ndarray[Any, Any]:
    return np.asarray(drawn_page())


@pytest.mark.usefixtures("inline")
class TestDicomPicture:
    @pytest.mark.parametrize(
        ("levels", "photometric", "elements"),
        [
            (lambda: gray_page(), "MONOCHROME2", {}),
            (lambda: 255 - gray_page(), "MONOCHROME1", {}),
            (lambda: gray_page().astype(np.uint16) * 16, "MONOCHROME2", {}),
            (lambda: gray_page().astype(np.uint16) * 257, "MONOCHROME2", {}),
            (
                lambda: gray_page().astype(np.uint16) + 1000,
                "MONOCHROME2",
                {"WindowCenter": "128", "WindowWidth": "256", "RescaleIntercept": "-1000",
                 "RescaleSlope": "1"},
            ),
            (colour_page, "RGB", {}),
            (
                lambda: np.moveaxis(colour_page(), 2, 0).reshape(HEIGHT, WIDTH, 3),
                "RGB",
                {"PlanarConfiguration": 1},
            ),
            (lambda: np.asarray(drawn_page().convert("YCbCr")), "YBR_FULL", {}),
        ],
    )  # fmt: skip
    def test_every_kind_of_shades(
        self,
        levels: Callable[[], np.ndarray[Any, Any]],
        photometric: str,
        elements: dict[str, Any],
    ) -> None:
        data = written(dicom_picture(levels(), photometric, **elements))
        assert read_page(data).file_format == "DICOM"
        assert_is_the_page(data, tolerance=3)

    def test_palette(self) -> None:
        table = (np.arange(256, dtype=np.uint16)[::-1] * 257).tobytes()
        colours = {}
        for name in ("Red", "Green", "Blue"):
            colours[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
            colours[f"{name}PaletteColorLookupTableData"] = table
        assert_is_the_page(written(dicom_picture(255 - gray_page(), "PALETTE COLOR", **colours)))

    @pytest.mark.parametrize(
        ("syntax", "file_format", "options"),
        [
            (JPEGBaseline8Bit, "JPEG", {"quality": 100, "subsampling": 0}),
            (JPEG2000Lossless, "JPEG2000", {"no_jp2": True, "mct": 0}),
            (JPEG2000, "JPEG2000", {"no_jp2": True, "mct": 0, "irreversible": True}),
        ],
    )
    def test_compressed(self, syntax: UID, file_format: str, options: dict[str, Any]) -> None:
        frame = saved(drawn_page(), file_format, **options)
        dataset = dicom_picture(colour_page(), "RGB", PixelData=encapsulate([frame]))
        if syntax == JPEGBaseline8Bit:
            dataset.PhotometricInterpretation = "YBR_FULL"
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = syntax
        assert_is_the_page(written(dataset), tolerance=6)

    def test_run_length_compressed(self) -> None:
        dataset = dicom_picture(colour_page(), "RGB")
        dataset.compress(RLELossless, generate_instance_uid=False)
        assert_is_the_page(written(dataset))

    def test_a_compression_that_cannot_be_read_is_named(self) -> None:
        dataset = dicom_picture(
            gray_page(), "MONOCHROME2", PixelData=encapsulate([b"\xff\xd8" * 9])
        )
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = JPEGLSLossless
        refusal = refusal_of(written(dataset))
        assert refusal.code == "unsupported_compression"
        assert "JPEG-LS" in refusal.message

    def test_frames_are_pages(self) -> None:
        frames = np.stack([np.full((HEIGHT, WIDTH), level, np.uint8) for level in (10, 90)])
        found = read_pages(written(dicom_picture(frames, "MONOCHROME2")))
        assert [int(page.gray[0, 0]) for page in found] == [10, 90]

    def test_a_file_that_is_a_tiff_too(self) -> None:
        data = written(dicom_picture(gray_page(), "MONOCHROME2"))
        assert_is_the_page(b"II*\0" + data[4:])

    @pytest.mark.parametrize(
        ("elements", "code"),
        [
            ({"Rows": 65_535, "Columns": 65_535}, "page_too_large"),
            ({"Rows": 8_000, "Columns": 8_000}, "too_many_pixels"),
            ({"Rows": 50}, "page_too_small"),
            ({"NumberOfFrames": 2**31 - 1}, "too_many_pages"),
            ({"NumberOfFrames": 2}, "truncated_file"),
            ({"PixelData": bytes(100)}, "truncated_file"),
            ({"PhotometricInterpretation": "NO SUCH"}, "corrupt_file"),
        ],
    )
    def test_sizes_are_refused_before_decoding(self, elements: dict[str, Any], code: str) -> None:
        data = written(dicom_picture(gray_page(), "MONOCHROME2", **elements))
        assert refusal_of(data).code == code

    @pytest.mark.parametrize("share", [0.005, 0.01, 0.5, 0.99])
    def test_cut_files(self, share: float) -> None:
        data = written(dicom_picture(gray_page(), "MONOCHROME2"))
        assert refusal_of(data[: int(len(data) * share)]).code == "truncated_file"

    def test_an_object_without_picture(self) -> None:
        report = dicom(sop_class=UID("1.2.840.10008.5.1.4.1.1.88.11"), PatientID="none")
        assert refusal_of(written(report)).code == "no_picture"


class TestDicomDocument:
    def test_its_pages_are_read(self) -> None:
        document = saved(shades(10), "PDF", save_all=True, append_images=[shades(90)])
        pages = list(read_pages(written(encapsulated(document))))
        assert {page.file_format for page in pages} == {"DICOM"}
        assert [int(page.gray[0, 0]) for page in pages] == pytest.approx([10, 90], abs=2)

    @pytest.mark.usefixtures("inline")
    def test_a_document_of_another_kind(self) -> None:
        assert refusal_of(written(encapsulated(b"<ClinicalDocument/>"))).code == "no_picture"


def encapsulated(document: bytes) -> Dataset:
    return dicom(
        sop_class=EncapsulatedPDFStorage,
        EncapsulatedDocument=document + bytes(len(document) % 2),
        MIMETypeOfEncapsulatedDocument="application/pdf",
    )


# ------------------------------------------------------------------------------------ damaged files


def damaged(data: bytes, changes: list[tuple[int, int]], length: int) -> bytes:
    changed = bytearray(data)
    for place, value in changes:
        changed[place % len(changed)] = value
    return bytes(changed[: len(changed) - length % len(changed)])


# Headers and directories are where a changed byte leads furthest.
PLACES = st.one_of(st.integers(0, 600), st.integers(-600, -1), st.integers(0, 10**6))
DAMAGE = st.tuples(
    st.lists(st.tuples(PLACES, st.integers(0, 255)), min_size=1, max_size=8),
    st.one_of(st.just(0), st.integers(0, 10**6)),
)
SMALL = drawn_page().resize((220, 200))
SMALL_GRAY = np.asarray(SMALL.convert("L"))


def assert_read_or_refused(pages: Iterator[Any]) -> None:
    for page in pages:
        if isinstance(page, Refusal):
            assert page.message
            continue
        assert page.rgb.shape == (*page.gray.shape, 3)
        assert page.gray.size <= MAX_PIXELS


@pytest.mark.parametrize("file_format", ["PDF", "HEIF"])
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(damage=DAMAGE)
def test_any_damaged_file_is_read_or_refused(
    file_format: str, damage: tuple[list[tuple[int, int]], int]
) -> None:
    try:
        assert_read_or_refused(read_pages(damaged(saved(SMALL, file_format), *damage)))
    except Refusal:
        return


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(damage=DAMAGE)
@pytest.mark.filterwarnings("ignore")
def test_any_damaged_dicom_file_is_read_or_refused(
    damage: tuple[list[tuple[int, int]], int],
) -> None:
    data = written(dicom_picture(SMALL_GRAY, "MONOCHROME2"))
    with pytest.MonkeyPatch.context() as monkeypatch:
        inline_readers.install(monkeypatch)
        try:
            assert_read_or_refused(read_pages(damaged(data, *damage)))
        except Refusal:
            return


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "element", [b"\x28\x00\x00\x01", b"\x28\x00\x10\x00"], ids=["bits allocated", "rows"]
)
def test_a_dicom_element_of_an_unknown_kind_is_refused(
    element: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = written(dicom_picture(SMALL_GRAY, "MONOCHROME2"))
    assert element + b"US" in data
    inline_readers.install(monkeypatch)
    with pytest.raises(Refusal, match="DICOM"):
        list(read_pages(data.replace(element + b"US", element + b"ZZ")))
