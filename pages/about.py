"""The About page: what this is and is not, its data, models, limits and privacy."""

import streamlit as st

from ecgapp import __version__
from ecgapp.ecg import DISCLAIMER
from ecgapp.evaluation import cards
from ecgapp.report import words
from ecgapp.report.language import ENGLISH, _, marked, spoken, told
from pages.shared.door import come_through_the_router

CARDS = {"": marked("The verdict"), **words.MODEL_NAMES}


def as_list(*items: str) -> str:
    """Write a Markdown list."""
    return "\n".join(f"- {item}" for item in items)


come_through_the_router(__file__)
st.title(_("About"))
st.caption(f"ecgapp {__version__}")
st.warning(told(DISCLAIMER), icon=":material/info:")

st.header(_("What it is, and what it is not"))
st.markdown(
    _(
        "It reads a printed 12-lead ECG from a scan, a photograph, a PDF or a DICOM file. It finds "
        "each lead on the sheet by name, traces and measures its curve, lets two neural networks "
        "read each lead on its own and a third all leads together, and weighs their readings to "
        "one verdict with a probability. A sheet that it cannot read is refused, with the reason."
    )
)
st.markdown(
    _(
        "It is decision support for **research and teaching**. It has not been tested for use with "
        "patients, it holds no approval as a medical device, and its verdict is no diagnosis. A "
        "physician reads an ECG together with the patient; this app sees neither the patient nor "
        "the history."
    )
)

st.header(_("Data and sources"))
st.markdown(
    as_list(
        _(
            "**Training and evaluation.** Khan AH, Hussain M, Malik MK. *ECG Images dataset of "
            "Cardiac and COVID-19 Patients.* Data in Brief 2021; 34: 106762. Images: Mendeley "
            "Data, [doi:10.17632/gwbz3fsgp8.1](https://doi.org/10.17632/gwbz3fsgp8.1) (CC BY 4.0), "
            "version 1. The four classes Normal, Abnormal heartbeat, Myocardial infarction and "
            "History of infarction are its labels; its COVID-19 sheets are left out of the models "
            "shown here."
        ),
        _(
            "**Pretraining.** Wagner P et al. *PTB-XL, a large publicly available "
            "electrocardiography dataset.* Scientific Data 2020; 7: 154. "
            "[doi:10.1038/s41597-020-0495-6](https://doi.org/10.1038/s41597-020-0495-6) (CC BY "
            "4.0). The twelve-lead network learnt from it first."
        ),
        _(
            "**Samples.** Drawn by this app from simulated signals. No patient is behind them, and "
            "no picture of the data set comes with the app."
        ),
    )
)

st.header(_("Models"))
st.markdown(
    as_list(
        _(
            "**CNN** (convolutional neural network): three convolution blocks that look for shapes "
            "in the picture of one lead, then a dense layer that weighs them."
        ),
        _(
            "**CRNN** (convolutional recurrent network): convolution blocks, then two LSTM layers "
            "that follow the lead from left to right, as an eye does."
        ),
        _(
            "**Twelve-lead network**: a residual network over the traced curves of all leads, the "
            "2.5 seconds of each that a 3x4 sheet shows, taught by 17,000 recordings of PTB-XL "
            "before it saw the first sheet."
        ),
        _(
            "**Statement network**: the same, as those recordings left it, with one answer for "
            "each of PTB-XL's statements and one for the four labels as statements define them."
        ),
    )
)
st.markdown(
    _(
        "CNN and CRNN see a black-and-white picture of a single lead, 150 x 150 pixels, with the "
        "lead's name, and nothing else: no header, no grid, no printed text, no layout. The "
        "twelve-lead network is shown every sheet as if it were a 3x4 sheet. That hides from them "
        "which form was used. The verdict weighs the first three by weights learnt on sheets that "
        "they had not seen; elsewhere the statement network gives it alone. The Evaluation page "
        "has their figures, every one of them from such sheets."
    )
)

if spoken() != ENGLISH:
    st.caption(_("The model cards are in English."))
for model, title in CARDS.items():
    with st.expander(_("Model card: {title}", title=_(title))):
        try:
            st.markdown(cards.read_card(model))
        except OSError:
            st.write(_("This card is not installed."))

st.header(_("Limits"))
st.markdown(
    as_list(
        _(
            "**Labels are noisy.** Some sheets labelled normal show a fast rate, a bundle branch "
            "block or an extra beat; some labelled abnormal look normal. No reading can be better "
            "than its labels."
        ),
        _(
            "**Layout goes with the label.** In the data every normal sheet is printed 3x4, while "
            "many of infarction are 6x2. A model that could see the layout could guess the label "
            "from it. The models here are not shown it, and the Evaluation page shows 3x4 sheets "
            "alone beside the whole."
        ),
        _(
            "**Other machines, other hospitals.** Three of the networks learnt from one kind of "
            "recorder. On sheets of other machines, photographs and recordings a fourth, which "
            "learnt from PTB-XL, gives the verdict. How often that is right was measured on drawn "
            "sheets, source by source: the statement network's card above."
        ),
        _(
            "**Not every exchange of electrodes is noticed.** The Evaluation page says which are "
            "looked for and how often they are found. A sheet with wrongly placed electrodes may "
            "get a confident verdict."
        ),
        _(
            "**Few infarctions.** The class Myocardial infarction has far fewer sheets than the "
            "others, so its figures are the least certain; their intervals say how uncertain."
        ),
        _(
            "**A single lead knows little.** One lead shows 2.5 seconds in the 3x4 layout, and "
            "abnormal rhythm may lie outside it. Only the twelve-lead network compares leads with "
            "each other."
        ),
        _(
            "**Published accuracies are higher.** The most used release of this data repeats many "
            "sheets up to eight times, so that a random split tests a model on sheets it was "
            "trained on. Here copies are removed and whole recording sessions are kept apart."
        ),
        _("**It knows four answers.** Any other disease is given one of the four names."),
    )
)

st.header(_("Privacy"))
st.markdown(
    as_list(
        _(
            "A file that you upload is held in the memory of the computer that serves this page, "
            "is read there, and is never written to disk: neither the file, nor its name, nor what "
            "was read from it."
        ),
        _(
            "It stays there until you clear it, or until about a minute after you close the page "
            "or lose the connection. Reloading the page or going to another one keeps it."
        ),
        _(
            "What you see, pictures of the sheet and reports included, is served to your browser "
            "under random addresses. Whoever has such an address can open it until the file is "
            "gone; nobody can guess it."
        ),
        _(
            "It is sent to no one else. Everything on these pages, icons and fonts included, comes "
            "from the computer that serves them. The app collects no usage statistics. Links on "
            "this page lead elsewhere when you follow them."
        ),
        _(
            "Your browser may keep what it showed, and a proxy between you and the server what it "
            "passed on."
        ),
    )
)
st.markdown(
    _(
        "Still, cover names and numbers on a sheet before you upload it, as you would before "
        "showing it to a class."
    )
)
