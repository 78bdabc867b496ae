"""Teaching cases: a heart and how its sheet looks, chosen, kept in a link or a file, and drawn."""

from __future__ import annotations

import base64
import binascii
import io
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, get_args

from ecgapp.ecg import LAYOUTS, LEADS, PX_PER_MM
from ecgapp.synthesis.degrade import photograph, scan
from ecgapp.synthesis.draw import DrawnSheet, SheetTruth, draw_sheet
from ecgapp.synthesis.edan import DPI, PageStyle, render
from ecgapp.synthesis.edan_geometry import TEMPLATES
from ecgapp.synthesis.electrode_swaps import SHOWN_LEADS, exchange_electrodes
from ecgapp.synthesis.simulate import (
    MAX_HEART_RATE_BPM,
    MIN_HEART_RATE_BPM,
    PatientModel,
    QWaves,
    Rhythm,
    Side,
    simulate,
)
from ecgapp.synthesis.vendors import VENDORS

if TYPE_CHECKING:
    from PIL import Image

NONE = "none"
# The machine that printed the public data set, and that the networks learnt from.
KNOWN_MACHINE = "known"
# A link that is longer is no link to cases; a file that is larger is no file of cases.
MAX_LINK_CHARACTERS = 4000
MAX_FILE_BYTES = 100_000
MAX_CASES = 50

# ST level of the leads that can be set, in parts of the largest, by territory. II and I raise III
# and aVF, I raises aVL; V1 to V3 are lowered where the wall lies behind.
_ST_PARTS: dict[str, dict[str, float]] = {
    "anterior": {"V1": 0.4, "V2": 0.9, "V3": 1.0, "V4": 0.8, "II": -0.15},
    "inferior": {"II": 0.85, "I": -0.15, "V2": -0.2},
    "lateral": {"I": 0.7, "II": 0.1, "V5": 1.0, "V6": 0.9},
    "posterior": {"V1": -0.7, "V2": -1.0, "V3": -0.8},
}
# A level as high as this counts as raised.
_RAISED_MV = 0.1
# The axis of the simulated heart.
_AXIS_DEG = 60
_NORMAL_AXIS_DEG = (-30, 90)
_NORMAL_RATE_BPM = (50, 100)
_PHOTOGRAPH_PX = 2600
_JPEG_QUALITY = 85  # percent

CHOICES: dict[str, tuple[str, ...]] = {
    "rhythm": get_args(Rhythm),
    "bundle_branch_block": (NONE, *get_args(Side)),
    "st_territory": (NONE, *_ST_PARTS),
    "q_waves": (NONE, *get_args(QWaves)),
    "hypertrophy": (NONE, *get_args(Side)),
    "swap": (NONE, *SHOWN_LEADS),
    "layout": tuple(LAYOUTS),
    "vendor": (KNOWN_MACHINE, *VENDORS),
    "picture": ("printout", "scan", "photograph"),
}
# Lowest and highest of what can be chosen; set by hand so that hearts and sheets stay plausible.
RANGES: dict[str, tuple[float, float]] = {
    "rate_bpm": (MIN_HEART_RATE_BPM, MAX_HEART_RATE_BPM),
    "st_mv": (-0.3, 0.5),
    "axis_deg": (-90, 180),
    "noise_mv": (0.0, 0.12),
    "seed": (0, 9999),
}


