"""Builds the wheel: puts the weights, the pages and app.py into the package, as ecgapp/shipped."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
SHIPPED = (
    "app.py",
    "server.py",
    "pages/**/*.py",
    "pages/**/*.png",
    "pages/**/*.js",
    "pages/**/*.css",
    ".streamlit/config.toml",
    "models/**/*",
)
# Only training and the study's own checks read these, and they make half of the size.
LEFT_OUT = (
    "models/*/model.keras",
    "models/twelve_lead/pretrained.npz",
    "models/study/predictions/*",
)


class BuildWithShippedFiles(build_py):
    """Copy what serving needs besides the code."""

    def run(self) -> None:
        """Build the package, then add the files; an editable install finds them in the checkout."""
        super().run()
        if self.editable_mode:
            return
        folder = Path(self.build_lib, "ecgapp", "shipped")
        shutil.rmtree(folder, ignore_errors=True)  # of an earlier build
        left_out = {path for pattern in LEFT_OUT for path in ROOT.glob(pattern)}
        found = {path for pattern in SHIPPED for path in ROOT.glob(pattern) if path.is_file()}
        for path in sorted(found - left_out):
            target = folder / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


setup(cmdclass={"build_py": BuildWithShippedFiles})
