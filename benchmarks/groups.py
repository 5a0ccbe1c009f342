"""The marts by what is promised of their speed: the first, those of sales and those of marketing.

`selected` gives the arguments that have dbt build a group with all that it alone reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from benchmarks.measure import PROJECT

MARTS = PROJECT / "dbt_project" / "models" / "marts"
SALES_SUBJECTS = ("wins", "forecast", "calibration")
SALES_AMONG_OTHERS = {"rpt_pipeline_generation", "rpt_restatements", "fct_mrr_restatements"}
MARKETING_SUBJECTS = ("funnel", "attribution", "reconciliation")
SCORES = "rpt_score_calibration"  # judges lead scores, too: marketing's, where there are people


def groups(marts: Path = MARTS) -> dict[str, set[str]]:
    """`first`, `sales` and `marketing`, each mart in one of them. SystemExit where a mart named here is not there."""
    found: dict[str, set[str]] = {"first": set(), "sales": set(), "marketing": set()}
    for file in marts.glob("*/*.sql"):
        subject, name = file.parent.name, file.stem
        is_of_sales = subject in SALES_SUBJECTS or name in SALES_AMONG_OTHERS
        group = "marketing" if subject in MARKETING_SUBJECTS else "sales" if is_of_sales else "first"
        found[group].add(name)
    if missing := (SALES_AMONG_OTHERS | {SCORES}) - found["sales"]:
        raise SystemExit(f"benchmarks/groups.py names {', '.join(sorted(missing))}, but {marts} has no such mart.")
    return found


def selected(marts: Iterable[str], without: Iterable[str] = ()) -> list[str]:
    """Arguments for dbt: these marts with all that they read, but not what `without` and what that reads."""
    excluded = [f"+{mart}" for mart in sorted(without)]
    return ["--select", *(f"+{mart}" for mart in sorted(marts)), *(["--exclude", *excluded] if excluded else [])]
