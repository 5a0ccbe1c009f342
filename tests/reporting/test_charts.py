"""Drawings have the shape of their numbers."""

from __future__ import annotations

import re
from datetime import date
from xml.etree import ElementTree

import pytest

from reporting import charts
from reporting.charts import Bar, Line, Marks, Share, Step, Text
from reporting.published import Cell

TEXT = Text("key", "A title", "A description")


def cell(value: float | None, row: int = 0) -> Cell:
    return Cell(value, "query", row, "column")


def shown(value: float | None) -> str:
    return f"{value}"


def rectangles(drawing: str, colour: str = "") -> list[dict[str, float]]:
    """The rectangles of a drawing, without the legend's."""
    root = ElementTree.fromstring(drawing.replace("class=muted", 'class="muted"'))  # noqa: S314 - our own drawing
    return [
        {side: float(each.get(side, "0")) for side in ("x", "y", "width", "height")}
        for each in root.iter("rect")
        if colour in each.get("class", "") and float(each.get("height", "0")) != 11
    ]


def points(drawing: str, style: str) -> list[list[tuple[float, float]]]:
    """The points of the lines of one style, without the legend's."""
    found = re.findall(rf'<polyline class="{style}" points="([^"]*)"', drawing)
    lines = [[(float(x), float(y)) for x, y in (each.split(",") for each in line.split())] for line in found]
    return lines[1:]


def test_bars_are_as_long_as_their_numbers_and_marks_stand_where_they_belong() -> None:
    drawing = charts.bars(
        TEXT,
        [Bar("a", cell(4.0), cell(3.0)), Bar("b", cell(2.0), cell(None))],
        shown,
        bar_means="have",
        need_means="need",
    )
    long, short = rectangles(drawing)
    assert long["width"] == pytest.approx(2 * short["width"], abs=0.2)
    ((top, bottom),) = [(line[0], line[1]) for line in points(drawing, "s-text")]
    assert top[0] == bottom[0] == pytest.approx(long["x"] + long["width"] * 3 / 4, abs=0.2)


def test_each_step_of_a_waterfall_begins_where_the_one_before_ended() -> None:
    steps = [
        Step("then", cell(100.0), is_level=True),
        Step("up", cell(30.0)),
        Step("down", cell(-50.0)),
        Step("now", cell(80.0), is_level=True),
    ]
    then, up, down, now = rectangles(charts.waterfall(TEXT, steps, shown))
    assert up["x"] == pytest.approx(then["x"] + then["width"], abs=0.2)
    assert down["x"] + down["width"] == pytest.approx(up["x"] + up["width"], abs=0.2)
    assert now["x"] + now["width"] == pytest.approx(down["x"], abs=0.2)
    assert down["width"] / up["width"] == pytest.approx(50 / 30, abs=0.05)


def test_a_waterfall_whose_axis_is_cut_says_so() -> None:
    steps = [Step("then", cell(1000.0), is_level=True), Step("up", cell(1.0)), Step("now", cell(1001.0), is_level=True)]
    assert "the axis begins at" in charts.waterfall(TEXT, steps, shown)


def test_lines_rise_with_their_numbers_and_break_where_one_is_missing() -> None:
    line = Line("a", [(1, cell(1.0)), (2, cell(2.0)), (3, cell(None)), (4, cell(3.0)), (5, cell(9.0))])
    drawing = charts.lines(TEXT, [line], shown, across=(1, 5), left="first", right="last", most=4.0)
    first, second = points(drawing, "s-blue")
    assert first[0][1] > first[1][1] > second[0][1] > second[1][1]
    assert first[0][1] - first[1][1] == pytest.approx(second[0][1] - second[1][1], abs=0.2)  # 9 is drawn at 4


def test_shares_fill_the_row() -> None:
    drawing = charts.shares(
        TEXT, [Share("a", [(cell(1.0), "blue"), (cell(3.0), "orange")], cell(0.25))], shown, entries=[("blue", "won")]
    )
    (blue,), (orange,) = rectangles(drawing, "blue"), rectangles(drawing, "orange")
    assert (orange["width"] + 1) / (blue["width"] + 1) == pytest.approx(3, abs=0.01)


def test_marks_stand_on_one_scale_and_one_that_is_missing_is_left_out() -> None:
    rows = [Marks("a", [(cell(1.0), "blue"), (cell(2.0), "orange")]), Marks("b", [(cell(None), "blue")])]
    drawing = charts.marks(TEXT, rows, shown, entries=[])
    assert len(re.findall("<circle", drawing)) == 1
    assert len(re.findall("<polygon", drawing)) == 1  # a diamond: told from a circle without its colour


def test_a_day_that_was_not_captured_stands_out_in_the_strip() -> None:
    drawing = charts.strip(TEXT, date(2026, 1, 1), date(2026, 1, 10), [date(2026, 1, 6)])
    whole, gap = rectangles(drawing)
    assert gap["x"] == pytest.approx(whole["width"] / 2, abs=0.2)
    assert gap["height"] > whole["height"]


def test_nothing_at_all_is_drawn_without_an_error() -> None:
    assert charts.bars(TEXT, [], shown, bar_means="have")
    assert charts.lines(TEXT, [Line("a", [])], shown, across=(0, 0), left="", right="")
    assert charts.marks(TEXT, [], shown, entries=[])
    assert charts.waterfall(TEXT, [], shown)
    assert charts.shares(TEXT, [Share("a", [(cell(0.0), "blue")], cell(None))], shown, entries=[])


@pytest.mark.parametrize(("least", "most"), [(0, 8.0), (0, 1.0), (0, 0.93), (0, 7.3e6), (0, 3), (0, 21.0)])
def test_an_axis_has_a_few_round_values(least: float, most: float) -> None:
    ticks = charts.ticks_between(least, most)
    assert 3 <= len(ticks) <= 7
    assert ticks[0] == least and ticks[-1] <= most