@dataclass(frozen=True)
class Case:
    """A heart and its sheet.

    Attributes
    ----------
    rate_bpm : float
    rhythm : str
        As :class:`PatientModel` has them.
    bundle_branch_block, hypertrophy : str
        ``none``, ``left`` or ``right``.
    st_territory : str
        ``none``, ``anterior``, ``inferior``, ``lateral`` or ``posterior``.
    st_mv : float
        Level of ST where it is farthest from the baseline; below zero it is lowered there.
    q_waves : str
        ``none``, ``inferior`` or ``anterior``.
    axis_deg : float
        Direction of QRS in the frontal plane.
    noise_mv : float
        The muscles' noise.
    swap : str
        Electrodes in each other's place: ``none`` or a key of `SHOWN_LEADS`.
    layout : str
        A key of `LAYOUTS`; of the known machine only those that it prints.
    vendor : str
        ``known`` or a key of `VENDORS`.
    picture : str
        ``printout``, ``scan`` or ``photograph``.
    seed : int
        Which of the hearts and pictures with these properties.

    Raises
    ------
    ValueError
        In one sentence, for a value that is not among the choices or out of range.
    """

    rate_bpm: float = 70
    rhythm: Rhythm = "sinus"
    bundle_branch_block: str = NONE
    st_territory: str = NONE
    st_mv: float = 0.3
    q_waves: str = NONE
    hypertrophy: str = NONE
    axis_deg: float = _AXIS_DEG
    noise_mv: float = 0.0
    swap: str = NONE
    layout: str = "3x4"
    vendor: str = KNOWN_MACHINE
    picture: str = "printout"
    seed: int = 1

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"A case's {name} is {getattr(self, name)!r:.40}, and can be one of "
                    f"{', '.join(choices)}."
                )
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not low <= value <= high:
                raise ValueError(
                    f"A case's {name} is {value!r:.40}, and should be a number from {low:g} to "
                    f"{high:g}."
                )
        if not isinstance(self.seed, int):
            raise ValueError(f"A case's seed is {self.seed!r}, and should be a whole number.")
        if self.vendor == KNOWN_MACHINE and self.layout not in TEMPLATES:
            raise ValueError(
                f"The known machine does not print the layout {self.layout}; choose another vendor."
            )

    @property
    def st_level_mv(self) -> dict[str, float]:
        """ST level of the leads that the simulation sets."""
        if self.st_territory == NONE:
            return {}
        # What is behind shows as its mirror image.
        return {lead: part * self.st_mv for lead, part in _ST_PARTS[self.st_territory].items()}

    @property
    def raised_leads(self) -> tuple[str, ...]:
        """Leads of the sheet in which ST is raised by a tenth of a millivolt or more."""
        if self.st_territory == NONE:
            return ()
        one, two = (self.st_level_mv.get(lead, 0.0) for lead in ("I", "II"))
        levels = dict.fromkeys(LEADS, 0.0) | self.st_level_mv
        levels |= {
            "III": two - one,
            "aVR": -(one + two) / 2,
            "aVL": one - two / 2,
            "aVF": two - one / 2,
        }
        if self.swap != NONE:
            levels |= {
                lead: (-1 if source.startswith("-") else 1) * levels[source.removeprefix("-")]
                for lead, source in SHOWN_LEADS[self.swap].items()
            }
        return tuple(lead for lead in LEADS if levels[lead] >= _RAISED_MV - 1e-9)

    @property
    def label(self) -> str:
        """Which of the app's classes the simulated heart belongs to."""
        if self.raised_leads:
            return "mi"
        if self.q_waves != NONE:
            return "history_of_mi"
        low, high = _NORMAL_RATE_BPM
        left, right = _NORMAL_AXIS_DEG
        plain = (
            self.rhythm == "sinus"
            and self.bundle_branch_block == self.hypertrophy == self.st_territory == NONE
            and low <= self.rate_bpm <= high
            and left <= self.axis_deg <= right
        )
        return "normal" if plain else "abnormal_heartbeat"

    @property
    def patient(self) -> PatientModel:
        """The simulated heart."""
        return PatientModel(
            heart_rate_bpm=self.rate_bpm,
            rhythm=self.rhythm,
            st_level_mv=self.st_level_mv,
            q_waves=frozenset(one for one in get_args(QWaves) if one == self.q_waves),
            seed=self.seed,
            bundle_branch_block=_side(self.bundle_branch_block),
            hypertrophy=_side(self.hypertrophy),
            axis_turn_deg=self.axis_deg - _AXIS_DEG,
            noise_mv=self.noise_mv,
        )


def _side(name: str) -> Side | None:
    return next((side for side in get_args(Side) if side == name), None)


def layouts_of(vendor: str) -> tuple[str, ...]:
    """Name the layouts that a vendor's machine prints."""
    if vendor != KNOWN_MACHINE:
        return CHOICES["layout"]
    return tuple(name for name in CHOICES["layout"] if name in TEMPLATES)


