"""What one row of each model is: the columns that its yml calls its grain, and the rows of a warehouse that double."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import yaml  # type: ignore[import-untyped]  # its stubs are not among our tools

PROJECT = Path(__file__).parents[2] / "dbt_project"
MODELS = PROJECT / "models"
LAYERS = ("staging", "intermediate", "marts")


@cache
def described_models() -> dict[str, dict[str, Any]]:
    """The entry of each model in its yml, by name, with its `layer`."""
    return {
        model["name"]: model | {"layer": path.relative_to(MODELS).parts[0]}
        for path in sorted(MODELS.rglob("*.yml"))
        for model in yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader).get("models", ())
    }


def grain(model: dict[str, Any]) -> list[str]:
    """The columns in which no two rows of the model agree; KeyError where its yml names none."""
    columns: list[str] = model["config"]["meta"]["grain"]
    return columns


def doubled_rows(warehouse: Path, layers: tuple[str, ...] = LAYERS) -> dict[str, int]:
    """How many keys come more than once, of each model of the layers in which any does. NULL is a value like others.

    Models that the warehouse does not have (those of vendors without a source) are left out; raises ValueError where
    it has none at all.
    """
    found: dict[str, int] = {}
    seen = 0
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        query = "select table_schema, table_name from information_schema.tables"
        relations = set(connection.execute(query).fetchall())
        for name, model in described_models().items():
            if model["layer"] not in layers or (model["layer"], name) not in relations:
                continue
            seen += 1
            keys = f'select 1 from {model["layer"]}."{name}" group by {", ".join(grain(model))} having count(*) > 1'
            [(doubled,)] = connection.execute(f"select count(*) from ({keys})").fetchall()
            if doubled:
                found[name] = doubled
    if not seen:
        raise ValueError(f"{warehouse}: none of the models of {', '.join(layers)} is in it. Build the company first.")
    return found
