"""Governed definitions: a slip in a file is named by file, row and column, and nothing is built on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.settings.home import Home
from tests.dbt_project import dbt_build
from tests.dbt_project.ledger_cache import Company
from tests.oracles.random_companies import STAGE_COLUMNS

BROKEN = {
    "stage_definitions": f"""{STAGE_COLUMNS}
*,default,New,,first,open,0.1,,,,,
*,default,Talks,,2,opened,0.1,,,,,
*,default,Offer,,3,open,10,,,,,
*,default,Won,,9,won,1,,,1st of May,,
*,default,Lost,,9,lost,0,,,,,
*,default,Lost,,9,lost,0,,,,,
""",
    "segments": """segment,rule_column,rule_operator,rule_value,priority,valid_from,owner,definition
Large,employees,>=,1000,1,,,
Small,employee_count,less than,50,2,,,
Medium,employee_count,>=,many,3,,,
""",
    "fx_rates": """currency_code,rate_to_base,valid_from,owner,definition
EUR,0,,,
USD,1.1,,,
GBP,"1,3",,,
""",
    "targets": """fiscal_quarter,segment,target_amount,valid_from,owner,definition
2026Q1,(all),1000,,,
FY2026-Q2,SMB,250.000,,,
FY2026-Q2,Enterprise,1000.50,26-03-31,,
""",
    "stall_rules": """rule,segment,stage,threshold,is_enabled,valid_from,owner,definition
no_motion,*,*,30,true,,,
no_change,*,*,,true,,,
""",
    "mrr_policy": """choice,value,valid_from,owner,definition
refunds,counts,,,
discounts,all,,,
past_due,maybe,,,
unpaid,Excluded,,,
trial_of_payer,free,,,
churn_date,noticed,,,
renewal_grace_days,1.5,,,
renewal_grace_days,a week,2026-01-01,,
renewal_grace_days,-1,2026-02-01,,
""",
    "metric_policy": """choice,value,valid_from,owner,definition
win_window_days,90,,,
velocity_window_days,a quarter,,,
velocity_window_days,0,2026-01-01,,
velocity_window_days,30.5,2026-02-01,,
small_sample_visits,-1,,,
stall_recovery_days,,,,
coverage_pool_quarters,8,soon,,
cycle_bands,30||60,,,
health_bands,70|50,,,
cycle_bands,"30,60",2026-01-01,,
mature_open_share,5,,,
""",
    "pipeline_views": """team,step_order,step,rule_column,rule_operator,rule_value,valid_from,owner,definition
sales,0,early,stage_order,>=,3,,,
sales,1,late,stage_order,>=,third,,,
sales,2,basis,amount_basis,=,halved,,,
sales,3,odd,population,!=,due,,,
sales,4,large,lead_source,>,3,,,
sales,5,none,lead_source,in,,,,
sales,6,unexplained,lead_source,=,Web,,,
sales,7,soon,close_date,<,next week,,,
sales,8,like,lead_source,like,We%,,,
sales,9,secret,password,=,x,,,
sales,10,listed,lead_source,in,(our_sources),,,
sales,11,sizes,stage_order,in,1|2,,,
sales,first,word,pipeline,=,default,,,
sales,12,twice,pipeline,=,default,,,
sales,12,twice,pipeline,=,default,,,
""",
    "reported_numbers": """team,as_of,fiscal_quarter,amount,valid_from,owner,definition
finance,someday,FY2026-Q2,1000,,,
finance,2026-05-04,Q2,1000,,,
finance,2026-05-05,FY2026-Q2,"12,5",,,
""",
    "sla_rules": """handoff,segment,start_step,end_evidence,clock,limit_hours,responsible,valid_from,owner,definition
mql_follow_up,*,mql,first_response_at|a visit,clock,24,sales,,,
sal_response,*,accepted,sql_at,wall,0,marketing,,,
""",
    "business_hours": """weekday,date,opens,closes,is_closed,valid_from,owner,definition
monday,,17:00,09:00,false,,,
tuesday,,9,17:00,false,,,
wednesday,,,,false,,,
thursday,2026-12-24,,,true,,,
noday,,,,true,,,
""",
    "fiscal_calendar": """fiscal_quarter,start_date,end_date,valid_from,owner,definition
