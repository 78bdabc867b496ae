"""Height and shape of Q, R, S, ST and T, by groups of leads."""

from __future__ import annotations

from collections.abc import Iterator

from ecgapp.ecg import CHEST_LEADS, LEADS, LIMB_LEADS
from ecgapp.measure.conduction_findings import SEX_FEMALE, SEX_MALE, bundle_branch
from ecgapp.measure.finding import (
    HYPERTROPHY_2009,
    NEIGHBOURS,
    SURAWICZ_KNILANS,
    UNIVERSAL_DEFINITION,
    ZEMA_1982,
    Finding,
    Values,
    listed,
    with_neighbour,
)

# Limits of the sources that the findings below name. ST at J (in V2 and V3 by sex and age), Q and
# T: the Fourth Universal Definition (Thygesen 2018). R in V3: Zema 1982. Low voltage: Surawicz and
# Knilans 2008. Sokolow-Lyon's and Cornell's sums: Hancock 2009.
_ST_ELEVATION_MV = 0.1
_ST_ELEVATION_V2_V3_MV = {"female": 0.15, "male": 0.2, "young male": 0.25}
_YOUNG_YEARS = 40
_ST_DEPRESSION_MV = 0.05
# Strong: raised in two neighbouring leads by more than this. 38 records of PTB-XL are (every
# seventh of folds 1 to 8, and fold 9); 3 of them are stated to be normal, 22 to be infarctions.
_STRONG_ST_MV = 0.2
_Q_MS, _Q_MV = 30, 0.1
_Q_V2_V3_MS = 20
# Strong: so deep in all leads of a wall. Of the same records 11 are (inferior), all infarctions;
# 0.2 mV is enough there, but on the known machine's sheets not for its hospital's labels.
_STRONG_Q_MV = 0.4
_WALLS = (("II", "III", "aVF"), ("V4", "V5", "V6"))
_T_INVERSION_MV = 0.1
_R_V3_MV = 0.2
_LIMB_MV, _CHEST_MV = 0.5, 1.0
_SOKOLOW_LYON_MV = 3.5
_CORNELL_MALE_MV, _CORNELL_FEMALE_MV = 2.8, 2.0

# Definitions say "prominent R" without a number; this one was set by hand.
_PROMINENT_R_MV = 0.5
# ST is followed on a traced curve to about this (5th and 95th percentile: 0.03 mV).
_ST_MARGIN_MV = 0.01
# The definition asks for no ratio; the Minnesota code 1-1-1 asks that Q is a third of R.
_Q_PART_OF_R = 1 / 3


def wave_findings(values: Values, sex: str | None, age_years: float | None) -> Iterator[Finding]:
    """Apply the rules on height and shape."""
    pattern = bundle_branch(values)
    if pattern is None:
        yield from _st_elevation(values, sex, age_years)
        yield from _st_depression(values)
        yield from _t_inversion(values)
        yield from _tall_r(values)
    if pattern not in ("LBBB", "IVCD"):
        yield from _q_waves(values)
        yield from _poor_r_progression(values)
        yield from _left_ventricular_voltage(values, sex)
    yield from _low_voltage(values)


def _st_elevation(values: Values, sex: str | None, age_years: float | None) -> Iterator[Finding]:
    if sex == SEX_FEMALE:
        front = _ST_ELEVATION_V2_V3_MV["female"]
    elif sex == SEX_MALE and age_years is not None and age_years < _YOUNG_YEARS:
        front = _ST_ELEVATION_V2_V3_MV["young male"]
    else:
        front = _ST_ELEVATION_V2_V3_MV["male"]
    limits = {
        lead: (front if lead in ("V2", "V3") else _ST_ELEVATION_MV)
        for lead in LEADS
        if lead != "aVR"
    }
    raised = {
        lead: level
        for lead, limit in limits.items()
        if (level := _st(values, lead)) is not None and level > limit + _ST_MARGIN_MV
    }
    leads = with_neighbour(raised)
    if leads:
        most = max(leads, key=raised.__getitem__)
        text = f"ST is raised in {listed(leads)}, most in {most}, by {raised[most]:.2f} mV."
        yield Finding(
            "ST_ELEVATION",
            text,
            leads,
            raised[most],
            "mV",
            limits[most],
            UNIVERSAL_DEFINITION,
            strong=any(
                min(raised.get(one, 0.0), raised.get(other, 0.0)) > _STRONG_ST_MV + _ST_MARGIN_MV
                for one, other in NEIGHBOURS
            ),
        )


