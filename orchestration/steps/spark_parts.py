"""A query that Spark plans in parts: what it reads often comes first, as tables.

Spark writes a CTE out wherever it is read, so that a query whose CTEs read one another twice at each step doubles with
every step: planning takes minutes, then all memory. DuckDB computes a CTE once. Here such a statement of dbt's becomes
several: CTEs that are read more than once are stored, those that save most first, until what is left is small enough.
Texts go in and come out; nothing is run.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

MOST_SELECTS = 150
"""How many a query may have, its CTEs written out. Spark plans so many in a second or two."""
TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|`[^`]*`|--[^\n]*|/\*.*?\*/|[()]|[^'`()/-]+|.", re.DOTALL)
CTE = re.compile(r"\s*,?\s*(\w+)\s+as\s*\(")


@dataclass(frozen=True)
class Part:
    """A table to make first, of the rows of a query."""

    table: str
    query: str


@dataclass(frozen=True)
class Cte:
    """A CTE of a statement, or what follows the last one: its text, its own selects, and each read of another CTE."""

    text: str
    selects: int
    reads: tuple[str, ...]


@dataclass(frozen=True)
class Statement:
    """A statement in which there is a `with`: what stands before its CTEs, these by name and in order, what follows."""

    before: str
    ctes: dict[str, Cte]
    after: Cte

    @property
    def with_clause(self) -> str:
        """`with`, or `with recursive`."""
        return self.before[self.before.rindex("with") :]


def in_parts(sql: str, prefix: str, most: int = MOST_SELECTS) -> tuple[list[Part], str]:
    """The tables to make first, in order, each named `prefix` and its CTE's name; and the statement that reads them."""
    statement = parsed(sql)
    if statement is None:
        return [], sql
    stored: set[str] = set()
    while larger := [query for query in queries(statement, stored) if size(statement, query, stored) > most]:
        best = [name for query in larger if (name := most_saving(statement, query, stored))]
        if not best:
            break
        stored.add(best[0])
    if not stored:
        return [], sql
    tables = {name: prefix + name for name in stored}
    parts = [
        Part(tables[name], written(statement, statement.with_clause, cte, tables))
        for name, cte in statement.ctes.items()
        if name in stored
    ]
    return parts, written(statement, statement.before, statement.after, tables)


def parsed(sql: str) -> Statement | None:
    """A statement without its comments; None where there is no `with` in it."""
    text = "".join(token for token in TOKEN.findall(sql) if not token.startswith(("--", "/*")))
    begin = re.search(r"\bwith\b(?:\s+recursive\b)?(?=\s+\w+\s+as\s*\()", text)
    if begin is None:
        return None
    ctes: dict[str, Cte] = {}
    at = begin.end()
    while head := CTE.match(text, at):
        at = closing_bracket(text, head.end())
        ctes[head[1]] = cte_of(text[head.end() : at - 1], ctes)
    return Statement(text[: begin.end()], ctes, cte_of(text[at:], ctes))


def closing_bracket(text: str, begin: int) -> int:
    """The end of the bracket that is open at `begin`; ValueError where it has none."""
    depth, at = 1, begin
    while depth:
        token = TOKEN.match(text, at)
        if token is None:
            raise ValueError(f"no closing bracket, one expected behind: {text[begin : begin + 200]}")
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        at = token.end()
    return at


def cte_of(text: str, earlier: Collection[str]) -> Cte:
    """The CTE of a text that may read the `earlier` ones."""
    read = re.findall(r"\b(?:from|join)\s+(\w+)\b(?!\s*\.)", text)
    return Cte(text.strip(), len(re.findall(r"\bselect\b", text)), tuple(name for name in read if name in earlier))


def queries(statement: Statement, stored: Collection[str]) -> list[Cte]:
    """What Spark plans one after another: the stored CTEs, and the statement itself."""
    return [*(cte for name, cte in statement.ctes.items() if name in stored), statement.after]


def size(statement: Statement, query: Cte, stored: Collection[str]) -> int:
    """The selects of a query, CTEs that are not stored written out."""
    sizes = _sizes(statement, stored)
    return query.selects + sum(sizes[name] for name in query.reads)


def _sizes(statement: Statement, stored: Collection[str]) -> dict[str, int]:
    """What it adds to a query to read a CTE."""
    found: dict[str, int] = {}
    for name, cte in statement.ctes.items():
        found[name] = 1 if name in stored else cte.selects + sum(found[each] for each in cte.reads)
    return found


def times_read(statement: Statement, query: Cte, stored: Collection[str]) -> dict[str, int]:
    """How often each CTE is written out in a query."""
    found = dict.fromkeys(statement.ctes, 0)
    for name in query.reads:
        found[name] += 1
    for name, cte in reversed(statement.ctes.items()):
        for each in () if name in stored else cte.reads:
            found[each] += found[name]
    return found


def most_saving(statement: Statement, query: Cte, stored: Collection[str]) -> str | None:
    """The CTE without which a query is smallest; None where none is read more than once."""
    sizes, times = _sizes(statement, stored), times_read(statement, query, stored)
    saved = {name: (times[name] - 1) * (sizes[name] - 1) for name in statement.ctes}
    best = max(saved, key=lambda name: saved[name])
    return best if saved[best] > 0 else None


def written(statement: Statement, before: str, query: Cte, tables: dict[str, str]) -> str:
    """A query as SQL with the CTEs that it needs; what is stored is read from its table."""
    needed = times_read(statement, query, tables)
    ctes = ", ".join(
        f"{name} as ({f'select * from {tables[name]}' if name in tables else cte.text})"
        for name, cte in statement.ctes.items()
        if needed[name]
    )
    return f"{before} {ctes} {query.text}" if ctes else f"{before.removesuffix(statement.with_clause)} {query.text}"
