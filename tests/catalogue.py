"""Bring the catalogues of languages up to date with the code: ``python tests/catalogue.py``.

Two kinds of text are taken from the code: what is marked with ``_`` or ``marked``, and the
sentences of the rooms that read a sheet, which `ecgapp.report.language.told` finds again by their
fixed words. The placeholders of the latter are named after the expressions in the f-strings.
"""

from __future__ import annotations

import ast
import itertools
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
LOCALE = ROOT / "ecgapp" / "report" / "locale"
DOMAIN = "ecgapp"
MARKS = ("_", "marked", "told")
MARKED = ("app.py", "pages", "ecgapp/report")
# Where sentences for people are written without a mark, in English.
READING = (
    "ecgapp/ecg.py",
    "ecgapp/errors.py",
    "ecgapp/io",
    "ecgapp/sheet",
    "ecgapp/digitize",
    "ecgapp/measure",
    "ecgapp/datasets/user_data.py",
    "ecgapp/evaluation/out_of_fold.py",
    "ecgapp/evaluation/published.py",
    "ecgapp/inference/abstention.py",
    "ecgapp/inference/statements.py",
    "ecgapp/inference/verdict.py",
    "ecgapp/report/by_hand.py",
    "ecgapp/service/pool.py",
    "ecgapp/service/readings.py",
    "ecgapp/service/visitor_batch.py",
    "ecgapp/synthesis/samples.py",
)
# What is raised to programmers and operators, and never shown to who reads a sheet.
FOR_PROGRAMMERS = ("ValueError", "ModelError", "OSError", "AssertionError", "RuntimeError",
                   "TypeError", "KeyError", "NotImplementedError", "AccessError")  # fmt: skip
# Shipped files whose sentences the pages show, as a way through each: ``*`` for all of a list or
# mapping, ``keys`` for a mapping's own keys.
ARTEFACTS = {
    "models/study/results.json": ("runs/*/title", "runs/*/note", "runs/*/published/*/protocol"),
    "models/statements/sources.json": ("protocol", "sources/keys"),
    "models/study/findings.json": ("records/keys", "electrode_swaps/swaps/*/electrodes"),
}
# Their counts, which change whenever the study is made again.
_COUNT = re.compile(r"(?<![\w/.-])\d+(?= (?:of|test|COVID)\b)")
# Sources of limits are titles of publications.
_SOURCE = re.compile(r"\b(?:19|20)\d\d$|^Set by hand")
_PROSE = re.compile(r"[a-z]{2,}.* .*[a-z]{2,}|^[A-Z][a-z]{3,}(?: ECG)?$", re.DOTALL)
# A part of a sentence: a value with a word.
_PART = re.compile(r"(?:^|[ ,(])[a-z]{4,} \{\w+\}|\{\w+\} [a-z]{4,}")
_NO_PROSE = re.compile(r"^[\w.-]+/|^\W*$|^#|[\[\]\\<>|]|_\w+\.|^\(|^data:|^[a-z_]+=|models/")


def template(node: ast.JoinedStr) -> str:
    """Write an f-string as a text with named placeholders."""
    used: dict[str, str] = {}
    text = ""
    for part in node.values:
        if isinstance(part, ast.Constant):
            text += str(part.value).replace("{", "{{").replace("}", "}}")
        elif isinstance(part, ast.FormattedValue):
            text += "{" + _placeholder(part.value, used) + "}"
    return text


def _placeholder(expression: ast.expr, used: dict[str, str]) -> str:
    """Name the value of an expression by the last name in it."""
    written = ast.unparse(expression)
    names = re.findall(r"[A-Za-z_]\w*", re.sub(r"'[^']*'|\"[^\"]*\"", "", written))
    name = next((one.strip("_").lower() for one in names if len(one) > 1), "value")
    number, base = 2, name
    while used.get(name, written) != written:
        name = f"{base}_{number}"
        number += 1
    used[name] = written
    return name


def files(places: tuple[str, ...]) -> Iterator[Path]:
    for place in places:
        path = ROOT / place
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


def marked_texts() -> Iterator[tuple[str, str]]:
    """Texts that are marked, each with the file that has it."""
    for path in files(MARKED):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                first = node.args[0] if node.args else None
                if name in MARKS and isinstance(first, ast.Constant):
                    yield str(first.value), str(path.relative_to(ROOT))


