"""A simulated patient: a heart's dipole over time, seen by the twelve leads.

P, QRS and T are Gaussian bumps of a three-dimensional dipole (a vectorcardiogram). Eight leads are
its projections on fixed lead vectors (Dower et al., 1980); the other four follow from I and II, so
that Einthoven's and Goldberger's equations hold. The model draws samples and test sheets; it is no
physiological truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import CHEST_LEADS, SAMPLING_RATE_HZ, SHEET_S, Signals

Rhythm = Literal[
    "sinus",
    "premature_ventricular_beats",
    "atrial_fibrillation",
    "ventricular_pacing",
    "premature_atrial_beats",
    "atrial_flutter",
    "first_degree_av_block",
    "second_degree_av_block",
    "third_degree_av_block",
]
QWaves = Literal["inferior", "anterior"]
Side = Literal["left", "right"]

INDEPENDENT_LEADS = ("I", "II", *CHEST_LEADS)
# Slower and faster hearts are not simulated.
MIN_HEART_RATE_BPM = 30.0
MAX_HEART_RATE_BPM = 200.0

# Rows as in INDEPENDENT_LEADS; columns are the dipole's axes: left, down, back
# (Dower et al. 1980).
_LEAD_VECTORS = np.array(
    [
        [0.632, -0.235, 0.059],
        [0.235, 1.066, -0.132],
        [-0.515, 0.157, -0.917],
        [0.044, 0.164, -1.387],
        [0.882, 0.098, -1.277],
        [1.213, 0.127, -0.601],
        [1.125, 0.127, -0.086],
        [0.831, 0.076, 0.230],
    ]
)

# Rhythms and waves are set by hand so that rates, intervals, axis and shapes are those of
# textbooks; they are no fit to recordings. One beat in four is premature, and comes after this part
# of the usual interval.
_BEATS_PER_PREMATURE_BEAT = 4
_PREMATURE_FRACTION = 0.62


class _Bump(NamedTuple):
    """One Gaussian: its centre after the R peak and its width, seconds; its dipole, mV."""

    centre_s: float
    width_s: float
    dipole_mv: tuple[float, float, float]


# Centre and width (s) of each bump at 60 bpm, and the height of its dipole (mV) along the axes
# above.
_P_WAVE = (_Bump(-0.165, 0.022, (0.07, 0.11, -0.04)), _Bump(-0.140, 0.020, (0.08, 0.08, 0.04)))
_NARROW_QRS = (
    _Bump(-0.026, 0.009, (-0.18, -0.06, -0.30)),
    _Bump(0.000, 0.011, (1.05, 0.90, 0.35)),
    _Bump(0.024, 0.011, (-0.12, -0.14, 0.70)),
)
_WIDE_QRS = (
    _Bump(0.000, 0.020, (0.50, 0.40, 0.55)),
    _Bump(0.038, 0.022, (0.95, 0.25, 0.85)),
    _Bump(0.072, 0.018, (0.45, -0.15, 0.45)),
)
# The right ventricle follows late: terminal forces to the right and to the front.
_LATE_RIGHT_QRS = (_Bump(0.062, 0.017, (-0.40, -0.05, -0.62)),)
_PACING_SPIKE = (_Bump(-0.050, 0.0015, (-0.60, 1.60, -1.20)),)
_PREMATURE_QRS = (
    _Bump(-0.010, 0.024, (-0.25, 0.45, -0.60)),
    _Bump(0.035, 0.028, (-0.80, 1.15, 0.60)),
)
# Centres and widths of T hold at 60 bpm and shrink with the square root of the interval.
_T_WAVE = (_Bump(0.255, 0.050, (0.13, 0.13, -0.08)), _Bump(0.300, 0.036, (0.20, 0.19, -0.14)))
_DISCORDANT_T_WAVE = (_Bump(0.330, 0.060, (-0.28, -0.08, -0.42)),)
_PREMATURE_T_WAVE = (_Bump(0.330, 0.060, (0.30, -0.45, -0.12)),)

# A thick left ventricle: its forces so many times as large, and T that points away from it.
_LEFT_HYPERTROPHY_TIMES = 1.9
_STRAIN_T_WAVE = (_Bump(0.285, 0.050, (-0.28, -0.02, -0.20)),)
# A thick right ventricle: forces to the right and to the front while the left one is excited.
_RIGHT_HYPERTROPHY_QRS = (_Bump(0.010, 0.016, (-1.25, 0.20, -1.05)),)

# Early forces that point away from the dead wall.
_Q_WAVES: dict[QWaves, tuple[_Bump, ...]] = {
    "inferior": (_Bump(-0.024, 0.013, (0.10, -0.62, 0.00)),),
    "anterior": (_Bump(-0.012, 0.017, (-0.22, 0.00, 0.70)),),
}

# Height of fibrillation, of the wander of the baseline and of noise.
_FIBRILLATION_MV = 0.05
_WANDER_MV = 0.03
_NOISE_MV = 0.006

# The atria flutter about so often a minute; height of their waves, which point up, mV.
_FLUTTER_PER_MIN = 300.0
_FLUTTER_MV = (0.01, -0.20, 0.04)
_FLUTTER_HARMONICS = 5
# What a block of first degree adds to PR, s; in one of second degree (Wenckebach) each of three
# beats adds its part, and the fourth P is not followed by a QRS.
_LONG_PR_S = 0.12
_WENCKEBACH_PR_S = (0.02, 0.10, 0.16)
# Sinus rate while nothing is conducted, per minute.
_FREE_ATRIA_PER_MIN = 84.0


@dataclass(frozen=True)
class PatientModel:
    """What a simulated patient's heart does.

    Attributes
    ----------
    heart_rate_bpm : float
        Mean ventricular rate, 30 to 200 per minute.
    rhythm : str
        ``sinus``; ``premature_ventricular_beats``: sinus rhythm in which every fourth beat comes
        early, wide and without P; ``premature_atrial_beats``: the same with the usual shape, after
        an early P; ``atrial_fibrillation``: irregular, no P; ``atrial_flutter``: waves like the
        teeth of a saw, about 300 a minute, every so many of which are conducted;
        ``ventricular_pacing``: a pacemaker's spike before every wide QRS, no P; AV blocks:
        ``first_degree_av_block``: a long PR, ``second_degree_av_block``: PR grows until the fourth
        P is not conducted (Wenckebach), ``third_degree_av_block``: P and wide QRS each at their
        own rate.
    bundle_branch_block : str or None
        ``left`` or ``right``, where QRS is wide for it.
    st_level_mv : mapping of str to float
        How far ST lies above the baseline, mV, by lead. I, II and V1 to V6 can be set; the level
        in III and the augmented leads follows from I and II.
    q_waves : frozenset of str
        Walls with old scars, ``inferior`` (Q in II, III, aVF), ``anterior`` (Q in V1 to V4).
    hypertrophy : str or None
        The ventricle that is thick, ``left`` or ``right``.
    axis_turn_deg : float
        How far QRS is turned in the frontal plane, clockwise (to the right); its axis is 60
        degrees otherwise.
    noise_mv : float
        Standard deviation of the muscles' noise.
    seed : int
        Seed of everything random: beat-to-beat variation, noise, baseline wander.

    Raises
    ------
    ValueError
        For a rate out of range, or an ST level of a lead that cannot be set.
    """

    heart_rate_bpm: float = 70.0
    rhythm: Rhythm = "sinus"
    st_level_mv: Mapping[str, float] = field(default_factory=dict)
    q_waves: frozenset[QWaves] = frozenset()
    seed: int = 0
    bundle_branch_block: Side | None = None
    hypertrophy: Side | None = None
    axis_turn_deg: float = 0.0
    noise_mv: float = 0.0

    def __post_init__(self) -> None:
        if not MIN_HEART_RATE_BPM <= self.heart_rate_bpm <= MAX_HEART_RATE_BPM:
            raise ValueError(
                f"heart_rate_bpm is {self.heart_rate_bpm}, and should lie between "
                f"{MIN_HEART_RATE_BPM:g} and {MAX_HEART_RATE_BPM:g}"
            )
        derived = set(self.st_level_mv) - set(INDEPENDENT_LEADS)
        if derived:
            raise ValueError(
                f"the ST level of {sorted(derived)} cannot be set; set {INDEPENDENT_LEADS}"
            )


class _Beat(NamedTuple):
    """One heart beat: its R peak and the interval that sets its T wave, seconds.

    `premature` is a beat of the ventricles; `more_pr_s` lengthens PR, `conducted` says whether QRS
    follows P at all.
    """

    r_peak_s: float
    interval_s: float
    premature: bool = False
    more_pr_s: float = 0.0
    conducted: bool = True


def simulate(patient: PatientModel) -> Signals:
    """Record ten seconds of a simulated patient.

    Parameters
    ----------
    patient : PatientModel
        The patient.

    Returns
    -------
    Signals
        Twelve leads at 500 Hz, 5,000 samples each, without NaN. III = II - I and so on hold to
        the rounding of float32.
    """
    rng = np.random.default_rng(patient.seed)
    time_s = np.arange(round(SHEET_S * SAMPLING_RATE_HZ)) / SAMPLING_RATE_HZ
    dipole_mv = np.zeros((len(time_s), 3))
    st_shape = np.zeros(len(time_s))
    for beat in _beats(patient, rng):
        for bump in _bumps(patient, beat):
            dipole_mv += _shape(time_s - beat.r_peak_s, bump)
        if beat.conducted:
            st_shape += _st_segment(time_s - beat.r_peak_s, beat.interval_s)
    if patient.rhythm == "atrial_fibrillation":
        dipole_mv += _fibrillation(time_s, rng)
    elif patient.rhythm == "atrial_flutter":
        dipole_mv += _flutter(time_s, patient.heart_rate_bpm)
    elif patient.rhythm == "third_degree_av_block":
        dipole_mv += _free_atria(time_s)

    independent_mv = dipole_mv @ _LEAD_VECTORS.T
    for column, lead in enumerate(INDEPENDENT_LEADS):
        independent_mv[:, column] += patient.st_level_mv.get(lead, 0.0) * st_shape
    independent_mv += _disturbances(time_s, rng)
    if patient.noise_mv:
        independent_mv += rng.normal(0, patient.noise_mv, size=independent_mv.shape)
    return Signals(SAMPLING_RATE_HZ, _twelve_leads(independent_mv))


def _beats(patient: PatientModel, rng: np.random.Generator) -> Iterator[_Beat]:
    """Beats from before the recording begins until after it ends."""
    mean_s = 60.0 / patient.heart_rate_bpm
    variation = 0.18 if patient.rhythm == "atrial_fibrillation" else 0.02
    if patient.rhythm == "atrial_flutter":
        variation = 0.004
    early = patient.rhythm in ("premature_ventricular_beats", "premature_atrial_beats")
    if patient.rhythm == "second_degree_av_block":
        yield from _wenckebach(mean_s, rng)
        return
    more_pr_s = _LONG_PR_S if patient.rhythm == "first_degree_av_block" else 0.0
    r_peak_s = -rng.uniform(0.2, 1.0) * mean_s
    count = 0
    while r_peak_s < SHEET_S + 1:
        count += 1
        interval_s = mean_s * float(np.clip(rng.normal(1.0, variation), 0.55, 1.6))
        premature_next = (
            early and count % _BEATS_PER_PREMATURE_BEAT == _BEATS_PER_PREMATURE_BEAT - 1
        )
        yield _Beat(r_peak_s, mean_s, more_pr_s=more_pr_s)
        if premature_next:
            ventricular = patient.rhythm == "premature_ventricular_beats"
            yield _Beat(r_peak_s + _PREMATURE_FRACTION * interval_s, mean_s, ventricular)
            # The sinus node keeps its own time: the pause makes up for the early beat.
            interval_s *= 2
            count += 1
        r_peak_s += interval_s


def _wenckebach(mean_s: float, rng: np.random.Generator) -> Iterator[_Beat]:
    """Beats of which every fourth P stands alone; `mean_s` is the mean between QRS complexes."""
    atrial_s = mean_s * len(_WENCKEBACH_PR_S) / (len(_WENCKEBACH_PR_S) + 1)
    p_s = -rng.uniform(0.2, 1.0) * mean_s
    while p_s < SHEET_S + 1:
        for more_pr_s in _WENCKEBACH_PR_S:
            yield _Beat(p_s + more_pr_s, atrial_s, more_pr_s=more_pr_s)
            p_s += atrial_s
        yield _Beat(p_s, atrial_s, conducted=False)
        p_s += atrial_s


def _bumps(patient: PatientModel, beat: _Beat) -> Iterator[_Bump]:
    """All bumps of one beat."""
    if beat.conducted:
        qrs, t_wave = _ventricles(patient, beat)
        yield from (_turned(bump, patient.axis_turn_deg) for bump in qrs)
        scale = np.sqrt(min(beat.interval_s, 1.1))
        for bump in t_wave:
            yield _Bump(bump.centre_s * scale, bump.width_s * scale, bump.dipole_mv)
        if not beat.premature:
            for wall in patient.q_waves:
                yield from _Q_WAVES[wall]
    if not beat.premature and patient.rhythm not in _WITHOUT_P:
        yield from (
            bump._replace(centre_s=bump.centre_s - beat.more_pr_s) if beat.more_pr_s else bump
            for bump in _P_WAVE
        )


# What the atria do in these is no P before each QRS.
_WITHOUT_P = (
    "atrial_fibrillation",
    "atrial_flutter",
    "third_degree_av_block",
    "ventricular_pacing",
)


def _ventricles(patient: PatientModel, beat: _Beat) -> tuple[tuple[_Bump, ...], tuple[_Bump, ...]]:
    """QRS and T of one beat."""
    if beat.premature:
        return _PREMATURE_QRS, _PREMATURE_T_WAVE
    if patient.rhythm == "ventricular_pacing":
        return _PACING_SPIKE + _WIDE_QRS, _DISCORDANT_T_WAVE
    qrs: tuple[_Bump, ...]
    t_wave: tuple[_Bump, ...]
    if patient.rhythm == "third_degree_av_block" or patient.bundle_branch_block == "left":
        qrs, t_wave = _WIDE_QRS, _DISCORDANT_T_WAVE
    elif patient.bundle_branch_block == "right":
        qrs, t_wave = _NARROW_QRS + _LATE_RIGHT_QRS, _T_WAVE
    else:
        qrs, t_wave = _NARROW_QRS, _T_WAVE
    if patient.hypertrophy == "left":
        qrs = tuple(_times(bump, _LEFT_HYPERTROPHY_TIMES) for bump in qrs)
        t_wave = _STRAIN_T_WAVE
    elif patient.hypertrophy == "right":
        qrs += _RIGHT_HYPERTROPHY_QRS
    return qrs, t_wave


def _times(bump: _Bump, factor: float) -> _Bump:
    left, down, back = (factor * value for value in bump.dipole_mv)
    return bump._replace(dipole_mv=(left, down, back))


def _turned(bump: _Bump, degrees: float) -> _Bump:
    """Turn a bump in the frontal plane, from the left downward."""
    if not degrees:
        return bump
    left, down, back = bump.dipole_mv
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return bump._replace(dipole_mv=(cos * left - sin * down, sin * left + cos * down, back))


def _shape(after_r_s: NDArray[np.float64], bump: _Bump) -> NDArray[np.float64]:
    """Dipole of one bump over time, mV, shape (n_samples, 3)."""
    shape = np.exp(-0.5 * ((after_r_s - bump.centre_s) / bump.width_s) ** 2)
    return shape[:, None] * np.array(bump.dipole_mv)


def _st_segment(after_r_s: NDArray[np.float64], interval_s: float) -> NDArray[np.float64]:
    """Rise to 1 after the QRS, fall back to 0 with the end of T; shape as the time given."""
    scale = np.sqrt(min(interval_s, 1.1))
    rise = np.clip((after_r_s - 0.045) / 0.012, -30, 30)
    fall = np.clip((after_r_s - 0.33 * scale) / (0.025 * scale), -30, 30)
    return 1 / (1 + np.exp(-rise)) - 1 / (1 + np.exp(-fall))


def _fibrillation(time_s: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Dipole of the fibrillating atria, mV, shape (n_samples, 3)."""
    waves = np.zeros((len(time_s), 3))
    for frequency_hz in rng.uniform(4.5, 8.0, size=4):
        direction = rng.normal(size=3) * (0.5, 1.0, 1.0)
        slow_drift = rng.uniform(1, 3) * np.sin(2 * np.pi * 0.3 * time_s + rng.uniform(0, 6))
        phase = 2 * np.pi * frequency_hz * time_s + slow_drift + rng.uniform(0, 6)
        waves += np.sin(phase)[:, None] * direction
    return _FIBRILLATION_MV / 2 * waves


