"""The licences of what serving installs, as docs/licences.md: ``make licences``."""

import re
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "licences.md"
HEAD = """# Licences of the dependencies

What `requirements-serve.txt` installs on Linux, and so what the image holds, with the licence that
each names; written by `make licences`. `make sbom` writes the same list with versions and hashes as
CycloneDX.

Some wheels carry libraries of their own, each under its licence, which lies in the wheel: Pillow
(libjpeg-turbo, libtiff, libwebp, OpenJPEG, FreeType), opencv-python-headless (FFmpeg under the
LGPL, unused here), pi-heif (libheif and libde265 under the LGPL; no x265, which is under the GPL),
pypdfium2 (PDFium), NumPy and SciPy (OpenBLAS, the GCC runtime with its exception).

| Package | Licence |
|---|---|
"""


def page() -> str:
    """Write the page from what is installed."""
    locked = (ROOT / "requirements-serve.txt").read_text()
    lines = re.findall(r"^([A-Za-z0-9._-]+==[^\\\n]+)", locked, re.M)
    wanted = [Requirement(line.strip()) for line in lines]
    names = [one.name for one in wanted if one.marker is None or one.marker.evaluate()]
    rows = []
    for name in sorted(set(names), key=str.lower):
        rows.append(f"| {name} | {licence_of(metadata.metadata(name))} |")
    return HEAD + "\n".join(rows) + "\n"


def licence_of(about: metadata.PackageMetadata) -> str:
    """Find the licence that a package names: its expression, its classifiers, or its text."""
    if about.get("License-Expression"):
        return str(about["License-Expression"])
    classifiers = [one for one in about.get_all("Classifier") or [] if one.startswith("License ::")]
    if classifiers:
        return ", ".join(sorted({one.rsplit(" :: ", 1)[1] for one in classifiers}))
    lines = (about.get("License") or "not named").splitlines()
    return lines[0].strip()


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(PAGE.read_text() != page())
    PAGE.write_text(page())
