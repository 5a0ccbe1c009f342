"""The policy on metrics: the file that a company has not written says what the models take for granted."""

from __future__ import annotations

import csv
import re

from tests.dbt_project.portable_sql import files, sql
from tests.oracles.days.definitions import METRIC_POLICY

FILE = files("default_definitions/metric_policy.csv")[0]
KNOWN = files("macros/definitions/metric_choices.sql")[0].read_text()


def test_the_default_file_names_each_choice_with_the_default_that_the_models_know() -> None:
    with FILE.open() as file:
        rows = list(csv.DictReader(file))
    in_file = {row["choice"]: row["value"] for row in rows}
    in_one_piece = re.sub(r"'\s*~\s*'", "", KNOWN)  # a long list goes on in the next line
    in_models = dict(re.findall(r"'(\w+)': \{\s*'data_type': '[^']*',\s*'default': '([^']*)'", in_one_piece))
    assert in_models == in_file == {choice: str(value) for choice, value in METRIC_POLICY.items()}
    assert len(in_models) == KNOWN.count("'says'")
    assert all(row["definition"] and not row["valid_from"] for row in rows)


def test_every_choice_is_read_by_a_model_on_its_day() -> None:
    readers = {path: sql(path.read_text()) for path in files("models/intermediate/**/*.sql", "models/marts/**/*.sql")}
    macros = {path.stem: path.read_text() for path in files("macros/**/*.sql")}
    for choice in METRIC_POLICY:
        reads = rf"\bpolicy\.{choice}\b"
        through = [rf"\b{name}\(" for name, text in macros.items() if re.search(reads, text)]
        found = [path for path in readers if re.search("|".join([reads, *through]), path.read_text())]
        assert found, choice
        for path in found:
            by_day = "policy.valid_from" in readers[path] and "policy.valid_to" in readers[path]
            assert by_day or "where is_latest" in readers[path], path


def test_every_row_of_the_default_definitions_has_the_columns_of_its_header() -> None:
    """A comma in a text needs quotes, else the file cannot be read and nothing is built."""
    definitions = files("default_definitions/*.csv")
    assert len(definitions) > 10
    for path in definitions:
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        assert [row for row in rows if len(row) != len(header)] == [], path.name
