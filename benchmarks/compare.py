"""Whether two DuckDB files hold the same: `python -m benchmarks.compare A.duckdb B.duckdb`.

For two published files, say one from before a change and one from after it; or for one schema of two warehouses
(`--schema intermediate`). Table by table it compares the columns with their order, types and comments, the rows as
multisets (the order of rows does not count), and the macros. One line for each table; exit code 1 where anything
differs. Doubles are compared apart, because the order in which they are added moves their last digits: rows that agree
in all else are paired, and `--tolerance 1e-9` accepts relative differences up to that. `--without table.column` leaves
a column out, `--show 5` prints that many of the rows that only one file has. Both files are only read.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

FLOATING = ("DOUBLE", "FLOAT")


@dataclass(frozen=True)
class Relation:
    """A table or view: its comment, and its columns in order with type and comment."""

    comment: str | None
    columns: dict[str, tuple[str, str | None]]


@dataclass
class Outcome:
    """What the comparison of one table came to; `differences` are sentences, none where the two are equal."""

    name: str
    rows: int = 0
    differences: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        verdict = f"DIFFERS: {'; '.join(self.differences)}" if self.differences else "equal"
        return f"{self.name:<32}{self.rows:>12,} rows  {'; '.join([verdict, *self.remarks])}"


@dataclass(frozen=True)
class Comparison:
    """Two files, one schema of each."""

    left: Path
    right: Path
    schema: str = "marts"
    without: Collection[str] = ()
    tolerance: float = 0.0
    show: int = 0

    def outcomes(self) -> Iterator[Outcome]:
        """One for each table or view that either file has, and one for the macros."""
        left, right = self._relations(self.left), self._relations(self.right)
        if not left and not right:
            raise SystemExit(f"{self.left}, {self.right}: no tables in schema {self.schema}, one at least expected.")
        for name in sorted(left | right):
            if name in left and name in right:
                yield self._compared(name, left[name], right[name])
            else:
                yield Outcome(name, differences=[f"only in {self.left if name in left else self.right}"])
        macros = [self._macros(file) for file in (self.left, self.right)]
        different = sorted({name for name, _ in set(macros[0].items()) ^ set(macros[1].items())})
        yield Outcome("(macros)", len(macros[0]), [f"macro {name}" for name in different])

    def _compared(self, name: str, left: Relation, right: Relation) -> Outcome:
        outcome = Outcome(name)
        if left.comment != right.comment:
            outcome.differences.append("comment of the table")
        if list(left.columns) != list(right.columns):
            only = [f"{column} only in {self.left}" for column in left.columns if column not in right.columns]
            only += [f"{column} only in {self.right}" for column in right.columns if column not in left.columns]
            outcome.differences.append(f"columns: {', '.join(only) or 'in another order'}")
        shared = [
            column for column in left.columns if column in right.columns and f"{name}.{column}" not in self.without
        ]
        for column in shared:
            (one, says), (other, says_there) = left.columns[column], right.columns[column]
            if one != other:
                outcome.differences.append(f"type of {column}: {one}, {other}")
            if says != says_there:
                outcome.differences.append(f"comment of {column}")
        doubles = [column for column in shared if left.columns[column][0] in FLOATING]
        self._compare_rows(outcome, shared, doubles)
        return outcome

    def _compare_rows(self, outcome: Outcome, columns: Sequence[str], doubles: Sequence[str]) -> None:
        """Copies both into memory, and takes out the rows they share first, so that little is left to pair."""
        if not columns:
            return
        listed = ", ".join(map(quoted, columns))
        relation = f"{quoted(self.schema)}.{quoted(outcome.name)}"
        with tempfile.TemporaryDirectory(prefix="pipeledger-compare-") as folder, duckdb.connect() as connection:
            connection.execute(f"set temp_directory = {text(folder)}")
            for table, file in (("l", self.left), ("r", self.right)):
                with attached(connection, file):
                    connection.execute(f"create table memory.{table} as select {listed} from {relation}")
            outcome.rows = count(connection, "from l")
            connection.execute("create table only_l as from l except all from r")
            connection.execute("create table only_r as from r except all from l")
            if count(connection, "from only_l") + count(connection, "from only_r"):
                self._pair(connection, outcome, [name for name in columns if name not in doubles], doubles)

    def _pair(
        self, connection: duckdb.DuckDBPyConnection, outcome: Outcome, exact: Sequence[str], doubles: Sequence[str]
    ) -> None:
        """Pairs the rows that are alike but for their doubles, and counts those that are left over."""
        same = ", ".join(map(quoted, exact)) or "true"
        order = ", ".join(map(quoted, doubles)) or "true"
        for side in "lr":
            connection.execute(
                f"create table numbered_{side} as select *, "
                f"row_number() over (partition by {same} order by {order}) as _nth from only_{side}"
            )
        equal = " and ".join(f"l.{name} is not distinct from r.{name}" for name in [*map(quoted, exact), "_nth"])
        for side, other, file in (("l", "r", self.left), ("r", "l", self.right)):
            lonely = f"from numbered_{side} as {side} anti join numbered_{other} as {other} on {equal}"
            if alone := count(connection, lonely):
                outcome.differences.append(f"{alone:,} rows only in {file}")
                if self.show:
                    shown = connection.execute(f"{lonely} limit {self.show}").fetch_df()
                    outcome.differences.append(f"\n{shown.to_string(index=False)}")
        if not doubles:
            return
        worst, where = 0.0, ""
        paired = f"from numbered_l as l join numbered_r as r on {equal}"
        for name in doubles:
            one, two = f"l.{quoted(name)}", f"r.{quoted(name)}"
            (largest,) = connection.execute(
                f"select max(case when {one} is not distinct from {two} then 0 "
                f"when {one} is null or {two} is null or not isfinite({one}) or not isfinite({two}) then 'inf'::double "
                f"else abs({one} - {two}) / greatest(abs({one}), abs({two})) end) {paired}"
            ).fetchone() or (None,)
            if largest is not None and largest > worst:
                worst, where = largest, name
        if where:
            said = f"doubles of {count(connection, paired):,} rows, by at most {worst:.1e} of their value ({where})"
            (outcome.differences if worst > self.tolerance else outcome.remarks).append(said)

    def _relations(self, file: Path) -> dict[str, Relation]:
        here = f"database_name = current_database() and schema_name = {text(self.schema)}"
        if not file.is_file():
            raise SystemExit(f"{file}: no such file, a DuckDB database expected.")
        with duckdb.connect() as connection, attached(connection, file):
            tables = connection.execute(
                f"select table_name, comment from duckdb_tables() where {here} "
                f"union all select view_name, comment from duckdb_views() where {here}"
            ).fetchall()
            found = {name: Relation(comment, {}) for name, comment in tables}
            for name, column, kind, comment in connection.execute(
                "select table_name, column_name, data_type, comment from duckdb_columns() "
                f"where {here} order by table_name, column_index"
            ).fetchall():
                found[name].columns[column] = (kind, comment)
        return found

    def _macros(self, file: Path) -> dict[str, str]:
        with duckdb.connect() as connection, attached(connection, file):
            return dict(
                connection.execute(
                    "select function_name, macro_definition from duckdb_functions() "
                    f"where database_name = current_database() and schema_name = {text(self.schema)} and not internal"
                ).fetchall()
            )


@contextmanager
def attached(connection: duckdb.DuckDBPyConnection, file: Path) -> Iterator[None]:
    """A file in use, to be read only, under its own name: the views of a warehouse name the database they belong to."""
    name = quoted(file.stem)
    connection.execute(f"attach {text(str(file))} as {name} (read_only)")
    connection.execute(f"use {name}")
    yield
    connection.execute("use memory")
    connection.execute(f"detach {name}")


def count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    """The rows of a `from` clause."""
    (found,) = connection.execute(f"select count(*) {relation}").fetchone() or (0,)
    return int(found)


def quoted(name: str) -> str:
    """A quoted SQL name."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """An SQL string."""
    return "'" + value.replace("'", "''") + "'"


def main() -> int:
    """Compares, prints, and gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("left", type=Path, metavar="A.duckdb")
    parser.add_argument("right", type=Path, metavar="B.duckdb")
    parser.add_argument("--schema", default="marts", help="what to compare of a warehouse")
    parser.add_argument("--without", nargs="+", default=(), metavar="TABLE.COLUMN", help="columns to leave out")
    parser.add_argument("--tolerance", type=float, default=0.0, help="relative difference of doubles to accept")
    parser.add_argument("--show", type=int, default=0, help="how many rows that differ to print")
    options = parser.parse_args()
    differing = 0
    for outcome in Comparison(**vars(options)).outcomes():
        print(outcome, flush=True)
        differing += bool(outcome.differences)
    print(f"{differing} of them differ" if differing else "equal")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
