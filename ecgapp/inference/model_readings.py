"""What the shipped models say of a sheet: lead by lead, and of all leads together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecgapp.digitize.leads import NamedLead, model_windows
from ecgapp.ecg import NAMED_LEADS
from ecgapp.inference import shipped_models
from ecgapp.inference.shipped_models import STATEMENT_NETWORK, TWELVE_LEAD_NETWORK
from ecgapp.inference.statements import Statement, make_statements, read_calibrations

if TYPE_CHECKING:
    from ecgapp.inference.twelve_lead_inputs import TwelveLeadInputs
    from ecgapp.measure.finding import Finding
    from ecgapp.measure.measurements import Measurement


def read_leads(leads: Mapping[str, NamedLead]) -> dict[str, dict[str, dict[str, float]]]:
    """Let the models that read each lead by itself read every lead.

    Parameters
    ----------
    leads : mapping of str to NamedLead
        Those that the models do not know are left out.

    Returns
    -------
    dict of str to dict
        Lead -> model -> class -> probability; a lead's windows count alike.
    """
    windows = {name: model_windows(lead) for name, lead in leads.items() if name in NAMED_LEADS}
    # One batch a model: a call's fixed cost is many times the cost of one more window.
    batch = np.concatenate(list(windows.values()))
    names = [name for name, of_lead in windows.items() for _ in of_lead]
    ends = np.cumsum([len(of_lead) for of_lead in windows.values()])
    result: dict[str, dict[str, dict[str, float]]] = {name: {} for name in windows}
    for model_name, model in shipped_models.load_models().items():
        classes = model.metadata["classes"]
        by_lead = np.split(model.predict(batch, names), ends[:-1])
        for lead, probabilities in zip(windows, by_lead, strict=True):
            means = probabilities.mean(axis=0).tolist()
            result[lead][model_name] = dict(zip(classes, means, strict=True))
    return result


def read_together(
    inputs: TwelveLeadInputs,
) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """Let the networks that read all leads together read one sheet.

    Parameters
    ----------
    inputs : TwelveLeadInputs
        One sheet's.

    Returns
    -------
    probabilities : dict of str to dict
        Model -> class -> probability.
    stated : dict of str to float
        What the statement network says of each statement, not calibrated yet, by code.
    """
    network = shipped_models.load_twelve_lead_network()
    statements = shipped_models.load_statement_network()
    of_statements, stated = statements.predict(inputs)
    probabilities = {
        TWELVE_LEAD_NETWORK: _by_class(network.metadata, network.predict(inputs)[0]),
        STATEMENT_NETWORK: _by_class(statements.metadata, of_statements[0]),
    }
    codes = statements.metadata["statements"]
    return probabilities, dict(zip(codes, stated[0].tolist(), strict=True))


def read_statements(
    stated: Mapping[str, float],
    measurements: Mapping[str, Measurement],
    findings: Sequence[Finding],
) -> dict[str, Statement]:
    """Say what one sheet shows.

    Parameters
    ----------
    stated : mapping of str to float
        As `read_together` gives it.
    measurements : mapping of str to Measurement
        Made on the same sheet.
    findings : sequence of Finding
        Made of these.

    Returns
    -------
    dict of str to Statement
        By code.
    """
    return make_statements(
        stated,
        read_calibrations(shipped_models.load_statement_network().metadata),
        {name: measured.value for name, measured in measurements.items()},
        findings,
    )


def _by_class(metadata: Mapping[str, Any], probabilities: NDArray[np.float32]) -> dict[str, float]:
    return dict(zip(metadata["classes"], probabilities.tolist(), strict=True))
