"""What recordings are said to show, in PTB-XL's codes, and which of the four labels that makes.

Every source has its own words: PTB-XL its SCP-ECG codes and their SNOMED translations, LUDB
sentences, the other collections numbers of SNOMED CT. Here they all become PTB-XL's codes, and the
codes become labels by one written definition, :func:`possible_labels`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ecgapp.datasets.window_set import CLASSES

LABELS = CLASSES
NORMAL, ABNORMAL, INFARCTION, HISTORY = LABELS

# Stages of infarction as PTB-XL gives them.
ACUTE_STAGES = frozenset({"Stadium I", "Stadium I-II", "Stadium II"})
OLD_STAGES = frozenset({"Stadium III"})
BETWEEN_STAGES = frozenset({"Stadium II-III"})
# SCP codes of injury current.
INJURY = frozenset({"INJAS", "INJAL", "INJIN", "INJIL", "INJLA"})
# Superclasses and codes that make a heartbeat abnormal, infarction left aside.
ABNORMALITIES = frozenset(
    [
        "STTC",
        "CD",
        "HYP",
        "AFIB",
        "AFLT",
        "STACH",
        "PAC",
        "PVC",
        "SVARR",
        "PACE",
        "BIGU",
        "TRIGU",
        "SVTAC",
        "PSVT",
        # None of PTB-XL's.
        "VTAC",
        "1AVB",
        "2AVB",
        "3AVB",
        "WPW",
        "CLBBB",
        "CRBBB",
        "ILBBB",
        "IRBBB",
        "IVCD",
        "LAFB",
        "LPFB",
        "LVH",
        "RVH",
        "SEHYP",
        "INVT",
        "STD_",
        "STE_",
        "LNGQT",
        "DIG",
    ]
)
# Alone they leave open whether a person would call the sheet normal.
BORDERLINE = frozenset({"SBRAD", "SARRH"})


def possible_labels(
    codes: Collection[str], stages: Collection[str] | None = None
) -> frozenset[str]:
    """Say which of the four labels a recording may have, by what is stated about it.

    The definition. *normal*: the statement NORM, and nothing else that is abnormal. *mi*: an
    infarction of an acute or recent stage, or with injury current. *history_of_mi*: an infarction
    of the old stage, or one whose stage was asked for and is not known, without injury current.
    *abnormal_heartbeat*: anything else that is abnormal, of rhythm, conduction, repolarization
    or the ventricles' mass. Sinus arrhythmia and an axis off the norm leave a heart normal;
    a sinus rate below 60 alone leaves it open.

    Parameters
    ----------
    codes : collection of str
        Superclasses and SCP codes that are stated.
    stages : collection of str, optional
        Stages of infarction as PTB-XL gives them (``Stadium I`` to ``Stadium III``, ``unknown``);
        None where nobody was asked, so that an infarction may be either.

    Returns
    -------
    frozenset of str
        One label where the statements settle it; all four where they say nothing.

    Examples
    --------
    >>> sorted(possible_labels({"NORM", "SR"}))
    ['normal']
    >>> sorted(possible_labels({"MI", "AFIB"}))
    ['history_of_mi', 'mi']
    >>> sorted(possible_labels({"MI", "IMI"}, {"Stadium III"}))
    ['history_of_mi']
    """
    stated = set(codes)
    if "MI" in stated:
        if stated & INJURY or (stages and ACUTE_STAGES & set(stages)):
            return frozenset({INFARCTION})
        if stages is None or (BETWEEN_STAGES & set(stages) and not OLD_STAGES & set(stages)):
            return frozenset({INFARCTION, HISTORY})
        return frozenset({HISTORY})
    if stated & ABNORMALITIES:
        return frozenset({ABNORMAL})
    if "NORM" in stated and "SBRAD" not in stated:
        return frozenset({NORMAL})
    if stated & (BORDERLINE | {"NORM"}):
        return frozenset({NORMAL, ABNORMAL})
    return frozenset(LABELS)


# PTB-XL: SCP code -> abbreviation of the SNOMED statement that translates it. These are given for
# every record, SCP codes for part of them; where both are given they agree.
OF_SNOMED: Mapping[str, str] = {
    "AFIB": "AF",
    "AFLT": "AFL",
    "AMI": "AnMI",
    "CRBBB": "CRBBB",
    "1AVB": "IAVB",
    "IRBBB": "IRBBB",
    "LAO/LAE": "LAE",
    "LAFB": "LAnFB",
    "CLBBB": "LBBB",
    "LPFB": "LPFB",
    "LPR": "LPR",
    "LVOLT": "LQRSV",
    "LNGQT": "LQT",
    "LVH": "LVH",
    "IVCD": "NSIVCB",
    "PAC": "PAC",
    "PACE": "PR",
    "QWAVE": "QAb",
    "RAO/RAE": "RAH",
    "RVH": "RVH",
    "SARRH": "SA",
    "SBRAD": "SB",
    "STD_": "STD",
    "STACH": "STach",
    "SVARR": "SVPB",
    "INVT": "TInv",
    "BIGU": "VBig",
    "PVC": "VEB",
    "WPW": "WPW",
}
# The same of rare ones, which are not learnt but make a heartbeat abnormal.
RARE_OF_SNOMED: Mapping[str, str] = {
    "2AVB": "IIAVB",
    "3AVB": "CHB",
    "ILBBB": "ILBBB",
    "PSVT": "PSVT",
    "SVTAC": "SVT",
    "TRIGU": "VTrig",
}

# What the twelve-lead network learns to state: the superclasses, then all statements that at least
# 50 (SNOMED) or 40 (SCP) of PTB-XL's training records have. A prefix says where a name that is no
# plain SCP code is from; ``sub:`` stands for a group of codes, below.
LEARNT: tuple[str, ...] = (
    "NORM",
    "MI",
    "STTC",
    "CD",
    "HYP",
    "AFIB",
    "AFLT",
    "AMI",
    "CRBBB",
    "1AVB",
    "snomed:ICA",
    "snomed:IIs",
    "snomed:ILBBB",
    "IRBBB",
    "snomed:LAD",
    "LAO/LAE",
    "LAFB",
    "CLBBB",
    "snomed:LIs",
    "LPFB",
    "LPR",
    "LVOLT",
    "LNGQT",
    "LVH",
    "snomed:MI",
    "snomed:MIs",
    "IVCD",
    "snomed:NSR",
    "snomed:NSSTTA",
    "PAC",
    "PACE",
    "QWAVE",
    "snomed:RAD",
    "RAO/RAE",
    "RVH",
    "SARRH",
    "SBRAD",
    "snomed:STC",
    "STD_",
    "STACH",
    "SVARR",
    "snomed:TAb",
    "INVT",
    "BIGU",
    "PVC",
    "WPW",
    "snomed:abQRS",
    "ABQRS",
    "ALMI",
    "ASMI",
    "DIG",
    "ILMI",
    "IMI",
    "INJAL",
    "INJAS",
    "ISCAL",
    "ISCAS",
    "ISCIL",
    "ISCIN",
    "ISC_",
    "LMI",
    "LOWT",
    "scp:LVH",
    "NDT",
    "scp:NORM",
    "NST_",
    "NT_",
    "SR",
    "VCLVH",
    "sub:AMI",
    "sub:IMI",
)
# PTB-XL's diagnostic subclasses of anterior and inferior infarction.
GROUPS: Mapping[str, frozenset[str]] = {
    "sub:AMI": frozenset({"AMI", "ASMI", "ALMI", "INJAS", "INJAL", "INJLA"}),
    "sub:IMI": frozenset({"IMI", "ILMI", "IPLMI", "IPMI", "INJIN", "INJIL"}),
}

# SNOMED CT numbers as the PhysioNet challenges 2020 and 2021 use them.
_SNOMED_CT: Mapping[str, str] = {
    "164889003": "AFIB",
    "164890007": "AFLT",
    "426177001": "SBRAD",
    "427084000": "STACH",
    "427393009": "SARRH",
    "284470004": "PAC",
    "63593006": "SVARR",
    "427172004": "PVC",
    "17338001": "PVC",
    "10370003": "PACE",
    "270492004": "1AVB",
    "164909002": "CLBBB",
    "59118001": "CRBBB",
    "713427006": "CRBBB",
    "713426002": "IRBBB",
    "445118002": "LAFB",
    "698252002": "IVCD",
    "164873001": "LVH",
    "55827005": "LVH",
    "59931005": "INVT",
    "164865005": "MI",
    "164867002": "MI",
    "253352002": "LAO/LAE",
    "67741000119109": "LAO/LAE",
    "446358003": "RAO/RAE",
    "111975006": "LNGQT",
    "251146004": "LVOLT",
    "164917005": "QWAVE",
    "713422000": "SVTAC",
    "233897008": "SVTAC",
    "425856008": "VTAC",
    "426627000": "SBRAD",
    "428750005": "STTC",
    "164934002": "STTC",
    "55930002": "STTC",
    "164930006": "STTC",
    "426434006": "STTC",
    "425623009": "STTC",
    "164861001": "STTC",
    "413844008": "STTC",
    "233917008": "CD",
}
_SINUS_RHYTHM, _OLD_INFARCTION = "426783006", "164867002"
_CONDUCTION = frozenset(["1AVB", "CLBBB", "CRBBB", "IRBBB", "LAFB", "IVCD"])

# LUDB: column of records.csv -> what an entry of it begins with -> code.
_LUDB: Mapping[str, Mapping[str, str]] = {
    "Rhythms": {
        "Atrial fibrillation": "AFIB",
        "Atrial flutter": "AFLT",
        "Sinus bradycardia": "SBRAD",
        "Sinus tachycardia": "STACH",
        "Sinus arrhythmia": "SARRH",
    },
    "Conduction abnormalities": {
        "I degree av block": "1AVB",
        "Complete left bundle": "CLBBB",
        "Complete right bundle": "CRBBB",
        "Incomplete right bundle": "IRBBB",
        "Left anterior hemiblock": "LAFB",
        "Non-specific intravintricular": "IVCD",
    },
    "Extrasystolies": {"Atrial": "PAC", "Ventricular": "PVC"},
    "Hypertrophies": {
        "Left ventricular hypertrophy": "LVH",
        "Left atrial": "LAO/LAE",
        "Right atrial": "RAO/RAE",
    },
    "Cardiac pacing": {"": "PACE"},
}
_SINUS = frozenset({"Sinus rhythm", "Sinus arrhythmia", "Sinus bradycardia"})
_ANTERIOR = ("anterior", "septal", "apical")

Stated = dict[str, bool | None]


def of_snomed_ct(numbers: Collection[str]) -> tuple[Stated, frozenset[str] | None]:
    """Put SNOMED CT numbers of the PhysioNet challenges in PTB-XL's codes.

    Parameters
    ----------
    numbers : collection of str

    Returns
    -------
    stated : dict of str to (bool or None)
        Code -> whether it is stated. Only codes that these collections use are named.
    stages : frozenset of str or None
        As in :func:`possible_labels`; None where the infarction's age is not given.
    """
    found = {_SNOMED_CT[number] for number in numbers if number in _SNOMED_CT}
    stated: Stated = {code: code in found for code in sorted(set(_SNOMED_CT.values()))}
    # Sinus rhythm as the only statement is how these collections say normal.
    stated["NORM"] = set(numbers) == {_SINUS_RHYTHM}
    stated["CD"] = bool(found & {"CD", *_CONDUCTION})
    stated["STTC"] = bool(found & {"STTC", "INVT"})
    return stated, OLD_STAGES if _OLD_INFARCTION in numbers else None


def of_ludb(row: Mapping[str, str]) -> tuple[Stated, frozenset[str] | None]:
    """Put a row of LUDB's ``records.csv`` in PTB-XL's codes.

    Parameters
    ----------
    row : mapping of str to str

    Returns
    -------
    stated : dict of str to (bool or None)
        Code -> whether it is stated; None where LUDB leaves open whether it is: "undefined
        ischemia/scar/supp.nstemi" may be an infarction.
    stages : frozenset of str or None
        As in :func:`possible_labels`.
    """
    entries = {
        column: [entry.strip() for entry in text.split(";") if entry.strip()]
        for column, text in row.items()
        if column not in ("ID", "Sex", "Age")
    }
    stated: Stated = {
        code: any(entry.startswith(start) for entry in entries[column])
        for column, words in _LUDB.items()
        for start, code in words.items()
    }
    ischemia = entries["Ischemia"]
    infarctions = [entry for entry in ischemia if entry.startswith(("Scar", "Stemi"))]
    open_ones = None if any(entry.startswith("Undefined") for entry in ischemia) else False
    stated["MI"] = True if infarctions else open_ones
    stated["AMI"] = (
        any(wall in one for one in infarctions for wall in _ANTERIOR) if infarctions else open_ones
    )
    stated["IMI"] = any("inferior" in one for one in infarctions) if infarctions else open_ones
    stated["CD"] = bool(entries["Conduction abnormalities"])
    stated["HYP"] = bool(entries["Hypertrophies"])
    repolarization = [entry for entry in ischemia if not entry.startswith("Scar")]
    stated["STTC"] = bool(entries["Non-specific repolarization abnormalities"] or repolarization)
    others = (stated["CD"], stated["HYP"], stated["STTC"], stated["PACE"], infarctions)
    stated["NORM"] = not (
        any(others)
        or entries["Extrasystolies"]
        or entries["Other states"]
        or not set(entries["Rhythms"]) <= _SINUS
    )
    if any(one.startswith("Stemi") for one in infarctions):
        return stated, frozenset({"Stadium I"})
    return stated, OLD_STAGES if infarctions else None


def labels_of(stated: Stated, stages: frozenset[str] | None) -> frozenset[str]:
    """Say which labels a recording may have whose statements are partly open.

    Parameters
    ----------
    stated : dict of str to (bool or None)
    stages : frozenset of str or None

    Returns
    -------
    frozenset of str
        As :func:`possible_labels` says, for every way in which the open statements may be.
    """
    present = {code for code, is_so in stated.items() if is_so}
    possible = possible_labels(present, stages)
    if stated.get("MI", False) is None:
        possible |= possible_labels(present | {"MI"}, stages)
    return possible
