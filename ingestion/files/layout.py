"""How a file is laid out: what has to be known to find the cells of its table. What they mean is not here.

Comes from the settings, goes to the readers of each kind of file. Importing it loads nothing heavy, because the
settings do so on every start.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """How a file is laid out. Quotes in CSV are always `"`, doubled inside a quoted field.

    `skip_rows` lines stand before the header, `skip_footer` lines that are not blank after the last row (0: title and
    footer are found by what they look like). Without a `delimiter` it is the one that a first line `sep=;` names, else
    a comma. `sheet` is one of a workbook; empty: its only one.
    """

    delimiter: str = ""
    encoding: str = "utf-8"
    skip_rows: int = 0
    skip_footer: int = 0
    sheet: str = ""


PLAIN = Layout()
"""The layout of files of which the settings say nothing."""


def layout_problem(layout: Layout) -> str | None:
    """What cannot be right about a layout: got, expected, next step; None where nothing is wrong."""
    if layout.delimiter and (
        len(layout.delimiter) != 1 or layout.delimiter in '"\r\n' or not layout.delimiter.isascii()
    ):
        return (
            f"got the delimiter {layout.delimiter!r}. Expected one character, such as a comma, semicolon, bar or tab "
            '("\\t"). Correct `delimiter`'
        )
    try:
        "".encode(layout.encoding)
    except LookupError:
        return (
            f"got the encoding {layout.encoding!r}. Expected a name such as utf-8, latin-1, cp1252 or utf-16. Correct "
            "`encoding`"
        )
    for name, lines in {"skip_rows": layout.skip_rows, "skip_footer": layout.skip_footer}.items():
        if lines < 0:
            return f"got {name} = {lines}. Expected a number of lines. Correct `{name}`"
    return None
