"""DICOM waveform objects: the samples that come out of them, and those that others read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import inline_readers
import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom import examples
from pydicom.dataset import Dataset

from ecgapp.ecg import LEADS, Signals
from ecgapp.errors import Refusal
from ecgapp.io.dicom_waveform import read_waveform, write_dicom_waveform
from ecgapp.io.signals_csv import MAX_DURATION_S
from ecgapp.synthesis.simulate import PatientModel, simulate


@pytest.fixture(autouse=True)
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    inline_readers.install(monkeypatch)


@pytest.fixture(autouse=True)
def strict_about_what_is_written() -> Iterator[None]:
    """Let pydicom raise where a value breaks the standard."""
    before = pydicom.config.settings.writing_validation_mode
    pydicom.config.settings.writing_validation_mode = pydicom.config.RAISE
    yield
    pydicom.config.settings.writing_validation_mode = before


def code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


NUMBERS = dict(zip(LEADS, (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8), strict=True))
NAMINGS = {
    "SCPECG": lambda lead: code(f"5.6.3-9-{NUMBERS[lead]}", "SCPECG", f"Lead {lead}"),
    "MDC": lambda lead: code(f"2:{NUMBERS[lead]}", "MDC", "Lead"),
    "MDC in one number": lambda lead: code(str(2 * 65536 + NUMBERS[lead]), "MDC", "Lead"),
    "MDC by name": lambda lead: code(f"MDC_ECG_LEAD_{lead.upper()}", "MDC", "Lead"),
    "meaning": lambda lead: code("X-77", "99LOCAL", f"{lead}, augmented voltage"),
    "meaning in words": lambda lead: code("X-77", "99LOCAL", f"ECG Lead {lead} (Einthoven)"),
}


def group(
    leads: dict[str, NDArray[Any]], rate_hz: float = 500, naming: str = "SCPECG", **channel: Any
) -> Dataset:
    """A group of channels of encoded values, in microvolts unless the channel says otherwise."""
    table = np.column_stack(list(leads.values()))
    item = Dataset()
    item.NumberOfWaveformSamples, item.NumberOfWaveformChannels = table.shape
    item.SamplingFrequency = rate_hz
    item.WaveformBitsAllocated = table.itemsize * 8
    kind = {1: "B", 2: "S", 4: "L", 8: "V"}[table.itemsize]
    item.WaveformSampleInterpretation = table.dtype.kind.replace("i", "S").upper() + kind
    unit = channel.pop("unit", "uV")
    item.ChannelDefinitionSequence = []
    for lead in leads:
        definition = Dataset()
        definition.ChannelSourceSequence = [NAMINGS[naming](lead)]
        definition.ChannelSensitivity = 1
        definition.ChannelSensitivityUnitsSequence = [code(unit, "UCUM", "unit")]
        for keyword, value in channel.items():
            setattr(definition, keyword, value)
        item.ChannelDefinitionSequence.append(definition)
    item.add_new("WaveformData", "OW", table.astype(table.dtype.newbyteorder("<")).tobytes())
    return item


def written(*groups: Dataset, big_endian: bool = False) -> bytes:
    dataset = Dataset()
    dataset.SOPClassUID = pydicom.uid.GeneralECGWaveformStorage
    dataset.SOPInstanceUID = "1.2.3"
    dataset.WaveformSequence = list(groups)
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = (
        pydicom.uid.ExplicitVRBigEndian if big_endian else pydicom.uid.ExplicitVRLittleEndian
    )
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def microvolts(n_samples: int = 1000, dtype: str = "i2") -> dict[str, NDArray[Any]]:
    """Twelve leads that obey Einthoven's and Goldberger's laws, each unlike the others."""
    time = np.arange(n_samples) / 500
    first, second = 400 * np.sin(2 * np.pi * 5 * time), 700 * np.cos(2 * np.pi * 3 * time)
    limb = {
        "I": first,
        "II": second,
        "III": second - first,
        "aVR": -(first + second) / 2,
        "aVL": first - second / 2,
        "aVF": second - first / 2,
    }
    chest = {f"V{k}": 100 * k * np.sin(2 * np.pi * k * time) for k in range(1, 7)}
    return {lead: np.rint(values).astype(dtype) for lead, values in {**limb, **chest}.items()}


def read(data: bytes) -> Signals:
    signals = read_waveform(data)
    assert signals is not None
    assert signals.sampling_rate_hz == 500
    assert tuple(signals.leads) == LEADS
    assert {values.dtype for values in signals.leads.values()} == {np.dtype(np.float32)}
    return signals


def assert_reads(data: bytes, expected_uv: dict[str, NDArray[Any]], atol_uv: float = 0.01) -> None:
    signals = read(data)
    for lead in LEADS:
        np.testing.assert_allclose(signals.leads[lead] * 1e3, expected_uv[lead], atol=atol_uv)


def refusal_of(data: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read_waveform(data)
    assert caught.value.message.startswith(caught.value.step + ": ")
    assert caught.value.message.endswith(".")
    return caught.value


class TestReading:
    @pytest.mark.parametrize("naming", NAMINGS)
    def test_leads_are_named_by_code_or_by_meaning(self, naming: str) -> None:
        leads = dict(reversed(microvolts().items()))
        assert_reads(written(group(leads, naming=naming)), leads)

    def test_an_inverted_lead_is_not_taken_for_the_lead(self) -> None:
        # The standard's own table says "aVR" of it.
        leads = microvolts()
        item = group(leads)
        channel = item.ChannelDefinitionSequence[LEADS.index("aVR")]
        channel.ChannelSourceSequence = [code("2:65", "MDC", "aVR")]
        inverted = {**leads, "aVR": -leads["aVR"]}
        item.WaveformData = np.column_stack(list(inverted.values())).astype("<i2").tobytes()
        assert_reads(written(item), leads, atol_uv=1)

    @pytest.mark.parametrize(
        ("channel", "uv_per_step", "offset_uv"),
        [
            ({}, 1, 0),
            ({"ChannelSensitivity": 0.0025, "unit": "mV"}, 2.5, 0),
            ({"ChannelSensitivity": 1e-6, "unit": "V"}, 1, 0),
            ({"ChannelSensitivity": 4.88, "ChannelSensitivityCorrectionFactor": 0.5}, 2.44, 0),
            ({"ChannelBaseline": 1500}, 1, 1500),
        ],
    )
    def test_calibration(
        self, channel: dict[str, Any], uv_per_step: float, offset_uv: float
    ) -> None:
        leads = microvolts()
        expected = {lead: values * uv_per_step + offset_uv for lead, values in leads.items()}
        assert_reads(written(group(leads, **channel)), expected)

    @pytest.mark.parametrize("dtype", ["i2", "i4"])
    @pytest.mark.parametrize("big_endian", [False, True])
    def test_samples_of_any_width_and_byte_order(self, dtype: str, big_endian: bool) -> None:
        leads = microvolts(dtype=dtype)
        item = group(leads)
        if big_endian:
            table = np.column_stack(list(leads.values()))
            item.WaveformData = table.astype(f">{dtype}").tobytes()
        assert_reads(written(item, big_endian=big_endian), leads)

    @pytest.mark.parametrize("rate_hz", [100, 250, 360, 1000, 1000.5, 2000])
    def test_any_rate_becomes_500_hz(self, rate_hz: float) -> None:
        time = np.arange(int(4 * rate_hz)) / rate_hz
        wave = np.rint(1000 + 800 * np.sin(2 * np.pi * 20 * time)).astype("i2")
        signals = read(written(group(dict.fromkeys(LEADS, wave), rate_hz=rate_hz)))
        assert signals.n_samples == pytest.approx(2000, abs=1)
        expected = 1 + 0.8 * np.sin(2 * np.pi * 20 * np.arange(signals.n_samples) / 500)
        inner = slice(100, -100)
        np.testing.assert_allclose(signals.leads["V3"][inner], expected[inner], atol=0.01)

    def test_what_500_hz_cannot_carry_does_not_become_something_else(self) -> None:
        time = np.arange(8000) / 2000
        hum = np.rint(1000 * np.sin(2 * np.pi * 480 * time)).astype("i2")
        signals = read(written(group(dict.fromkeys(LEADS, hum), rate_hz=2000)))
        assert np.abs(signals.leads["I"][100:-100]).max() < 0.02

    def test_a_gap_stays_a_gap_at_another_rate(self) -> None:
        leads = microvolts()
        leads["V1"] = leads["V1"].copy()
        leads["V1"][400:600] = -32768
        item = group(leads, rate_hz=1000)
        item.add_new("WaveformPaddingValue", "OW", b"\x00\x80")
        values = read(written(item)).leads["V1"]
        assert np.isnan(values[201:299]).all()
        assert np.isfinite(values[:199]).all()
        assert np.isfinite(values[302:]).all()
        assert np.nanmax(np.abs(values)) < 0.15

    @pytest.mark.parametrize("kept", [("I", "II"), ("II", "III"), ("aVR", "aVF"), ("III", "aVL")])
    def test_limb_leads_follow_from_any_two(self, kept: tuple[str, str]) -> None:
        leads = microvolts()
        fewer = {lead: v for lead, v in leads.items() if lead in kept or lead.startswith("V")}
        assert_reads(written(group(fewer)), leads, atol_uv=3)

    def test_the_rhythm_is_read_and_not_the_median_beat(self) -> None:
        beat = {lead: values[:600] for lead, values in microvolts().items()}
        rhythm = {lead: values[::-1] for lead, values in microvolts(5000).items()}
        assert_reads(written(group(beat, rate_hz=250), group(rhythm)), rhythm)

    def test_a_long_recording_is_cut(self) -> None:
        long = microvolts((MAX_DURATION_S + 5) * 500)
        first_minute = {lead: values[: MAX_DURATION_S * 500] for lead, values in long.items()}
        assert_reads(written(group(long)), first_minute)
        assert read(written(group(long, rate_hz=499))).n_samples == MAX_DURATION_S * 500

    def test_a_recording_of_a_real_machine(self) -> None:
        data = examples.get_path("waveform").read_bytes()
        expected = pydicom.dcmread(io.BytesIO(data)).waveform_array(0)[::2] / 1000
        signals = read(data)
        assert signals.n_samples == 5000
        for k, lead in enumerate(LEADS):
            # What lies above 250 Hz in the machine's 1000 Hz is left out.
            difference = signals.leads[lead] - expected[:, k]
            assert np.sqrt(np.mean(difference**2)) < 0.006

    @pytest.mark.parametrize("data", [b"text", b"\xff\xd8\xff", bytes(128) + b"DIC"])
    def test_other_files_are_no_waveform(self, data: bytes) -> None:
        assert read_waveform(data) is None

    def test_a_picture_is_no_waveform(self) -> None:
        assert read_waveform(examples.get_path("palette_color").read_bytes()) is None


class TestRefusals:
    def test_fewer_leads_are_named(self) -> None:
        leads = microvolts()
        del leads["V2"], leads["V5"]
        refusal = refusal_of(written(group(leads)))
        assert refusal.code == "missing_leads"
        assert "lacks V2, V5" in refusal.message

    def test_one_limb_lead_is_not_enough(self) -> None:
        leads = {lead: v for lead, v in microvolts().items() if lead == "II" or lead[0] == "V"}
        refusal = refusal_of(written(group(leads)))
        assert refusal.code == "missing_leads"
        assert "aVF" in refusal.message

    @pytest.mark.parametrize(
        ("options", "found"),
        [
            ({"rate_hz": 20}, "20 samples a second"),
            ({"rate_hz": 1e9}, "1e+09 samples a second"),
            ({"unit": "mm[Hg]"}, "mm?Hg?"),
            ({"ChannelSensitivity": None}, "sensitivity None"),
            ({"ChannelSensitivity": -1.0}, "-1"),
            ({"ChannelSensitivity": 0.0}, "above zero"),
        ],
    )
    def test_what_cannot_become_millivolts(self, options: dict[str, Any], found: str) -> None:
        refusal = refusal_of(written(group(microvolts(), **options)))
        assert refusal.code == "bad_signals"
        assert found in refusal.message

    @pytest.mark.parametrize(
        "unit", ["![x](//a.co/p)", "[in](//a.co)", "www.a.co", "<b>mV", "`a`_b_*c*", "$x$ :tada:"]
    )
    def test_text_of_the_file_makes_no_link_and_no_picture(self, unit: str) -> None:
        message = refusal_of(written(group(microvolts(), unit=unit))).message
        quoted = message.partition("the unit '")[2].partition("' and ")[0]
        assert quoted
        assert not set("[]()!*_`<>$:/.") & set(quoted)

    @pytest.mark.parametrize(
        ("change", "reaches"),
        [
            ({"unit": "V"}, "400,000 mV"),
            ({"ChannelSensitivity": 1000.0}, "mV"),
            ({"ChannelBaseline": 300_000}, "300 mV"),
        ],
    )
    def test_voltages_that_no_heart_makes(self, change: dict[str, Any], reaches: str) -> None:
        refusal = refusal_of(written(group(microvolts(), **change)))
        assert refusal.code == "bad_signals"
        assert reaches in refusal.message

    def test_signed_samples_said_to_be_unsigned(self) -> None:
        item = group(microvolts())
        item.WaveformSampleInterpretation = "US"
        refusal = refusal_of(written(item))
        assert refusal.code == "bad_signals"
        assert "66 mV" in refusal.message

    def test_a_zigzag_of_all_that_16_bits_hold(self) -> None:
        zigzag = np.resize(np.array([-32_000, 32_000], "i2"), 5_000)
        assert refusal_of(written(group(dict.fromkeys(LEADS, zigzag)))).code == "bad_signals"

    def test_a_few_pacing_spikes_are_let_through(self) -> None:
        leads = microvolts(5_000)
        leads["V1"] = leads["V1"].copy()
        leads["V1"][::500] = 30_000
        assert_reads(written(group(leads)), leads)

    def test_no_value_at_all(self) -> None:
        item = group(dict.fromkeys(LEADS, np.full(500, -32768, "i2")))
        item.add_new("WaveformPaddingValue", "OW", b"\x00\x80")
        assert refusal_of(written(item)).code == "bad_signals"

    @pytest.mark.parametrize(
        ("keyword", "value", "code"),
        [
            ("NumberOfWaveformSamples", 2**32 - 1, "truncated_file"),
            ("NumberOfWaveformChannels", 65_535, "truncated_file"),
            ("NumberOfWaveformSamples", 0, "bad_signals"),
            ("NumberOfWaveformChannels", 3, "bad_signals"),
            ("WaveformSampleInterpretation", "MB", "corrupt_file"),
        ],
    )
    def test_a_description_that_does_not_fit_its_samples(
        self, keyword: str, value: object, code: str
    ) -> None:
        item = group(microvolts())
        setattr(item, keyword, value)
        assert refusal_of(written(item)).code == code

    @pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.99])
    def test_cut_files(self, share: float) -> None:
        data = written(group(microvolts()))
        assert refusal_of(data[: int(len(data) * share)]).code == "truncated_file"

    def test_limits_of_an_upload(self) -> None:
        assert refusal_of(b"").code == "empty_file"
        assert refusal_of(bytes(30_000_000)).code == "file_too_large"


INTACT = written(group(microvolts(300)))
PLACES = st.one_of(st.integers(0, 4_000), st.integers(-600, -1), st.integers(0, 10**6))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    changes=st.lists(st.tuples(PLACES, st.integers(0, 255)), min_size=1, max_size=8),
    cut=st.one_of(st.just(0), st.integers(0, len(INTACT) - 1)),
)
@pytest.mark.filterwarnings("ignore")
def test_any_damaged_recording_is_read_or_refused(changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(INTACT)
    for place, value in changes:
        data[place % len(data)] = value
    try:
        signals = read_waveform(bytes(data[: len(data) - cut]))
    except Refusal:
        return
    assert signals is None or len(signals.leads) == 12


class TestWriting:
    @staticmethod
    def with_gaps() -> Signals:
        leads = {lead: values.copy() for lead, values in simulate(PatientModel()).leads.items()}
        leads["V1"][:2500] = np.nan
        leads["aVR"][:] = np.nan
        return Signals(500, leads)

    def test_it_reads_back_the_same_with_its_gaps(self) -> None:
        signals = self.with_gaps()
        back = read(write_dicom_waveform(signals))
        for lead in LEADS:
            np.testing.assert_allclose(back.leads[lead], signals.leads[lead], atol=5.01e-4)

    def test_pydicom_reads_millivolts_of_twelve_named_leads(self) -> None:
        signals = simulate(PatientModel())
        dataset = pydicom.dcmread(io.BytesIO(write_dicom_waveform(signals)))
        assert dataset.SOPClassUID == pydicom.uid.TwelveLeadECGWaveformStorage
        assert dataset.Modality == "ECG"
        (item,) = dataset.WaveformSequence
        assert item.SamplingFrequency == 500
        assert item.WaveformOriginality == "DERIVED"
        sources = [channel.ChannelSourceSequence[0] for channel in item.ChannelDefinitionSequence]
        assert [source.CodeMeaning for source in sources] == [f"Lead {lead}" for lead in LEADS]
        assert [source.CodeValue for source in sources[:3]] == ["2:1", "2:2", "2:61"]
        expected = np.column_stack([signals.leads[lead] for lead in LEADS])
        np.testing.assert_allclose(dataset.waveform_array(0) / 1000, expected, atol=5.01e-4)

    def test_nothing_of_a_patient_is_made_up(self) -> None:
        dataset = pydicom.dcmread(io.BytesIO(write_dicom_waveform(simulate(PatientModel()))))
        for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate"):
            assert keyword in dataset
            assert not dataset[keyword].value

    def test_a_long_recording_is_of_the_class_that_allows_it(self) -> None:
        signals = Signals(500, dict.fromkeys(LEADS, np.zeros(30_000, np.float32)))
        data = write_dicom_waveform(signals)
        dataset = pydicom.dcmread(io.BytesIO(data))
        assert dataset.SOPClassUID == pydicom.uid.GeneralECGWaveformStorage
        assert read(data).n_samples == 30_000

    def test_voltages_that_16_bits_cannot_hold_are_an_error(self) -> None:
        signals = Signals(500, dict.fromkeys(LEADS, np.full(500, 33.0, np.float32)))
        with pytest.raises(ValueError, match="16 bits"):
            write_dicom_waveform(signals)
