"""The list of the dependencies' licences is what is installed, and holds no strong copyleft."""

import runpy

from paths import ROOT

page = runpy.run_path(str(ROOT / "deploy" / "licences.py"))["page"]


def test_the_page_is_up_to_date() -> None:
    assert page() == (ROOT / "docs" / "licences.md").read_text()


def test_no_dependency_is_under_the_gpl_or_names_no_licence() -> None:
    rows = [line.split(" | ") for line in page().splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 40
    for name, licence in rows:
        text = licence.replace("LGPL", "").replace("Lesser General Public", "")
        assert "GPL" not in text, name
        assert "General Public" not in text, name
        assert "not named" not in text, name