def sentences() -> Iterator[tuple[str, str]]:
    """Sentences, and parts of them, of the rooms that read a sheet."""
    for path in files(READING):
        tree = ast.parse(path.read_text("utf-8"))
        passed_over = set(_passed_over(tree))
        for node in ast.walk(tree):
            if id(node) in passed_over:
                continue
            text = None
            if isinstance(node, ast.JoinedStr):
                text = template(node)
                if _PART.search(text) and not _NO_PROSE.search(text):
                    yield text, str(path.relative_to(ROOT))
                    continue
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            if text and is_prose(text):
                yield text, str(path.relative_to(ROOT))


def is_prose(text: str) -> bool:
    fixed = re.sub(r"\{\w+\}", "", text)
    return bool(_PROSE.search(fixed)) and not (_NO_PROSE.search(fixed) or _SOURCE.search(text))


def _passed_over(tree: ast.Module) -> Iterator[int]:
    """What is no sentence for people: docstrings, errors of programmers, types, parts of others."""
    for node in ast.walk(tree):
        skipped: list[ast.AST] = []
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped = [node.value]
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            name = getattr(node.exc.func, "id", getattr(node.exc.func, "attr", ""))
            skipped = list(ast.walk(node)) if name in FOR_PROGRAMMERS else []
        elif isinstance(node, ast.Assert) or (
            isinstance(node, ast.Call) and "log" in ast.unparse(node.func).lower()
        ):
            skipped = list(ast.walk(node))
        elif isinstance(node, ast.AnnAssign):
            skipped = list(ast.walk(node.annotation))
        elif isinstance(node, ast.JoinedStr):
            skipped = [one for part in node.values for one in ast.walk(part)
                       if isinstance(part, ast.Constant)
                       or (isinstance(one, ast.JoinedStr) and one is part.format_spec)]  # fmt: skip
        elif isinstance(node, ast.FunctionDef):
            skipped = [one for a in [*node.args.args, node.returns] if a is not None
                       for one in ast.walk(a)]  # fmt: skip
        for one in skipped:
            yield id(one)


def artefact_texts() -> Iterator[tuple[str, str]]:
    """Sentences of shipped files; their counts are placeholders."""
    for path, ways in ARTEFACTS.items():
        content = json.loads((ROOT / path).read_text("utf-8"))
        for way in ways:
            for text in _along(content, way.split("/")):
                # A note's parts are said one by one.
                for part in filter(None, text.split("; ") if way.endswith("note") else [text]):
                    numbers = itertools.count(1)
                    yield _COUNT.sub(lambda _: f"{{n_{next(numbers)}}}", part), path  # noqa: B023


def _along(content: Any, way: list[str]) -> Iterator[str]:
    if not way:
        yield str(content)
    elif way[0] == "*":
        for one in content.values() if isinstance(content, dict) else content or ():
            yield from _along(one, way[1:])
    elif way[0] == "keys":
        yield from content
    elif content.get(way[0]) is not None:
        yield from _along(content[way[0]], way[1:])


def texts() -> dict[str, set[str]]:
    """All texts of the catalogues, each with the files that have it."""
    found: dict[str, set[str]] = {}
    for text, path in [*marked_texts(), *sentences(), *artefact_texts()]:
        found.setdefault(text, set()).add(path)
    return found


def catalogue(language: str) -> Catalog:
    with (LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        return read_po(file, language)


def main(language: str = "de") -> None:
    """Write the catalogue with the texts of the code, translated as before, and compile it."""
    folder = LOCALE / language / "LC_MESSAGES"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{DOMAIN}.po"
    before = catalogue(language) if path.exists() else Catalog(language)
    made = Catalog(language, project=DOMAIN, charset="utf-8", fuzzy=False)
    made.creation_date = before.creation_date
    made.revision_date = before.revision_date
    for text, places in sorted(texts().items(), key=lambda item: (sorted(item[1]), item[0])):
        known = before.get(text)
        made.add(text, known.string if known else "", [(place, None) for place in sorted(places)])
    with path.open("wb") as file:
        write_po(file, made, width=100, sort_output=False)
    with path.with_suffix(".mo").open("wb") as file:
        write_mo(file, made)
    missing = [message.id for message in made if message.id and not message.string]
    print(f"{len(made)} texts, {len(missing)} without a translation")
    for text in missing:
        print(repr(text))


if __name__ == "__main__":
    main(*sys.argv[1:])
