"""Which label the written definitions give a sheet for what was measured on it.

The networks may find a sheet most like normal that shows what no normal ECG shows. By the labels'
definitions (:func:`ecgapp.datasets.statements.possible_labels`) it is not normal then. A finding
decides that only where it is strong (:attr:`ecgapp.measure.finding.Finding.strong`) and, but for a
raised ST, which no statement that ships names, where the statement network says the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecgapp.inference.statements import Statement
    from ecgapp.measure.finding import Finding

# Finding -> the label that it makes, and the statement that has to be present beside it. An injury
# current makes an infarction acute; one without it that has left Q waves is old.
_DEFINED: Mapping[str, tuple[str, str | None]] = {
    "ST_ELEVATION": ("mi", None),
    "Q_WAVES": ("history_of_mi", "MI"),
    "PACED": ("abnormal_heartbeat", "PACE"),
    "WIDE_QRS_LBBB": ("abnormal_heartbeat", "CLBBB"),
    "WIDE_QRS_RBBB": ("abnormal_heartbeat", "CRBBB"),
    "IRREGULAR_RHYTHM": ("abnormal_heartbeat", "AFIB"),
    "PREMATURE_VENTRICULAR": ("abnormal_heartbeat", "PVC"),
}


@dataclass(frozen=True)
class Definition:
    """What a sheet is by definition.

    Attributes
    ----------
    label : str
    text : str
        The finding that makes it so, one sentence.
    """

    label: str
    text: str


def define(findings: Sequence[Finding], statements: Mapping[str, Statement]) -> Definition | None:
    """Say what a sheet is by definition if it is not normal.

    Parameters
    ----------
    findings : sequence of Finding
    statements : mapping of str to Statement
        Of the same sheet.

    Returns
    -------
    Definition or None
        An infarction before anything else, as the labels' definitions have it; None where nothing
        that was found is strong enough.
    """
    strong = {finding.code: finding for finding in findings if finding.strong}
    for code, (label, statement) in _DEFINED.items():
        if code in strong and (statement is None or _is_stated(statements, statement)):
            return Definition(label, strong[code].text)
    return None


def _is_stated(statements: Mapping[str, Statement], code: str) -> bool:
    found = statements.get(code)
    return found is not None and found.present
