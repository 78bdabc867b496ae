"""The Dataset page: what the audit found in the data that the models learned from."""

import io
import json
from typing import Any

import streamlit as st
from PIL import Image

from ecgapp.ecg import DISCLAIMER
from ecgapp.evaluation.calibration import VERDICT_PREDICTIONS
from ecgapp.evaluation.predictions import read_predictions
from ecgapp.io.installed import models_folder
from ecgapp.report import count_words, overlays, study_plots
from ecgapp.report.language import _, told
from ecgapp.synthesis.samples import SAMPLES, draw_sample
from pages.shared.door import come_through_the_router
from pages.shared.figures import draw, show_table

AUDIT = models_folder() / "study" / "audit.json"
JUDGED = models_folder() / VERDICT_PREDICTIONS


@st.cache_data(show_spinner=False)
def sample(name: str) -> bytes:
    """Draw a sample as wide as it is shown; the same for every visitor."""
    return overlays.jpeg(Image.open(io.BytesIO(draw_sample(name))))


def show_classes(audit: dict[str, Any]) -> None:
    classes, layouts = st.columns(2, gap="large")
    with classes:
        st.header(_("Classes"))
        draw(
            study_plots.classes_figure(audit["classes"]),
            "classes",
            _("Sheets of each class; the numbers stand in the plot"),
        )
        st.caption(
            _(
                "n = {n:,} sheets. The rare class, myocardial infarction, is the one "
                "that matters most and the one whose figures are least certain.",
                n=audit["files"],
            )
        )
        if JUDGED.exists():
            st.caption(count_words.dataset_counts(audit, len(read_predictions(JUDGED))))
    with layouts:
        st.header(_("Layouts by class"))
        by_class = (audit["manifest"] or {}).get("layouts") or audit["layouts"]
        draw(
            study_plots.layouts_figure(by_class),
            "layouts",
            _("Share of each layout in each class; counts stand in the bars"),
        )
        st.caption(
            _(
                "A confounder: where one class is never printed 6x2, a model that sees "
                "the layout can rule that class out without looking at the heart. The "
                "same holds for COVID-19 and its other devices."
            )
        )


def show_copies(audit: dict[str, Any]) -> None:
    st.header(_("Duplicates"))
    exact, near, conflicts, leaks = st.columns(4)
    exact.metric(_("Exact copies"), len(audit["exact_duplicates"]), border=True)
    near.metric(_("Near-duplicates"), len(audit["near_duplicates"]), border=True)
    conflicts.metric(_("Under two labels"), len(audit["label_conflicts"]), border=True)
    leaks.metric(
        _("Leaks between folds"), len(audit["fold_leaks"]) + len(audit["split_leaks"]), border=True
    )
    st.caption(
        _(
            "In the release used here (version 1). Exact: the same bytes. Near: "
            "other bytes, the same curves. Leaks: content or recording sessions on "
            "both sides of a split."
        )
    )
    version_2 = (audit["manifest"] or {}).get("version_2")
    if not version_2:
        return
    plot, table = st.columns(2, gap="large")
    n_files = sum(counts["files"] for counts in version_2.values())
    n_different = sum(counts["different_images"] for counts in version_2.values())
    with plot:
        st.subheader(_("Version 2: nearly half copies"))
        draw(
            study_plots.copies_figure(version_2),
            "copies",
            _("Files and different images of each class in version 2"),
        )
        st.caption(
            _(
                "The release that most published figures come from. Of the sheets at "
                "hand it holds {n_files:,} files, but only {n_different:,} different images. "
                "Pale: files. Full: different images.",
                n_files=n_files,
                n_different=n_different,
            )
        )
    with table:
        st.subheader(_("How often one image occurs in it"))
        copies = sorted({int(n) for c in version_2.values() for n in c["images_by_copies"]})
        show_table(
            [
                {"": study_plots.class_name(label)}
                | {
                    _("{n} times", n=n) if n > 1 else _("once"): str(
                        counts["images_by_copies"].get(str(n), "\u2013")
                    )
                    for n in copies
                }
                for label, counts in version_2.items()
            ],
            "times",
        )
        st.caption(
            _(
                "Different images by the number of their copies. Split at random, an "
                "image that occurs eight times lies in training and in test almost "
                "surely."
            )
        )


def show_sessions_and_sizes(audit: dict[str, Any]) -> None:
    sessions, sizes = st.columns(2, gap="large")
    with sessions:
        st.header(_("Sessions"))
        manifest = audit["manifest"]
        if manifest and manifest["session_sizes"]:
            draw(
                study_plots.sessions_figure(manifest["session_sizes"]),
                "sessions",
                _("Sheets by the size of their recording session"),
            )
            st.caption(
                _(
                    "{n:,} recording sessions: sheets printed under one header number. "
                    "Sheets of one session resemble each other, so that a session always "
                    "lies on one side of a split.",
                    n=manifest["sessions"],
                )
            )
        else:
            st.write(_("The audit had no manifest that names sessions."))
    with sizes:
        st.header(_("Sizes"))
        draw(
            study_plots.sizes_figure(audit["sizes"]),
            "sizes",
            _("Width and height of the files; the commoner the larger the dot"),
        )
        commonest = audit["sizes"][0]
        st.caption(
            _(
                "{n:,} of {n_all:,} files have {width_px} x {height_px} px; {unreadable} could "
                "not be read.",
                n=commonest["files"],
                n_all=audit["files"],
                width_px=commonest["width_px"],
                height_px=commonest["height_px"],
                unreadable=len(audit["unreadable"]),
            )
        )


def show_samples() -> None:
    st.header(_("What such sheets look like"))
    st.caption(
        _(
            "Drawn by this app from simulated signals, in the manner of the data's "
            "printouts. No picture of the data set comes with the app, and no "
            "patient is behind these."
        )
    )
    names = list(SAMPLES)
    for start in range(0, len(names), 2):
        for column, name in zip(st.columns(2), names[start : start + 2], strict=True):
            said = f"{told(name)}. {told(SAMPLES[name].description)}"
            column.image(sample(name), caption=said, alt=told(name))


come_through_the_router(__file__)
st.title(_("Dataset"))
st.markdown(
    _(
        "What the models learned from, as the audit found it: Khan, Hussain, "
        "Malik, *ECG Images dataset of Cardiac and COVID-19 Patients* (see "
        "About). Whatever is uneven here, a model can learn in place of the "
        "heart."
    )
)
if AUDIT.exists():
    found = json.loads(AUDIT.read_text("utf-8"))
    show_classes(found)
    show_copies(found)
    show_sessions_and_sizes(found)
    st.caption(_("Check your own folder with `python -m ecgapp audit DIR`."))
else:
    st.info(
        _(
            "The audit's report (models/study/audit.json) is not installed. `python "
            "-m ecgapp audit DIR --json` prints it."
        ),
        icon=":material/info:",
    )
show_samples()
st.caption(told(DISCLAIMER))
