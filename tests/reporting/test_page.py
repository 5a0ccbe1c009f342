"""The page around the sections: how it looks by day and by night, and what stands where."""

from __future__ import annotations

import re
from itertools import product

import html5lib
import pytest

from reporting.markup import Html
from reporting.page import Page, Section, document, style

GROUNDS = ("ground", "panel")
LETTERS = ("text", "soft", "good", "bad", "link")
SHAPES = ("blue", "orange", "grey")


def palettes() -> dict[str, dict[str, str]]:
    """The colours by day and by night, as the page's style says them."""
    day, night = re.findall(r":root \{(.*?)\}", style())[:2]
    return {name: dict(re.findall(r"--(\w+): (#\w{6});", said)) for name, said in (("day", day), ("night", night))}


def luminance(colour: str) -> float:
    """As WCAG 2 defines it."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("light", ["day", "night"])
def test_letters_and_shapes_stand_out_from_their_ground(light: str) -> None:
    colours = palettes()[light]
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    for letter, ground in product(LETTERS, GROUNDS):
        assert contrast(colours[letter], colours[ground]) >= 4.5, (letter, ground)
    for shape, ground in product(SHAPES, GROUNDS):
        assert contrast(colours[shape], colours[ground]) >= 3, (shape, ground)


def test_every_colour_that_is_used_is_one_of_the_palette() -> None:
    used = set(re.findall(r"var\(--(\w+)\)", style()))
    assert used == set(palettes()["day"]) == set(palettes()["night"])


def test_what_to_do_stands_behind_the_answer_and_before_the_questions() -> None:
    lead = Section("safe", "Is it <safe>?", Html("Yes."), mood="good", todo=[Html("Go home.")])
    page = document(Page("A title", Html("<h1>A page</h1>"), [Section("more", "More?", Html("No."))], lead=lead))
    html5lib.HTMLParser(strict=True).parse(page)
    places = [page.index(text) for text in ("Is it &lt;safe&gt;?", "Yes.", "Go home.", "More?", "No.")]
    assert places == sorted(places)


def test_a_link_to_another_day_is_shown_only_where_there_is_one() -> None:
    section = Section("more", "More?", Html("No."))
    assert "Other days" not in document(Page("A title", Html(""), [section]))
    assert '<a href="earlier.html">Before</a>' in document(
        Page("A title", Html(""), [section], {"Before": "earlier.html"})
    )