def draw_case(case: Case) -> bytes:
    """Draw the sheet of a case.

    Parameters
    ----------
    case : Case

    Returns
    -------
    bytes
        A JPEG file.
    """
    drawn = _print(case)
    if case.picture == "photograph":
        drawn = photograph(drawn, case.seed, _PHOTOGRAPH_PX)
    elif case.picture == "scan":
        drawn = scan(drawn, case.seed)
    file = io.BytesIO()
    drawn.image.save(file, "JPEG", quality=_JPEG_QUALITY, dpi=(DPI, DPI))
    return file.getvalue()


def _print(case: Case) -> DrawnSheet:
    signals = simulate(case.patient)
    if case.swap != NONE:
        signals = exchange_electrodes(signals, case.swap)
    if case.vendor == KNOWN_MACHINE:
        style = PageStyle(title="SIMULATED ECG", patient_id=f"CASE {case.seed}")
        return _with_truth(render(signals, case.layout, style), case.layout)
    strips = ("II",) if case.layout.startswith("3x4") else ()
    return draw_sheet(signals, LAYOUTS[case.layout], strips, VENDORS[case.vendor])


def _with_truth(image: Image.Image, layout: str) -> DrawnSheet:
    """Say of the known machine's page as much as a camera has to know."""
    template = TEMPLATES[layout]
    plain = draw_sheet(simulate(PatientModel()), template.layout).truth
    frame = tuple(edge / PX_PER_MM for edge in template.frame)
    truth = SheetTruth(
        layout=template.layout,
        rhythm_strips=(),
        speed_mm_per_s=plain.speed_mm_per_s,
        gain_mm_per_mv=plain.gain_mm_per_mv,
        px_per_mm=PX_PER_MM,
        boxes_mm={"frame": (frame[0], frame[1], frame[2], frame[3])},
        baselines_mm={str(row): y / PX_PER_MM for row, y in enumerate(template.baselines_px)},
        page_mm=(image.width / PX_PER_MM, image.height / PX_PER_MM),
        mm_to_image=plain.mm_to_image,
    )
    return DrawnSheet(image, truth)


def to_link(cases: Iterable[Case]) -> str:
    """Write cases as the value of a link's ``case``; it hides the answers from a glance."""
    text = json.dumps([_changed(case) for case in cases], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def from_link(text: str) -> list[Case]:
    """Read the cases of a link.

    Parameters
    ----------
    text : str
        Of :func:`to_link`.

    Returns
    -------
    list of Case

    Raises
    ------
    ValueError
        In one sentence, where it holds no cases.
    """
    if len(text) > MAX_LINK_CHARACTERS:
        raise ValueError(
            f"The link's cases take {len(text)} characters, at most {MAX_LINK_CHARACTERS} are "
            "possible; hand a set as large as this out as a file."
        )
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("The link's cases cannot be read; was it copied to its end?") from error
    return _cases(data)


def to_file(cases: Iterable[Case]) -> str:
    """Write cases as a JSON file that people can edit."""
    return json.dumps({"cases": [_changed(case) for case in cases]}, indent=2) + "\n"


def from_file(data: bytes) -> list[Case]:
    """Read the cases of a JSON file; see :func:`from_link`."""
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(
            f"The file has {len(data)} bytes, and a file of cases at most {MAX_FILE_BYTES}."
        )
    return _cases(data)


def _changed(case: Case) -> dict[str, Any]:
    default = asdict(Case())
    return {name: value for name, value in asdict(case).items() if value != default[name]}


def _cases(data: bytes) -> list[Case]:
    try:
        content = json.loads(data)
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ValueError("The cases are no JSON; save them from this page again.") from error
    rows = content.get("cases") if isinstance(content, dict) else content
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or not rows:
        raise ValueError('The cases should be a list such as {"cases": [{"rate_bpm": 95}]}.')
    if len(rows) > MAX_CASES:
        raise ValueError(f"There are {len(rows)} cases, and at most {MAX_CASES} are taken.")
    names = {field.name for field in fields(Case)}
    for row in rows:
        unknown = sorted(set(row) - names)
        if unknown:
            raise ValueError(
                f"A case has no {unknown[0]!r:.40}; it can have {', '.join(sorted(names))}."
            )
    try:
        return [Case(**row) for row in rows]
    except TypeError as error:
        raise ValueError("A case's values should be words and numbers.") from error
