"""Every bad file is read or refused with a reason, in bounded time and memory."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import fakes
import inline_readers
import pytest
from bad_files import sheets
from paths import ROOT

from ecgapp import diagnose
from ecgapp.errors import MAX_READING_S

# The contract for one file, whatever it is.
MOST_MEMORY_BYTES = 1.5e9
MOST_S = MAX_READING_S + 2.0
# The quick test takes one file of so many; the others are read by the test that is marked.
QUICK_SHARE = 8

READER = """
import json, logging, resource, sys, time, warnings
sys.path.insert(0, "tests")
warnings.simplefilter("ignore")
logging.disable()
from bad_files import bad_files
from ecgapp.pipeline import diagnose

share, rest = int(sys.argv[1]), int(sys.argv[2])
unit = 1 if sys.platform == "darwin" else 1024
for number, file in enumerate(bad_files()):
    if (number % share == 0) is bool(rest):
        print(json.dumps({"name": file.name}))
    else:
        start = time.thread_time()
        diagnosis = diagnose(file.data)
        took_s = time.thread_time() - start
        peaks = [resource.getrusage(who).ru_maxrss * unit
                 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        refusal = diagnosis.refusal
        print(json.dumps({
            "name": file.name, "took_s": took_s, "peak": max(peaks),
            "refusal": refusal and [refusal.code, refusal.step, refusal.message],
            "confident": diagnosis.verdict is not None and diagnosis.verdict.confident,
            "label": diagnosis.verdict and diagnosis.verdict.label,
        }))
"""


def read_all(share: int, rest: bool) -> list[dict[str, Any]]:
    """Read one of so many files, or the rest, in a process whose memory is its own.

    The others are named.
    """
    done = subprocess.run(
        # The shell in between has a memory of its own: a process that is started inherits the peak
        # of the one that starts it.
        [
            "sh",
            "-c",
            '"$@"; exit $?',
            "sh",
            sys.executable,
            "-c",
            READER,
            str(share),
            str(int(rest)),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(readings: list[dict[str, Any]]) -> None:
    names = [reading["name"] for reading in readings]
    assert len(names) == len(set(names)) >= 300
    for reading in readings:
        if "took_s" not in reading:
            continue
        assert reading["took_s"] < MOST_S, reading
        assert reading["peak"] < MOST_MEMORY_BYTES, reading
        if reading["refusal"] is not None:
            code, step, message = reading["refusal"]
            assert code != "internal_error", reading
            assert message.startswith(f"{step}: "), reading
            assert message.endswith("."), reading
            assert message.isprintable(), reading
            assert not set("[]`<>*") & set(message), reading


def test_the_sheets_are_always_the_same() -> None:
    assert sheets.__wrapped__() == sheets()


def test_some_bad_files_are_read_or_refused() -> None:
    check(read_all(QUICK_SHARE, rest=False))


@pytest.mark.fuzz_corpus
def test_all_other_bad_files_are_read_or_refused() -> None:
    check(read_all(QUICK_SHARE, rest=True))


def test_the_sheets_that_the_bad_files_are_made_of_are_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fakes.install(monkeypatch)
    inline_readers.install(monkeypatch)
    for kind, data in sheets().items():
        assert diagnose(data).verdict is not None, kind
