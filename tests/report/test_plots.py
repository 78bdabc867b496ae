"""Figures: what they show, and that colour never stands alone."""

import re
import time

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import ImageColor

from ecgapp.evaluation.out_of_fold import Estimate
from ecgapp.report import plots, words


def contrast(colour, other):
    """Contrast ratio of the Web Content Accessibility Guidelines, 1 to 21."""

    def luminance(name):
        channels = np.array(ImageColor.getrgb(name)[:3]) / 255
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        return linear @ (0.2126, 0.7152, 0.0722)

    low, high = sorted((luminance(colour), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(
    ("probability", "text"),
    [(0.934712, "93%"), (0, "0%"), (1, "100%"), (0.001, "<1%"), (0.005, "<1%"), (0.9999, ">99%")],
)
def test_percentages_have_no_false_precision_and_no_false_certainty(probability, text):
    assert words.percent(probability) == text


@pytest.mark.parametrize("style", words.CLASS_STYLES.values(), ids=lambda style: style.short)
def test_text_on_a_class_colour_is_legible(style):
    assert contrast(style.colour, style.ink) >= 4.5


def test_classes_differ_in_more_than_colour():
    styles = words.CLASS_STYLES.values()
    assert len({style.short for style in styles}) == len(styles)
    assert len({style.colour for style in styles}) == len(styles)


def test_tile_text_is_legible_on_every_shade():
    counts = np.arange(104).clip(max=100).reshape(26, 4)
    paper, full = (np.array(ImageColor.getrgb(colour)) for _, colour in plots._HEAT)
    figure = plots.tiles(
        counts / 100, [[str(count) for count in row] for row in counts], ["a"] * 4, [""] * 26,
        [[""] * 4] * 26,
    )  # fmt: skip
    for note in figure.layout.annotations:
        shade = paper + (full - paper) * int(note.text) / 100
        colour = "#" + "".join(f"{round(value):02x}" for value in shade)
        assert contrast(colour, note.font.color) >= 3.8


@pytest.mark.parametrize("theme", ["light", "dark", None])
def test_figures_let_the_page_shine_through_and_contrast_with_it(theme):
    figure = plots.in_theme(plots.lead_accuracy_figure({"I": Estimate(0.7, 0.6, 0.8)}), theme)
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
    ground = "#10181F" if theme == "dark" else "#FFFFFF"
    assert contrast(figure.layout.font.color, ground) >= 7


def test_lead_accuracy_shows_value_and_interval():
    accuracy = {"V1": Estimate(0.8, 0.75, 0.84), "I": Estimate(0.7, 0.6, 0.8)}
    figure = plots.lead_accuracy_figure(accuracy)
    assert list(figure.data[0].y) == ["I", "V1"]
    assert re.search(r"70% \(60% to 80%\)", figure.data[0].hovertemplate[0])


def test_mean_training_curve_ends_where_the_first_fold_stops():
    columns = ("loss", "val_loss")
    histories = {
        f"fold{fold}": {"epoch": list(range(1, n + 1))}
        | {name: [1.0 * fold] * n for name in columns}
        for fold, n in enumerate((5, 8))
    }
    figure = plots.training_figure(histories, "loss", "Loss")
    means = [trace for trace in figure.data if trace.showlegend is None]
    assert [trace.name for trace in means] == ["Training", "Validation"]
    assert all(len(trace.x) == len(trace.y) == 5 for trace in means)
    assert all(trace.y == pytest.approx([0.5] * 5) for trace in means)


def test_figures_numbers_can_be_taken_along():
    figure = plots.lead_accuracy_figure({"I": Estimate(0.7, 0.6, 0.75)})
    figure.add_scatter(x=[0, 1], y=["I", "I"], hoverinfo="skip")
    (row,) = plots.figure_rows(figure)
    assert (row["x"], row["y"]) == (0.7, "I")
    assert [row["x_low"], row["x_high"]] == pytest.approx([0.6, 0.75])


def test_the_numbers_of_a_long_curve_are_listed_while_nobody_waits():
    figure = go.Figure(go.Scatter(x=np.arange(5000), y=np.arange(5000)))
    start = time.process_time()
    assert len(plots.figure_rows(figure)) == 5000
    assert time.process_time() - start < 0.5


def test_the_button_that_saves_a_figure_lies_above_columns_titles():
    plain, titled = (
        plots.with_button_above(plots.plain(figure, height=100)).layout.margin.t
        for figure in (
            go.Figure(go.Bar(x=[1], y=[1])),
            plots.tiles(np.array([[0.5]]), [["50%"]], ["N"], ["I"], [[""]]),
        )
    )
    assert titled >= plain + 20
