"""Rows and figures as the models' cards write them."""

from __future__ import annotations

from ecgapp.evaluation import Estimate, Summary
from ecgapp.figures import CLASS_STYLES


def class_row(label: str, every: Summary, only_3x4: Summary) -> str:
    """Write a class's row: precision, recall, specificity, F1, and F1 for 3x4 alone."""
    figures = every.by_class[label]
    cells = [figures[name] for name in ("precision", "recall", "specificity", "f1")]
    cells.append(only_3x4.by_class[label]["f1"])
    return f"| {CLASS_STYLES[label].name} | " + " | ".join(map(percent, cells)) + " |"


def percent(figure: Estimate) -> str:
    """Write a share with its interval."""
    return f"{figure.value:.0%} ({100 * figure.low:.0f}-{100 * figure.high:.0f})"
