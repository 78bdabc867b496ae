"""What the shipped models say of a sheet: lead by lead, and of all leads together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ecgapp.digitize.leads import NamedLead, model_windows
from ecgapp.ecg import NAMED_LEADS
from ecgapp.inference import shipped_models
from ecgapp.inference.shipped_models import TWELVE_LEAD_NETWORK

if TYPE_CHECKING:
    from ecgapp.inference.twelve_lead_inputs import TwelveLeadInputs


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


def read_together(inputs: TwelveLeadInputs) -> dict[str, dict[str, float]]:
    """Let the network that reads all leads together read one sheet.

    Parameters
    ----------
    inputs : TwelveLeadInputs
        One sheet's.

    Returns
    -------
    dict of str to dict
        Model -> class -> probability.
    """
    network = shipped_models.load_twelve_lead_network()
    probabilities = network.predict(inputs)[0].tolist()
    return {TWELVE_LEAD_NETWORK: dict(zip(network.metadata["classes"], probabilities, strict=True))}
