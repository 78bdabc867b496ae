"""Each line of SECURITY.md that claims a defence names tests that exist."""

import ast
import re

from paths import ROOT


def test_every_defence_names_its_tests() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 15
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row.rsplit("|", 2)[1])
        assert named, row
        for file, name in named:
            tree = ast.parse((ROOT / file).read_text("utf-8"))
            defined = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
            assert name in defined, f"{file} has no {name}"