def _st(values: Values, lead: str) -> float | None:
    """Level that both J and 60 ms later reach, with its sign; 0 where they differ in sign."""
    j, later = values.at("st_j_mv", lead), values.at("st_j60_mv", lead)
    if j is None or later is None:
        return None
    if j * later <= 0:
        return 0.0
    return min(j, later, key=abs)


def _st_depression(values: Values) -> Iterator[Finding]:
    lowered = {
        lead: level
        for lead in LEADS
        if lead != "aVR"
        and (level := _st(values, lead)) is not None
        and level < -_ST_DEPRESSION_MV - _ST_MARGIN_MV
    }
    leads = with_neighbour(lowered)
    if leads:
        most = min(leads, key=lowered.__getitem__)
        text = f"ST is lowered in {listed(leads)}, most in {most}, by {-lowered[most]:.2f} mV."
        yield Finding(
            "ST_DEPRESSION",
            text,
            leads,
            lowered[most],
            "mV",
            -_ST_DEPRESSION_MV,
            UNIVERSAL_DEFINITION,
        )


def _t_inversion(values: Values) -> Iterator[Finding]:
    inverted = {
        lead: t
        for lead in LEADS
        if lead not in ("aVR", "V1")
        and (t := values.at("t_mv", lead)) is not None
        and t < -_T_INVERSION_MV
        and _has_prominent_r(values, lead)
    }
    leads = with_neighbour(inverted)
    if leads:
        most = min(leads, key=inverted.__getitem__)
        text = f"T is inverted in {listed(leads)}, most in {most}, by {-inverted[most]:.2f} mV."
        yield Finding(
            "T_INVERSION",
            text,
            leads,
            inverted[most],
            "mV",
            -_T_INVERSION_MV,
            UNIVERSAL_DEFINITION,
        )


def _has_prominent_r(values: Values, lead: str) -> bool:
    r, s = values.at("r_mv", lead) or 0, values.at("s_mv", lead) or 0
    return r > s or r >= _PROMINENT_R_MV


_Q_LEADS = ("I", "II", "aVL", "aVF", "V4", "V5", "V6")


def _q_waves(values: Values) -> Iterator[Finding]:
    found = {lead for lead in (*_Q_LEADS, "III") if _has_wide_q(values, lead)}
    found |= {lead for lead in ("V2", "V3") if _has_q_in_front(values, lead)}
    leads = with_neighbour(found)
    if leads:
        most = max(leads, key=lambda lead: values.at("q_ms", lead) or 0)
        duration = values.at("q_ms", most) or 0
        text = f"Q waves as a scar leaves them in {listed(leads)}: {duration:.0f} ms in {most}."
        strong = any(
            all(lead in leads and (values.at("q_mv", lead) or 0) >= _STRONG_Q_MV for lead in wall)
            for wall in _WALLS
        )
        yield Finding(
            "Q_WAVES", text, leads, duration, "ms", _Q_MS, UNIVERSAL_DEFINITION, strong=strong
        )


def _has_wide_q(values: Values, lead: str) -> bool:
    depth, width = values.at("q_mv", lead), values.at("q_ms", lead)
    if depth is None or width is None or depth < _Q_MV or width < _Q_MS:
        return False
    return depth >= _Q_PART_OF_R * (values.at("r_mv", lead) or 0)


