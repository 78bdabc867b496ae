"""What one change of the heart does to the verdict, and what changes of the page must not do.

``python -m ecgapp bench counterfactuals``: simulated patients are drawn as sheets and read; then
the same patients with a faster rate, premature beats, raised ST or Q waves, and the same curves on
pages with another header, footer or grid. Needs no data.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from rich.table import Table

from ecgapp import diagnose
from ecgapp.ecg import Signals
from ecgapp.inference.verdict import Verdict
from ecgapp.synthesis.edan import PageStyle, render
from ecgapp.synthesis.simulate import PatientModel, simulate

LAYOUTS = ("3x4", "6x2")
# Simulated patients, and the range of their rates: normal ones that a change leaves plausible.
N_PATIENTS = 20
SLOWEST_BPM, FASTEST_BPM = 62.0, 80.0
VERDICT = "verdict"

# Pages that say nothing of the heart, or something wrong.
_OTHER_PAGES = (
    PageStyle(grid=True),
    PageStyle(grid=False),
    PageStyle(title="ACUTE MYOCARDIAL INFARCTION", patient_id="987654"),
    PageStyle(filter_band="0.05~150Hz", heart_rate_bpm=141, recorded_at="2020-02-29 23:59:59"),
)


@dataclass(frozen=True)
class Change:
    """A change of the heart, and what the verdict should make of it.

    Attributes
    ----------
    name : str
        In plain words.
    classes : tuple of str
        Those that the change speaks for; their probability, summed, should rise.
    of : callable
        Changes a patient.
    """

    name: str
    classes: tuple[str, ...]
    of: Callable[[PatientModel], PatientModel]


# Of the heart, large enough for any definition of the labels they should lead to.
CHANGES = (
    Change(
        "rate of 110 per minute",
        ("abnormal_heartbeat",),
        lambda patient: replace(patient, heart_rate_bpm=110.0),
    ),
    Change(
        "every fourth beat premature, from a ventricle",
        ("abnormal_heartbeat",),
        lambda patient: replace(patient, rhythm="premature_ventricular_beats"),
    ),
    Change(
        "ST raised by 0.3 mV in V2 to V4",
        ("mi",),
        lambda patient: replace(patient, st_level_mv=dict.fromkeys(("V2", "V3", "V4"), 0.3)),
    ),
    Change(
        "deep Q in II, III and aVF",
        ("mi", "history_of_mi"),
        lambda patient: replace(patient, q_waves=frozenset({"inferior"})),
    ),
)


@dataclass(frozen=True)
class ChangeEffect:
    """What a change did to the probability of its classes.

    Attributes
    ----------
    change : str
    layout : str
    model : str
        ``verdict`` or one network.
    n : int
        Patients.
    rose : int
        In how many of them the probability rose.
    before, after : float
        Mean probability.
    called : int
        In how many the changed sheet's likeliest class is one of the change's.
    """

    change: str
    layout: str
    model: str
    n: int
    rose: int
    before: float
    after: float
    called: int


@dataclass(frozen=True)
class PageEffect:
    """How far other pages around the same curves move the verdict's probabilities.

    Attributes
    ----------
    layout : str
    n : int
        Pages compared with the plain one.
    largest : float
        Largest difference of any class's probability.
    """

    layout: str
    n: int
    largest: float


def patients(n: int) -> Iterator[PatientModel]:
    """Simulate hearts in sinus rhythm, at rates at which no class is implied."""
    for seed, rate_bpm in enumerate(np.linspace(SLOWEST_BPM, FASTEST_BPM, n).tolist()):
        yield PatientModel(rate_bpm, seed=seed)


def read(signals: Signals, layout: str, page: PageStyle | None = None) -> Verdict:
    """Draw signals as a sheet and read it.

    Raises
    ------
    Refusal
        If the drawn sheet is refused, which no drawn sheet should be.
    """
    file = io.BytesIO()
    render(signals, layout, page).save(file, "PNG", compress_level=1)
    diagnosis = diagnose(file.getvalue())
    if diagnosis.verdict is None:
        assert diagnosis.refusal is not None  # one of the two is always there
        raise diagnosis.refusal
    return diagnosis.verdict


def change_effects(layout: str, n: int = N_PATIENTS) -> list[ChangeEffect]:
    """Read patients before and after every change.

    Parameters
    ----------
    layout : str
        ``3x4`` or ``6x2``.
    n : int
        Patients.

    Returns
    -------
    list of ChangeEffect
        By change, of the verdict first and then of each network.
    """
    hearts = list(patients(n))
    before = [read(simulate(heart), layout) for heart in hearts]
    effects = []
    for change in CHANGES:
        after = [read(simulate(change.of(heart)), layout) for heart in hearts]
        for model in (VERDICT, *before[0].by_model):
            effects.append(_effect(change, layout, model, before, after))
    return effects


def _effect(
    change: Change, layout: str, model: str, before: Sequence[Verdict], after: Sequence[Verdict]
) -> ChangeEffect:
    old, new = (
        np.array([sum(_probabilities(v, model)[name] for name in change.classes) for v in verdicts])
        for verdicts in (before, after)
    )
    likeliest = [max(p, key=p.__getitem__) for p in (_probabilities(v, model) for v in after)]
    return ChangeEffect(
        change.name,
        layout,
        model,
        len(old),
        int((new > old).sum()),
        float(old.mean()),
        float(new.mean()),
        sum(label in change.classes for label in likeliest),
    )


def _probabilities(verdict: Verdict, model: str) -> dict[str, float]:
    return verdict.probabilities if model == VERDICT else verdict.by_model[model]


def page_effect(layout: str, n: int = N_PATIENTS) -> PageEffect:
    """Read the same curves on pages with other headers, footers and grids.

    Parameters
    ----------
    layout : str
    n : int
        Patients.

    Returns
    -------
    PageEffect
    """
    differences = []
    for heart in patients(n):
        signals = simulate(heart)
        plain = read(signals, layout).probabilities
        for page in _OTHER_PAGES:
            other = read(signals, layout, page).probabilities
            differences.append(max(abs(other[name] - plain[name]) for name in plain))
    return PageEffect(layout, len(differences), max(differences))


def to_table(effects: Sequence[ChangeEffect]) -> Table:
    """Lay the changes' effects out for a terminal."""
    table = Table("change", "layout", "read by", "rose", "probability", "called so")
    for one in effects:
        table.add_row(
            one.change,
            one.layout,
            one.model,
            f"{one.rose} of {one.n}",
            f"{one.before:.2f} to {one.after:.2f}",
            f"{one.called} of {one.n}",
        )
    return table


def pages_text(effects: Sequence[PageEffect]) -> str:
    """Say in words what other pages did."""
    return "\n".join(
        f"Other header, footer or grid, {one.layout}, {one.n} pages: no probability moves by more "
        f"than {one.largest:.3f}"
        for one in effects
    )
