"""The rows of the governed files, read without dbt."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import Any

ALWAYS = date(1, 1, 1)


def definition_rows(text: str) -> list[dict[str, Any]]:
    """The rows of a governed file, with the `day` from which each is in force."""
    rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(text)))
    for row in rows:
        row["day"] = date.fromisoformat(row["valid_from"]) if row["valid_from"] else ALWAYS
    return rows
