"""What STYLE.md calls portable SQL, as patterns: for the tests that read the texts of models, tests and macros."""

from __future__ import annotations

import re
from pathlib import Path

from jinja2 import Environment

PROJECT = Path(__file__).parents[2] / "dbt_project"
NOT_PORTABLE = [
    r"\bqualify\b", r"\basof\b", r"::", r"//", r"\[\s*['\"0-9]", r"\bunnest\b", r"\bgenerate_series\b", r"\bexclude\b",
    r"\breplace\s*\(\s*[^,)]*\bas\b", r"union by name", r"\bmax_by\b", r"\barg_max\b", r"\bquantile_cont\b",
    r"\bstrftime\b", r"->>", r"\bdow\b", r"\bas\s+(varchar|text)\b", r"count\(distinct[^)]*\)\s*over", r"\bhash\(",
    r"\btimezone\(", r"\binterval\s+'", r"\bcurrent_date\b", r"\bnow\(\)", r"\blambda\b", r"\blist_\w+\(",
    r"\bjson_(?!array_length)\w+\(", r"\bstruct_\w+\(", r"\bhugeint\b", r"\btimestamptz\b", r"\bregexp_matches\(",
    r"\btry\(", r"\bstrptime\(", r"\bconvert\(", r"\barg_min\b", r"\bepoch\w*\(",
    r"\bover\s*\(\s*(?!partition\b|order\b|rows\b|range\b)\w",  # a window that extends another one
    r"\bover \w+\s+-\s*[a-z_]",  # `over window - column`: Spark reads one name
]  # fmt: skip
JINJA = Environment(autoescape=True)


def files(*patterns: str) -> list[Path]:
    """The files of the dbt project that match. AssertionError where a pattern matches none: it would guard nothing."""
    found: list[Path] = []
    for pattern in patterns:
        matched = sorted(PROJECT.glob(pattern))
        assert matched, f"dbt_project/{pattern} matches no file: were they moved?"
        found += matched
    return found


def sql(text: str) -> str:
    """The SQL in a text of dbt's, without comments and without what Jinja writes."""
    written = " ".join(token for _, kind, token in JINJA.lex(text) if kind == "data")
    return re.sub(r"--[^\n]*", "", written).lower()


def without_strings(text: str) -> str:
    """SQL with its strings emptied: what they hold is no SQL."""
    return re.sub(r"'[^']*'", "''", text)


def sql_in_jinja(text: str) -> str:
    """The strings that Jinja puts together in a text of dbt's, each on a line of its own."""
    return "\n".join(token[1:-1] for _, kind, token in JINJA.lex(text) if kind == "string").lower()


def not_portable(text: str) -> list[str]:
    """The patterns of `NOT_PORTABLE` that SQL matches."""
    return [pattern for pattern in NOT_PORTABLE if re.search(pattern, text)]


def looks_ahead_in_a_frame(text: str) -> list[str]:
    """The calls of `lead` and `lag` over a named window that has a frame, which Spark refuses."""
    calls = re.finditer(r"\b(?:lead|lag)\([^()]*\)\s+over\s+(\w+)", text)
    return [call[0] for call in calls if "rows between" in _window(call[1], text[call.end() :])]


def _window(name: str, text: str) -> str:
    """What the first window called `name` in `text` is; empty where there is none."""
    found = re.search(rf"\b{name} as \(([^()]*)\)", text)
    return found[1] if found else ""


def ascending_without_nulls_last(text: str) -> list[str]:
    """The `order by` clauses of SQL in which a term ascends and does not say where NULL goes."""
    clauses = re.findall(r"order by(.*?)(?:\)|rows between|$)", text, flags=re.DOTALL)
    return [
        " ".join(clause.split())
        for clause in clauses
        if any("nulls last" not in term and " desc" not in f" {term} " for term in clause.split(","))
    ]