def _has_q_in_front(values: Values, lead: str) -> bool:
    depth, width = values.at("q_mv", lead), values.at("q_ms", lead)
    return depth is not None and width is not None and width > _Q_V2_V3_MS and depth >= _Q_MV


def _tall_r(values: Values) -> Iterator[Finding]:
    tall = [
        lead
        for lead in ("V1", "V2")
        if (values.at("r_mv", lead) or 0) > (values.at("s_mv", lead) or 0)
        and (values.at("t_mv", lead) or 0) > 0
    ]
    if len(tall) == 2:
        r = values.at("r_mv", "V1")
        text = "R is taller than S is deep in V1 and V2, as after a posterior infarction."
        yield Finding("TALL_R_V1_V2", text, ("V1", "V2"), r, "mV", None, UNIVERSAL_DEFINITION)


def _poor_r_progression(values: Values) -> Iterator[Finding]:
    r = [values.at("r_mv", lead) for lead in ("V1", "V2", "V3", "V4")]
    if r[2] is not None and r[1] is not None and r[2] <= _R_V3_MV and r[1] <= r[2]:
        text = f"R grows little from V1 to V3: it is {r[2]:.2f} mV in V3."
        yield Finding(
            "POOR_R_PROGRESSION", text, ("V1", "V2", "V3"), r[2], "mV", _R_V3_MV, ZEMA_1982
        )


def _low_voltage(values: Values) -> Iterator[Finding]:
    low: dict[str, float] = {}
    for name, leads, limit in (
        ("limb", LIMB_LEADS, _LIMB_MV),
        ("chest", CHEST_LEADS, _CHEST_MV),
    ):
        sizes = [size for lead in leads if (size := _qrs_mv(values, lead)) is not None]
        if len(sizes) == len(leads) and max(sizes) < limit:
            low[name] = max(sizes)
    if not low:
        return
    sizes_in_words = listed(f"{size:.2f} mV in the {name} leads" for name, size in low.items())
    in_limb = "limb" in low
    yield Finding(
        "LOW_VOLTAGE",
        f"QRS is low: at most {sizes_in_words}.",
        tuple(
            lead
            for lead in LEADS
            if (lead in LIMB_LEADS and in_limb) or (lead in CHEST_LEADS and "chest" in low)
        ),
        low["limb" if in_limb else "chest"],
        "mV",
        _LIMB_MV if in_limb else _CHEST_MV,
        SURAWICZ_KNILANS,
    )


def _qrs_mv(values: Values, lead: str) -> float | None:
    """Height of QRS from its lowest to its highest point, mV."""
    r, s, q = (values.at(name, lead) for name in ("r_mv", "s_mv", "q_mv"))
    return None if r is None or s is None or q is None else r + max(s, q)


def _left_ventricular_voltage(values: Values, sex: str | None) -> Iterator[Finding]:
    cornell_limit = _CORNELL_FEMALE_MV if sex == SEX_FEMALE else _CORNELL_MALE_MV
    for s_lead, r_leads, limit, name in (
        ("V1", ("V5", "V6"), _SOKOLOW_LYON_MV, "Sokolow-Lyon"),
        ("V3", ("aVL",), cornell_limit, "Cornell"),
    ):
        s = values.at("s_mv", s_lead)
        r = {lead: height for lead in r_leads if (height := values.at("r_mv", lead)) is not None}
        if s is None or not r:
            continue
        r_lead = max(r, key=r.__getitem__)
        total = s + r[r_lead]
        if total > limit:
            text = (
                f"QRS is high, as with a thick left ventricle ({name}): S in {s_lead} and R in "
                f"{r_lead} make {total:.1f} mV."
            )
            yield Finding(
                "LVH_VOLTAGE", text, (s_lead, r_lead), total, "mV", limit, HYPERTROPHY_2009
            )
            return