FY2026-Q1,2026-01-01,2026-03-28,,,
FY2026-Q2,2026-03-30,2026-06-27,,,
""",
}

EXPECTED = {
    "stage_definitions.csv: *, default, New: stage_order `first` is no whole number such as 12.",
    "stage_definitions.csv: *, default, New: an open stage needs a stage_order.",
    "stage_definitions.csv: *, default, Talks: stage_category `opened` is none of open, won, lost.",
    "stage_definitions.csv: *, default, Offer: the probability is a share between 0 and 1.",
    "stage_definitions.csv: *, default, Won: valid_from `1st of May` is no date such as 2026-11-22.",
    "stage_definitions.csv: *, default, Lost comes 2 times with the same valid_from.",
    "segments.csv: Small, employee_count, less than, 50: rule_operator `less than` is none of =, !=, <, <=, >, >=, "
    "in, is_null.",
    "segments.csv: Medium, employee_count, >=, many: a comparison of size needs a number as rule_value.",
    "fx_rates.csv: EUR: a rate is above 0.",
    "fx_rates.csv: USD: the base currency is worth 1 of itself.",
    "fx_rates.csv: GBP: rate_to_base `1,3` is no number such as 1234.56.",
    "targets.csv: 2026Q1, (all): a fiscal quarter is written like FY2026-Q3.",
    "targets.csv: FY2026-Q2, SMB: target_amount `250.000` could be 250000 or a decimal number. "
    "Write it without separators of thousands, and decimals with one or two digits.",
    "targets.csv: FY2026-Q2, Enterprise: valid_from `26-03-31` is no date such as 2026-11-22.",
    "stall_rules.csv: no_change, *, *: the rule needs a threshold.",
    "mrr_policy.csv: discounts: the value is recurring or none.",
    "mrr_policy.csv: past_due: the value is counts or excluded.",
    "mrr_policy.csv: unpaid: the value is counts or excluded.",
    "mrr_policy.csv: trial_of_payer: the value is counts or excluded.",
    "mrr_policy.csv: churn_date: the value is ended or cancelled.",
    "mrr_policy.csv: renewal_grace_days: the value is a whole number of days from 0 to 366.",
    "metric_policy.csv: velocity_window_days: value `a quarter` is no whole number of days from 1 to 3660.",
    "metric_policy.csv: velocity_window_days: value `0` is no whole number of days from 1 to 3660.",
    "metric_policy.csv: velocity_window_days: value `30.5` is no whole number of days from 1 to 3660.",
    "metric_policy.csv: small_sample_visits: value `-1` is no whole number of visits from 0 to 1000000.",
    "metric_policy.csv: stall_recovery_days: value is blank.",
    "metric_policy.csv: cycle_bands: value `30||60` is no short list of whole numbers, such as 30|60.",
    "metric_policy.csv: cycle_bands: value `30,60` is no short list of whole numbers, such as 30|60.",
    "metric_policy.csv: health_bands: value `70|50` is no pair of whole numbers in ascending order, such as 50|70.",
    "metric_policy.csv: mature_open_share: value `5` is no share from 0 to 1.",
    "metric_policy.csv: coverage_pool_quarters: valid_from `soon` is no date such as 2026-11-22.",
    "pipeline_views.csv: sales, 0: step_order is 1 or more: 0 is the one pipeline number.",
    "pipeline_views.csv: sales, 1: rule_value `third` is no number such as 3 or 1234.56.",
    "pipeline_views.csv: sales, 2: rule_value `halved` is none of amount, weighted, expected, at_creation.",
    "pipeline_views.csv: sales, 3: rule_operator `!=` is none of =: the rule says what is counted.",
    "pipeline_views.csv: sales, 4: rule_column `lead_source` has no size: compare it with =, !=, in or is_null.",
    "pipeline_views.csv: sales, 5: the rule has nothing to compare with.",
    "pipeline_views.csv: sales, 6: the name of the step means something else.",
    "pipeline_views.csv: sales, 7: rule_value `next week` is no date such as 2026-11-22.",
    "pipeline_views.csv: sales, 8: rule_operator `like` is none of =, !=, <, <=, >, >=, in, is_null.",
    "pipeline_views.csv: sales, 10: rule_value `(our_sources)` stands for no list: write in (marketing_lead_sources).",
    "pipeline_views.csv: sales, 11: rule_column `stage_order` is no text: compare it with another operator than in.",
    "pipeline_views.csv: sales, first: step_order `first` is no whole number such as 12.",
    "pipeline_views.csv: sales, 12 comes 2 times with the same valid_from.",
    "reported_numbers.csv: finance, someday, FY2026-Q2: as_of `someday` is no date such as 2026-11-22.",
    "reported_numbers.csv: finance, 2026-05-04, Q2: a fiscal quarter is written like FY2026-Q3.",
    "reported_numbers.csv: finance, 2026-05-05, FY2026-Q2: amount `12,5` is no number such as 1234.56.",
    "sla_rules.csv: mql_follow_up, *, clock: end_evidence lists, separated by |, some of first_response_at, activity, "
    "sal_at, sql_at, returned_status.",
    "sla_rules.csv: sal_response, *, wall: a limit is above 0 hours; blank is off.",
    "sla_rules.csv: sal_response, *, wall: start_step `accepted` is none of lead, mql, sal, sql, opportunity, won.",
    "sla_rules.csv: sal_response, *, wall: clock `wall` is none of clock, business.",
    "business_hours.csv: monday, : it closes before it opens.",
    "business_hours.csv: tuesday, : opens is a time such as 09:00.",
    "business_hours.csv: wednesday, : a day that is not closed needs opens and closes, such as 09:00 and 17:00.",
    "business_hours.csv: thursday, 2026-12-24: a row has a weekday or a date.",
    "fiscal_calendar.csv: FY2026-Q2 does not begin the day after the quarter before it ends.",
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build whose every definition has slips in it."""
    home = tmp_path_factory.mktemp("definitions")
    result = dbt_build.run(home, [Company("crm", {})], definitions=BROKEN)
    assert not result.success
    return home


def test_every_slip_is_named_with_its_file_and_row(broken: Path) -> None:
    found = set(dbt_build.findings(broken))
    assert found >= EXPECTED, EXPECTED - found
    for start in (
        "segments.csv: Large",
        "stall_rules.csv: no_motion",
        "mrr_policy.csv: refunds",
        "metric_policy.csv: win_window_days",
        "pipeline_views.csv: sales, 9",
    ):
        assert any(each.startswith(start) and "is none of" in each for each in found)


def test_a_build_leaves_the_definitions_as_they_were_written(broken: Path) -> None:
    assembled = Home(broken.resolve()).definitions
    assert {name: (assembled / f"{name}.csv").read_text() for name in BROKEN} == BROKEN


def test_nothing_is_built_on_broken_definitions(broken: Path) -> None:
    assert dbt_build.read(broken, "select 1 from duckdb_tables() where table_name = 'fct_opportunity_history'") == []
