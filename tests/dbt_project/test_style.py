"""STYLE.md where no linter checks it: portable SQL in models, the grain first, each column described once."""

from __future__ import annotations

import re
from pathlib import Path

from tests.dbt_project.each import of_each
from tests.dbt_project.grain import described_models
from tests.dbt_project.portable_sql import (
    PROJECT,
    ascending_without_nulls_last,
    files,
    looks_ahead_in_a_frame,
    not_portable,
    sql,
    without_strings,
)

MODELS = files("models/**/*.sql")
MARTS = files("models/marts/**/*.sql")
TESTS = files("checks/**/*.sql", "tests/**/*.sql")
LONGEST_LINE = 100
MAX_LINES = 150
LONGER = {
    "int_customer_accounts": "what the CRM knew of accounts, whose ways of being found are tried one after another",
    "int_customer_references": "what billing said of customers and of subscriptions, and whose a subscription was",
    "int_opportunity_changes": "twenty columns pass by name through two kinds of events",
    "int_pipeline_movements": "one short select for each of ten categories: side by side they can be compared",
    "int_forecast_calls": "who calls what, who is above whom, and whose call holds another's are one thought",
    "int_forecast_levels": "parts, changes and running sums are one thought, as in fct_pipeline_daily",
    "int_stall_cases": "the columns of a case are listed once, for landmarks and last days alike",
    "int_stall_clocks": "a dozen clocks that share two windows",
    "int_stall_facts": "what seven rules look at, one block each",
    "int_stall_last_activities": "the CRM's field and the activities are two histories made one",
    "int_subscription_spans_as_known": "what versions say of the time, and what was known of it on each day",
    "int_mrr_as_known": "the days to look at, who pays or renews then, and how much: twenty columns pass by name",
    "int_calibration_health_scores": "who stays, what was measured, and by when: a landmark needs all three",
    "int_calibration_scores": "who is judged, by what, and what became of them: the same deals for every score",
    "int_generation_yields": "the weeks that are looked at, and the past ones that they are compared with",
    "int_slippage_deals": "what was due and what was won besides: two looks at the same anchors",
    "int_cycle_risk_sets": "a cycle enters and leaves once; five columns name its cohort wherever it is counted",
    "int_reconciliation_line_items": "ten reasons in their order, and what both sides count under each",
    "int_reconciliation_lines": "by id, by name, and which of two lines comes first: one line finds its opportunity",
    "int_reconciliation_standings": "three ways into a quarter, each as of the day and of the Monday before",
    "int_reconciliation_starts": "both roads begin at the same number",
    "int_reconciliation_views": "what counts after a step and before it: three words, each looked up twice",
    "rpt_pipeline_reconciliation": "start, steps and items of both roads in the same columns",
    "rpt_pipeline_generation": "thirty columns: what a week created, what such weeks yield, what the quarter needs",
    "rpt_score_calibration": "counts, rates, a verdict and the lines that follow: each needs the one before it",
    "rpt_sales_cycle": "thirty columns: what is known of a cohort, and what of a day of it",
    "rpt_restatements": "the days to look at, and eight parts of a change, each a column",
    "rpt_forecast_accuracy": "single quarters and all of them together have the same columns",
    "rpt_slippage": "nine groups, in counts and in amounts, and their rates",
    "rpt_stage_velocity": "counts, durations and rates of a cell, side by side",
    "int_funnel_entries": "what comes after an entry, and what gives it back, for people and accounts alike",
    "int_handoff_starts": "rules, who captured answers, and until when a hand-off is followed, side by side",
    "int_handoff_answers": "five kinds of evidence, one block each, and which of them counts",
    "fct_handoffs": "two clocks, what they say of start, answer and limit, and the columns of a hand-off",
    "rpt_funnel_conversion": "shares by day, totals, and the comparison with the months before, side by side",
    "int_attribution_conversions": "what was created and what was won, each with its cut-off and the days that tell it",
    "int_attribution_people_as_reported": "links that changed, records that came later, and who they were: one thought",
    "int_attribution_touches": "whose touches count, today and when it was reported, and their places: one thought",
    "int_attribution_sourcing": "the first touch of each match, and the first activity, in both of its places",
    "int_attribution_costs": "whose cost counts, on which days, and at which rate: one thought",
    "int_attribution_cells": "sums by value, of what is touched and of what is not, in the same columns",
    "rpt_attribution": "four models in the same columns, and what stands beside them",
    "int_lifecycle_entries": "whatever says that a step was taken, side by side",
    "int_people_links_as_reported": "all that can have become known later of a person, and what stood then instead",
    "int_lifecycle_steps_as_reported": "whose steps tell, and all that their steps follow from as it was then",
    "fct_funnel_restatements": "entrants as they were known then, and what is known of them today",
    "dim_person": "links of three kinds, the rounds that join them, and the columns of a record",
    "fct_opportunity_current": "everything known of an opportunity today: fifty columns",
    "fct_pipeline_daily": "events, running sums and days without a change are one thought",
    "stg_hubspot__opportunity": "HubSpot's ways of saying open, won, lost and merged",
    "stg_salesforce__opportunity_change": "two history objects of Salesforce made one",
}
# A CTE that reads another model does nothing else but keep some of its rows.
IMPORT = re.compile(
    r"select \* from \{\{ (?:ref\('\w+'\)|source\('\w+', '\w+'\)) \}\}"
    r"(?:\s+where\s(?:(?!\b(?:group|order|window|union)\b).)*)?",
    re.DOTALL,
)


