"""What dbt compiles for Spark is SQL of Spark: where sources have every column that staging may ask for, and none.

Spark does not run here, so this is quick; `tests/orchestration/steps/test_spark.py` has it build everything.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pytest
import sqlglot
from dbt.adapters.spark.column import SparkColumn
from dbt.adapters.spark.impl import SparkAdapter
from sqlglot.errors import ParseError, TokenError

from ingestion.source_types import SOURCE_TYPES
from orchestration.steps.dbt import read_project
from snapshots.casts import readings
from tests.dbt_project.portable_sql import files, not_portable, without_strings

# Functions and types with brackets that Spark has, with the meaning that the models rely on. Look there before you add
# one: https://spark.apache.org/docs/latest/api/sql/
OF_SPARK = {
    "abs", "add_months", "aggregate", "array_contains", "array_join", "array_sort", "assert_true", "cast", "ceil",
    "chr", "coalesce", "collect_list", "collect_set", "concat", "concat_ws", "count", "date", "date_add",
    "date_trunc", "datediff", "decimal", "dense_rank", "exp", "explode", "extract", "filter", "first", "first_value",
    "floor", "from_json", "from_utc_timestamp", "get", "get_json_object", "greatest", "json_array_length", "lag",
    "last_value", "lead", "least", "length", "ln", "lower", "map", "max", "median", "min", "nullif", "nvl2",
    "position", "power", "raise_error", "regexp_extract", "replace", "round", "row_number", "sequence", "sign",
    "split", "split_part", "sqrt", "struct", "substring", "sum", "to_json", "to_timestamp", "to_unix_timestamp",
    "to_utc_timestamp", "transform", "translate", "trim", "try_add", "try_cast", "try_multiply", "unix_seconds",
    "upper", "xxhash64",
}  # fmt: skip
OF_THE_LEDGER = {name for name, _, _ in readings({})}
WORDS = {
    word
    for path in files("macros/vendors/*.sql", "models/**/*.yml")
    for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))
}
MODELS = {path.stem for path in files("models/**/*.sql")}
TESTS = {path.stem for path in files("tests/*.sql")}


def no_sql_of_spark(compiled: str) -> list[str]:
    """What in a compiled text is not known to be SQL of Spark, a sentence for each; none where all is well."""
    bare = without_strings(re.sub(r"--[^\n]*", "", compiled).lower())
    called = set(re.findall(r"\b([a-z]\w*)\(", bare))
    wrong = [f"{name} is no function that Spark is known to have" for name in sorted(called - OF_SPARK - OF_THE_LEDGER)]
    wrong += [f"matches {pattern}, which only DuckDB understands" for pattern in not_portable(bare)]
    try:
        statements = sqlglot.parse(compiled, read="spark")
    except (ParseError, TokenError) as error:
        return [*wrong, f"does not parse: {str(error).splitlines()[0]}"]
    return wrong if len(statements) == 1 else [*wrong, f"{len(statements)} statements, expected 1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where dbt reads the project, once for both kinds of sources."""
    return tmp_path_factory.mktemp("spark")


@pytest.mark.parametrize("columns", [WORDS, ()], ids=["all columns", "no columns"])
def test_what_dbt_compiles_is_sql_of_spark(
    folder: Path, columns: Iterable[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if "pyspark" not in sys.modules:  # dbt-spark looks whether it is there, and would need it to connect
        monkeypatch.setitem(sys.modules, "pyspark", ModuleType("pyspark"))
    known = [SparkColumn(column=name, dtype="string") for name in sorted(columns)]
    monkeypatch.setattr(SparkAdapter, "get_columns_in_relation", lambda self, relation: known)
    monkeypatch.setattr(SparkAdapter, "get_relation", lambda self, database, schema, identifier: identifier)
    read_project(folder, SOURCE_TYPES, ["compile", "--no-populate-cache"], target="spark")
    compiled = {path.stem: path.read_text() for path in (folder / "target" / "compiled").rglob("*.sql")}
    assert compiled.keys() >= MODELS | TESTS
    assert {name: wrong for name, text in compiled.items() if (wrong := no_sql_of_spark(text))} == {}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("select list_sum(a) from t", "list_sum is no function"),
        ("select len(a) from t", "len is no function"),
        ("select a ** 2 from t", "does not parse"),
        ("select {'a': 1} from t", "does not parse"),
        ("select 'it''s (open' from t where (a", "does not parse"),
        ("select a from t; select b from t", "2 statements"),
        ("select a::int from t", "matches ::"),
    ],
)
def test_what_is_no_sql_of_spark_is_found(query: str, found: str) -> None:
    assert no_sql_of_spark("select coalesce(a, 'list_sum(b)') from t -- len(c)") == []
    assert any(found in wrong for wrong in no_sql_of_spark(query))
