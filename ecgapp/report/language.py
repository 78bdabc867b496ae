"""The language that people read, English or another one, by gettext catalogues.

English stands in the code. What is written for the screen and for the PDF is marked where it
stands: ``_("Sheet {number} of {n}", number=1, n=3)``. The rooms that read a sheet write English
sentences (refusals, findings, reasons), which JSON, CSV, FHIR and DICOM carry unchanged; `told`
finds such a sentence in the catalogue by its fixed words, wherever it comes from, and says it in
the reader's language with the same values.

Who reads is a matter of the run: a context variable, since one server serves many visitors at once.
``python tests/catalogue.py`` brings the catalogues up to date with the code.
"""

from __future__ import annotations

import gettext
import re
import string
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

ENGLISH = "en"
# By their codes (ISO 639-1), as they call themselves.
LANGUAGES = {ENGLISH: "English", "de": "Deutsch"}
DOMAIN = "ecgapp"
LOCALE = Path(__file__).parent / "locale"
# Sentences that are kept said in another language, of all visitors: some readings' worth.
_KEPT_SENTENCES = 2_000

_PLACEHOLDER = re.compile(r"\{(\w+)(?::[^{}]*)?\}")
_NUMBER = re.compile(r"[<>]?[+-]?\d[\d,]*(?:\.\d+)?%?")
# What a placeholder may stand for: no more than one sentence, or nothing.
_VALUE = r"(?:(?![.!?] [A-Z]).)*?"
_SENTENCE_END = re.compile(r"(?<=[.!?]) (?=[A-Z])")
_ONE_WORD = r"\S+?"
_ONE_WORD_NAMES = ("layout", "strip", "correction", "n_rows")
# Of a text whose values are not known so much has to be, set by hand.
_LEAST_FIXED = 1 / 3
# A value that should be known: no number, no lead's name.
_WORD = re.compile(r"[A-Za-z]{4}")
_ANY_WORD = re.compile(r"[a-z]{2}")
_LIST = re.compile(r"((?:[^,.;]+, )*[^,.; ]+) and ([^,.; ]+)")
_SIGNS = str.maketrans(",.", ".,")

_language: ContextVar[str] = ContextVar("language", default=ENGLISH)


