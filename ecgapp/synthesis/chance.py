"""Draw one of several values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def pick(rng: np.random.Generator, shares: Mapping[T, float]) -> T:
    """Draw a key by its share.

    Parameters
    ----------
    rng : numpy.random.Generator
    shares : mapping to float
        They need not sum up to 1.

    Returns
    -------
    One of the keys
    """
    weights = np.array(list(shares.values()))
    return list(shares)[int(rng.choice(len(weights), p=weights / weights.sum()))]


def one_of(rng: np.random.Generator, values: Sequence[T]) -> T:
    """Draw one of several values, each as likely.

    Parameters
    ----------
    rng : numpy.random.Generator
    values : sequence

    Returns
    -------
    One of the values
    """
    return values[int(rng.integers(len(values)))]