def ctes(path: Path) -> dict[str, str]:
    """The text of each CTE of a model, in their order."""
    return dict(re.findall(r"^(\w+) as \(\n\n(.*?)\n\n\)", path.read_text(), flags=re.MULTILINE | re.DOTALL))


def is_import(text: str) -> bool:
    """Whether a CTE reads another model."""
    return bool(re.search(r"\{\{ (?:ref|source)\(", text))


def test_there_are_models_to_look_at() -> None:
    assert len(MODELS) > 140
    assert len(MARTS) > 20


@of_each([*MODELS, *TESTS])
def test_models_are_written_in_portable_sql(path: Path) -> None:
    text = sql(path.read_text())
    assert not_portable(without_strings(text)) == []
    assert looks_ahead_in_a_frame(text) == []
    assert '"' not in text
    assert "\\" not in text


@of_each([*MODELS, *TESTS])
def test_an_alias_of_a_table_says_more_than_a_letter(path: Path) -> None:
    assert re.findall(r"\b(?:from|join)\s+\w+\s+as\s+\w\b", sql(path.read_text())) == []


@of_each(MODELS)
def test_the_first_line_of_a_model_states_its_grain(path: Path) -> None:
    assert path.read_text().startswith("-- One row per ")


@of_each(MODELS)
def test_a_model_ends_in_its_last_cte(path: Path) -> None:
    assert path.read_text().endswith(f"\n)\n\nselect * from {list(ctes(path))[-1]}\n")


@of_each(MODELS)
def test_other_models_are_read_in_import_ctes_and_these_come_first(path: Path) -> None:
    texts = list(ctes(path).values())
    imports = [text for text in texts if is_import(text)]
    assert [text for text in imports if not IMPORT.fullmatch(text.strip())] == []
    assert texts[: len(imports)] == imports
    read = re.findall(r"\b(?:ref|source)\('", path.read_text())
    assert len(read) == len(imports)


@of_each(MODELS)
def test_a_model_is_short_or_named_with_the_reason(path: Path) -> None:
    assert (len(path.read_text().splitlines()) > MAX_LINES) == (path.stem in LONGER)


@of_each([*MODELS, *TESTS])
def test_nulls_come_last_wherever_the_order_ascends(path: Path) -> None:
    assert ascending_without_nulls_last(sql(path.read_text())) == []


def arguments(text: str, function: str) -> list[str]:
    """What stands between the brackets of each call of a function."""
    found = []
    for start in (match.end() for match in re.finditer(rf"\b{function}\(", text)):
        depth, end = 1, start
        while depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        found.append(text[start : end - 1])
    return found


@of_each(MODELS)
def test_no_sum_depends_on_the_order_in_which_threads_add(path: Path) -> None:
    text = sql(path.read_text())
    summed = [each for name in ("sum", "avg") for each in arguments(text, name)]
    assert [each for each in summed if each.rfind("as double") > each.rfind("as decimal")] == []


@of_each([*MODELS, *TESTS])
def test_no_line_is_too_long_in_jinja_either(path: Path) -> None:
    assert [line for line in path.read_text().split("\n") if len(line) > LONGEST_LINE] == []


def test_each_column_is_described_once_and_every_description_is_used() -> None:
    defined = re.findall(r"\{% docs (\w+) %\}", "".join(path.read_text() for path in PROJECT.rglob("docs/**/*.md")))
    used = set(re.findall(r"doc\('(\w+)'\)", "".join(path.read_text() for path in PROJECT.rglob("models/**/*.yml"))))
    assert len(defined) == len(set(defined)) > 300
    assert set(defined) == used


@of_each(MODELS)
def test_a_model_has_a_description_that_begins_like_its_first_line(path: Path) -> None:
    line = path.read_text().split("\n", 1)[0].removeprefix("-- ").split(":")[0].split(";")[0].strip(". ")
    described = " ".join(described_models()[path.stem]["description"].split())
    assert described.startswith(line[:40])