def speak(language: str) -> None:
    """Choose the language of this run, and of no other visitor's.

    Parameters
    ----------
    language : str
        A key of `LANGUAGES`; anything else is taken for English.
    """
    _language.set(language if language in LANGUAGES else ENGLISH)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak a language within the block."""
    token = _language.set(language if language in LANGUAGES else ENGLISH)
    try:
        yield
    finally:
        _language.reset(token)


def spoken() -> str:
    """Name the language of this run."""
    return _language.get()


def best_language(locale: str | None) -> str:
    """Choose a language for a browser's locale, such as ``de-AT``; English for what is not known.

    Parameters
    ----------
    locale : str or None
    """
    code = (locale or "").replace("_", "-").partition("-")[0].lower()
    return code if code in LANGUAGES else ENGLISH


def _(message: str, /, **values: Any) -> str:
    """Say a text that stands here in the reader's language.

    Parameters
    ----------
    message : str
        English, with named placeholders.
    **values : object
        What to put there; numbers are written as the language writes them.

    Returns
    -------
    str
    """
    language = _language.get()
    if language != ENGLISH:
        message = _catalogue(language).get(message, message)
    if not values:
        return message
    return _FORMATTERS[language != ENGLISH].format(message, **values)


def marked(message: str) -> str:
    """Mark a text for the catalogue that is said with `told` elsewhere."""
    return message


def told(text: str) -> str:
    """Say a text that was written in English before, with values in it or without.

    Parameters
    ----------
    text : str
        One or several sentences, or a part of one.

    Returns
    -------
    str
        As it is where the language is English, or where the catalogue does not know it.
    """
    language = _language.get()
    return text if language == ENGLISH else _told(text, language)


def localized(text: str) -> str:
    """Write a number as the language does: ``1,343.5`` and ``93%`` in English."""
    if _language.get() == ENGLISH or not _NUMBER.fullmatch(text):
        return text
    return text.translate(_SIGNS).replace("%", "\N{NO-BREAK SPACE}%")


# Words that the rooms above put into a sentence by themselves.
_AND = marked(" and ")
_WORDS_WITHIN = (
    marked("with"), marked("without"), marked("text"), marked("limb"), marked("chest"),
)  # fmt: skip


class _Formatter(string.Formatter):
    """Writes numbers as the language of the run does."""

    def format_field(self, value: Any, format_spec: str) -> str:
        written = format(value, format_spec)
        # A text that is put in was written in the language before.
        return written if isinstance(value, str) else localized(written)


_FORMATTERS = (string.Formatter(), _Formatter())


@cache
def _catalogue(language: str) -> dict[str, str]:
    """English text -> text in the language, as the installed catalogue has it."""
    found = gettext.translation(DOMAIN, LOCALE, [language], fallback=True)
    texts = getattr(found, "_catalog", {})
    return {key: text for key, text in texts.items() if isinstance(key, str) and key}


@dataclass(frozen=True)
class _Template:
    """A text of the catalogue that has placeholders, as a pattern of what it may have become."""

    pattern: re.Pattern[str]
    message: str
    n_fixed: int


@cache
def _templates(language: str) -> list[_Template]:
    """Texts with placeholders and a word to know them by, those with the most fixed words first."""
    made = []
    for message in _catalogue(language):
        fixed = _PLACEHOLDER.sub("\0", message)
        if "\0" not in fixed or not _ANY_WORD.search(fixed):
            continue
        pattern, at, seen = "", 0, set()
        for found in _PLACEHOLDER.finditer(message):
            name = found[1]
            value = _ONE_WORD if name in _ONE_WORD_NAMES else _VALUE
            value = f"(?P={name})" if name in seen else f"(?P<{name}>{value})"
            pattern += re.escape(_plain(message[at : found.start()])) + value
            at = found.end()
            seen.add(name)
        pattern += re.escape(_plain(message[at:]))
        made.append(_Template(re.compile(pattern, re.DOTALL), message, len(fixed)))
    return sorted(made, key=lambda one: -one.n_fixed)


def _plain(message: str) -> str:
    return message.replace("{{", "{").replace("}}", "}")


@lru_cache(maxsize=_KEPT_SENTENCES)
def _told(text: str, language: str) -> str:
    """Say as many sentences at once as the catalogue knows, and each of the rest by itself."""
    sentences = _SENTENCE_END.split(text)
    said, at = [], 0
    while at < len(sentences):
        for end in range(len(sentences), at, -1):
            part = " ".join(sentences[at:end])
            if (found := _found(part, language)) is not None:
                break
        said.append(part if found is None else found)
        at = end
    return " ".join(said)


def _found(text: str, language: str) -> str | None:
    """Say one text of the catalogue with its values; None where it is not there."""
    texts = _catalogue(language)
    if text in texts:
        return texts[text]
    if _NUMBER.fullmatch(text):
        with speaking(language):
            return localized(text)
    doubtful = None
    for template in _templates(language):
        if match := template.pattern.fullmatch(text):
            given = match.groupdict()
            values = {name: _told(value, language) for name, value in given.items()}
            said = _PLACEHOLDER.sub(r"{\1}", texts[template.message]).format(**values)
            # What is known in all its parts is the right one.
            if all(values[name] != given[name] or not _WORD.search(given[name]) for name in given):
                return said
            if doubtful is None and template.n_fixed >= _LEAST_FIXED * len(text):
                doubtful = said
    if doubtful is not None:
        return doubtful
    if found := _LIST.fullmatch(text):
        first, last = (_told(part, language) for part in found.groups())
        return f"{first}{texts.get(_AND, _AND)}{last}"
    if _SENTENCE_END.search(text):
        return None
    # A step and what it found, or a list.
    body, stop = (text[:-1], ".") if text.endswith(".") else (text, "")
    for joint in (": ", ", "):
        parts = body.split(joint)
        known = [_found(part, language) for part in parts] if len(parts) > 1 else []
        if any(known):
            told_parts = [one or part for one, part in zip(known, parts, strict=True)]
            return joint.join(told_parts) + stop
    inside = _found(body, language) if stop else None
    return None if inside is None else inside + stop
