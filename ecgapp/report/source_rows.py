"""How often the statements and the verdict are right on other collections' sheets, as tables."""

from __future__ import annotations

from typing import Any

from ecgapp.report.language import _, told
from ecgapp.report.words import percent


def source_rows(figures: dict[str, Any]) -> list[dict[str, str]]:
    """Lay out one row a source.

    Parameters
    ----------
    figures : dict
        Content of ``models/statements/sources.json``.

    Returns
    -------
    list of dict of str to str
        Of every source with sheets of its own.
    """
    rows = []
    for source, found in figures["sources"].items():
        # A part of a source that answers one question alone has no figures of its own in all.
        if not {"sheets", "mean_auroc", "verdict"} <= found.keys():
            continue
        verdict, confident = found["verdict"], found["verdict"]["confident"]
        rows.append(
            {
                _("Source"): told(source),
                _("Sheets (photographed)"): f"{found['sheets']} ({found['photographed']})",
                _("Statements, mean AUROC"): _(
                    "{auroc:.2f} (over {n})",
                    auroc=found["mean_auroc"],
                    n=found["statements_in_mean"],
                ),
                _("Normal, AUROC"): _auroc(verdict["normal"]),
                _("Infarction or its history, AUROC"): _auroc(verdict["infarction_or_history"]),
                _("Above the threshold"): percent(confident["share"]),
                _("Of these right"): _with_interval(confident),
                _("Confidently not normal"): percent(verdict["not_normal"]["share"]),
                _("Of these not normal"): _with_interval(verdict["not_normal"]),
                _("Of the normal ones called so"): _(
                    "{called} of {n}",
                    called=verdict["not_normal"]["normal_called_not_normal"],
                    n=verdict["not_normal"]["normal"],
                ),
            }
        )
    return rows


def statement_rows(figures: dict[str, Any], source: str) -> list[dict[str, str]]:
    """Lay out one row a statement, of one source.

    Parameters
    ----------
    figures : dict
        Content of ``models/statements/sources.json``.
    source : str
        A key of its ``sources``.

    Returns
    -------
    list of dict of str to str
    """
    return [
        {
            _("Statement"): code,
            _("Records"): str(found["records"]),
            _("With it"): str(found["positives"]),
            "AUROC": _auroc(found),
            _("Precision"): _share(found.get("precision")),
            _("Sensitivity"): _share(found.get("sensitivity")),
        }
        for code, found in figures["sources"][source]["statements"].items()
    ]


def _with_interval(found: dict[str, Any]) -> str:
    if found["right"] is None:
        return "\u2013"
    low, high = (round(100 * share) for share in found["right_95"])
    return f"{percent(found['right'])} ({low}\u2013{high})"


def _auroc(found: dict[str, Any]) -> str:
    if found.get("auroc") is None:
        return "\u2013"
    low, high = found["auroc_95"]
    return _("{value:.2f} ({low:.2f}\u2013{high:.2f})", value=found["auroc"], low=low, high=high)


def _share(share: float | None) -> str:
    return "\u2013" if share is None else percent(share)