def _flutter(time_s: NDArray[np.float64], rate_bpm: float) -> NDArray[np.float64]:
    """Dipole of the fluttering atria, mV, shape (n_samples, 3)."""
    per_beat = max(1, round(_FLUTTER_PER_MIN / rate_bpm))
    phase = 2 * np.pi * per_beat * rate_bpm / 60 * time_s
    saw = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, _FLUTTER_HARMONICS + 1))
    return np.asarray(saw)[:, None] * np.array(_FLUTTER_MV) / 2


def _free_atria(time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Dipole of P waves that no QRS follows, mV, shape (n_samples, 3)."""
    every_s = 60 / _FREE_ATRIA_PER_MIN
    waves = np.zeros((len(time_s), 3))
    for number in range(round((SHEET_S + 1) / every_s)):
        for bump in _P_WAVE:
            waves += _shape(time_s - number * every_s, bump)
    return waves


def _disturbances(time_s: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Baseline wander and noise of the independent leads, mV, shape (n_samples, 8)."""
    n_leads = len(INDEPENDENT_LEADS)
    breathing_hz = rng.uniform(0.2, 0.33)
    phases = rng.uniform(0, 2 * np.pi, size=n_leads)
    amplitudes_mv = _WANDER_MV * rng.uniform(0.3, 1.0, size=n_leads)
    wander = amplitudes_mv * np.sin(2 * np.pi * breathing_hz * time_s[:, None] + phases)
    white = rng.normal(size=(len(time_s) + 4, n_leads))
    # Five samples wide, as the recorder's low-pass filter leaves it.
    smooth = np.lib.stride_tricks.sliding_window_view(white, 5, axis=0).mean(axis=-1)
    return wander + _NOISE_MV * np.sqrt(5) * smooth


def _twelve_leads(independent_mv: NDArray[np.float64]) -> dict[str, NDArray[np.float32]]:
    """Twelve leads from I, II and V1 to V6, shape (n_samples, 8)."""
    lead_i, lead_ii = independent_mv[:, 0], independent_mv[:, 1]
    leads = {
        "I": lead_i,
        "II": lead_ii,
        "III": lead_ii - lead_i,
        "aVR": -(lead_i + lead_ii) / 2,
        "aVL": lead_i - lead_ii / 2,
        "aVF": lead_ii - lead_i / 2,
    }
    leads.update({lead: independent_mv[:, 2 + k] for k, lead in enumerate(CHEST_LEADS)})
    return {lead: values.astype(np.float32) for lead, values in leads.items()}
