"""The stages of dvc.yaml as a picture: what is made from what, from the top down."""

from __future__ import annotations

import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

# Of a box and between boxes, chosen by eye.
_WIDTH_PX, _HEIGHT_PX = 132, 34
_GAP_X_PX, _GAP_Y_PX, _MARGIN_PX = 18, 46, 14
_EDGE = re.compile(r'"(?P<before>[\w-]+)" -> "(?P<after>[\w-]+)";')
_NODE = re.compile(r'^"(?P<name>[\w-]+)";', re.MULTILINE)


def draw_stages(root: Path) -> str:
    """Draw the stages of a checkout's ``dvc.yaml``.

    Parameters
    ----------
    root : Path
        The checkout.

    Returns
    -------
    str
        An SVG; a stage stands below all that it is made from.
    """
    command = [sys.executable, "-m", "dvc", "dag", "--dot"]
    dot = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    return to_svg(
        _NODE.findall(dot), [(edge["before"], edge["after"]) for edge in _EDGE.finditer(dot)]
    )


def to_svg(stages: list[str], edges: list[tuple[str, str]]) -> str:
    """Draw a graph without circles in layers.

    Parameters
    ----------
    stages : list of str
    edges : list of (str, str)
        What comes before what.

    Returns
    -------
    str
        An SVG.
    """
    before: dict[str, set[str]] = {stage: set() for stage in sorted(stages)}
    for first, then in edges:
        before[then].add(first)
    layer: dict[str, int] = {}
    for stage in TopologicalSorter(before).static_order():
        layer[stage] = 1 + max((layer[one] for one in before[stage]), default=-1)
    rows: list[list[str]] = [[] for _ in range(max(layer.values()) + 1)]
    for stage in before:
        rows[layer[stage]].append(stage)

    width = max(len(row) for row in rows) * (_WIDTH_PX + _GAP_X_PX) + 2 * _MARGIN_PX
    height = len(rows) * (_HEIGHT_PX + _GAP_Y_PX) - _GAP_Y_PX + 2 * _MARGIN_PX
    place = {}
    for number, row in enumerate(rows):
        start = (width - len(row) * (_WIDTH_PX + _GAP_X_PX) + _GAP_X_PX) / 2
        for column, stage in enumerate(row):
            x = start + column * (_WIDTH_PX + _GAP_X_PX)
            place[stage] = (x, _MARGIN_PX + number * (_HEIGHT_PX + _GAP_Y_PX))

    lines = []
    # What an edge says that longer ways say too is left out.
    above: dict[str, set[str]] = {}
    for stage in sorted(layer, key=layer.__getitem__):
        above[stage] = before[stage].union(*(above[one] for one in before[stage]))
    for first, then in sorted(edges):
        if any(first in above[other] for other in before[then]):
            continue
        (x1, y1), (x2, y2) = place[first], place[then]
        middle = _WIDTH_PX / 2
        lines.append(
            f'<line x1="{x1 + middle:.0f}" y1="{y1 + _HEIGHT_PX}" x2="{x2 + middle:.0f}" '
            f'y2="{y2}" stroke="#7F8C96"/>'
        )
    boxes = [
        f'<rect x="{x:.0f}" y="{y}" width="{_WIDTH_PX}" height="{_HEIGHT_PX}" rx="6" '
        f'fill="#F4F7F9" stroke="#2B8CA3"/><text x="{x + _WIDTH_PX / 2:.0f}" '
        f'y="{y + 22}" text-anchor="middle" fill="#16242E">{stage}</text>'
        for stage, (x, y) in place.items()
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'font-family="sans-serif" font-size="13"><title>The stages of dvc.yaml</title>'
        f'<rect width="{width}" height="{height}" fill="#FFFFFF"/>\n'
        + "\n".join([*lines, *boxes])
        + "\n</svg>\n"
    )
