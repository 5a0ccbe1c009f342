"""What the demo company keeps beside its data: `pipeledger.toml` and its governed definitions.

Goes to the folder of a demo home. Stages and segments come from `profile`; rates, targets and rules are what
such a company would decide.
"""

import csv
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from ingestion.demo_company.calendar import FISCAL_YEAR_START_MONTH, date_of, day_number, fiscal_quarter
from ingestion.demo_company.profile import (
    CLOSED_LOST,
    CLOSED_WON,
    PIPELINES,
    RENAMES,
    SEGMENTS,
    UNTARGETED_SEGMENT,
    Pipeline,
)

TIME_ZONE = "America/New_York"
BASE_CURRENCY = "USD"
SOURCE_NAME = "demo"

_PERIOD_DAYS = 540
_QUARTERS_AHEAD = 4
_DOLLARS_PER_EURO = ("1.0850", "1.0720", "1.0910", "1.1040", "1.0780", "1.0600", "1.0830", "1.1120")
_FIRST_TARGETS = {"Enterprise": 1_520_000, "Mid-Market": 1_190_000, "SMB": 360_000}
_TARGET_GROWTH = 1.07  # from quarter to quarter
_TAIL = ["valid_from", "owner", "definition"]  # these end the columns of every definition
_EARLIER_PROBABILITY = {("New Business", "Proposal"): (0.40, 200)}  # the new one, and days after the start

Line = Sequence[str | int]

_SETTINGS = """\
# Settings of the demo company. Everything here is synthetic; delete the folder to be rid of it.

[company]
name = "The demo company"
time_zone = "{time_zone}"       # whose midnight separates the days
base_currency = "{base_currency}"
fiscal_year_start_month = {month}           # FY2027 begins in February 2026
definitions = "definitions"           # governed CSV files: stages, segments, targets, rates, rules

[sources.{source}]
type = "demo"                         # a simulated business: no network, no vendor
start_date = {start_date}               # the first day that can be captured; the company is older
seed = {seed}                              # another seed, another company
"""


def write_home(folder: Path, *, start_date: date, seed: int) -> None:
    """Write `pipeledger.toml` and `definitions/*.csv` into `folder` (made if absent, files overwritten)."""
    definitions = folder / "definitions"
    definitions.mkdir(parents=True, exist_ok=True)
    settings = _SETTINGS.format(
        time_zone=TIME_ZONE,
        base_currency=BASE_CURRENCY,
        month=FISCAL_YEAR_START_MONTH,
        source=SOURCE_NAME,
        start_date=start_date,
        seed=seed,
    )
    (folder / "pipeledger.toml").write_text(settings, encoding="utf-8")
    for name, (header, lines) in _definitions(start_date).items():
        with (definitions / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*header, *_TAIL])
            writer.writerows(lines)


def _definitions(start_date: date) -> dict[str, tuple[Sequence[str], Sequence[Line]]]:
    """Columns (without the common last three) and lines of each file."""
    return {
        "stage_definitions": (
            [
                "source",
                "pipeline",
                "stage",
                "canonical_stage",
                "stage_order",
                "stage_category",
                "probability",
                "forecast_category",
                "exit_criteria",
            ],
            [line for pipeline in PIPELINES.values() for line in _stages(pipeline, start_date)],
        ),
        "segments": (["segment", "rule_column", "rule_operator", "rule_value", "priority"], _segments()),
        "targets": (["fiscal_quarter", "segment", "target_amount"], _targets(start_date)),
        "stall_rules": (["rule", "segment", "stage", "threshold", "is_enabled"], _stall_rules()),
        "fx_rates": (["currency_code", "rate_to_base"], _fx_rates(start_date)),
        "mrr_policy": (["choice", "value"], _mrr_policy()),
        "sla_rules": (
            ["handoff", "segment", "start_step", "end_evidence", "clock", "limit_hours", "responsible"],
            _sla_rules(),
        ),
        "business_hours": (["weekday", "date", "opens", "closes", "is_closed"], _business_hours()),
        "fiscal_calendar": (["fiscal_quarter", "start_date", "end_date"], []),
    }


def _stages(pipeline: Pipeline, start_date: date) -> list[Line]:
    """The lines of `stage_definitions.csv` for one pipeline."""
    lines: list[Line] = []
    for order, stage in enumerate(pipeline.stages, start=1):
        meaning: Line = (stage.forecast_category, stage.exit_criteria)
        head: Line = ("*", pipeline.name, stage.name, "", order, "open")
        lines.append((*head, f"{stage.probability:.2f}", *meaning, "", "Sales Operations", stage.definition))
        if (pipeline.name, stage.name) in _EARLIER_PROBABILITY:
            probability, offset = _EARLIER_PROBABILITY[pipeline.name, stage.name]
            because = f"{stage.definition} Probability lowered after a review of two years of outcomes."
            since = str(start_date + timedelta(days=offset))
            lines.append((*head, f"{probability:.2f}", *meaning, since, "Sales Operations", because))
        for rename in RENAMES:
            if (rename.pipeline, rename.stage) == (pipeline.name, stage.name):
                label: Line = ("*", pipeline.name, rename.new_label, stage.name, order, "open")
                because = f"{stage.definition} The CRM's new label of {stage.name}: the same stage."
                since = str(start_date + timedelta(days=rename.day_offset))
                lines.append((*label, f"{stage.probability:.2f}", *meaning, since, "Sales Operations", because))
    last = len(pipeline.stages)
    won, lost = "The contract is signed.", "The customer will not buy, or told us nothing for too long."
    lines.append(
        ("*", pipeline.name, CLOSED_WON, "", last + 1, "won", "1.00", "Closed", "", "", "Sales Operations", won)
    )
    lines.append(
        ("*", pipeline.name, CLOSED_LOST, "", last + 2, "lost", "0.00", "Omitted", "", "", "Sales Operations", lost)
    )
    return lines


def _segments() -> list[Line]:
    """The first match names the segment; accounts of unknown size stay unassigned until somebody looks."""
    rules: dict[str, tuple[str, str, str | int, int]] = {
        "Public Sector": ("industry", "=", "Public Sector", 1),
        "Enterprise": ("employee_count", ">=", 1000, 2),
        "Mid-Market": ("employee_count", ">=", 200, 3),
        "SMB": ("employee_count", "<", 200, 4),
    }
    meaning = {segment.name: segment.definition for segment in SEGMENTS}
    return [(name, *rule, "", "Revenue Operations", meaning[name]) for name, rule in rules.items()]


def _quarters(start_date: date, ahead: int) -> list[tuple[str, int]]:
    """Name and first day of the fiscal quarters of the demo's period, and of `ahead` more."""
    quarters: list[tuple[str, int]] = []
    quarter = fiscal_quarter(day_number(start_date))
    last_day = day_number(start_date) + _PERIOD_DAYS
    while quarter.first_day <= last_day or ahead > 0:
        ahead -= quarter.first_day > last_day
        quarters.append((quarter.name, quarter.first_day))
        quarter = fiscal_quarter(quarter.last_day + 1)
    return quarters


def _targets(start_date: date) -> list[Line]:
    """Bookings to reach; none for the segment whose team is being built, and one that was lowered on the way."""
    lines: list[Line] = []
    for number, (quarter, first_day) in enumerate(_quarters(start_date, _QUARTERS_AHEAD)):
        for segment, first_target in _FIRST_TARGETS.items():
            target = round(first_target * _TARGET_GROWTH**number, -4)
            because = f"Bookings target of {segment} for {quarter}, as approved by the board."
            lines.append((quarter, segment, f"{target:.2f}", "", "Finance", because))
            if number == 3 and segment == "Mid-Market":
                because = f"Lowered by a tenth during {quarter}, after two people left the team."
                since = str(date_of(first_day + 30))
                lines.append((quarter, segment, f"{target * 0.9:.2f}", since, "Finance", because))
    if any(line[1] == UNTARGETED_SEGMENT for line in lines):
        raise ValueError(f"{UNTARGETED_SEGMENT} has a target, none expected.")
    return lines


def _stall_rules() -> list[Line]:
    owner = "Sales Operations"
    return [
        ("age_in_stage", "*", "*", "1.5", "true", "", owner, "Longer in its stage than 1.5 times what won deals took."),
        (
            "no_change",
            "*",
            "*",
            30,
            "true",
            "",
            owner,
            "Stage, amount, close date and next step as they were a month ago.",
        ),
        ("close_date_pushed", "*", "*", 3, "true", "", owner, "The close date moved later three times or more."),
        ("past_due", "*", "*", 0, "true", "", owner, "The close date has passed."),
        ("no_activity", "*", "*", 14, "true", "", owner, "No activity for two weeks."),
        ("no_activity", "Enterprise", "*", 21, "true", "", owner, "Large companies answer slowly: three weeks."),
        ("missing_next_step", "*", "*", 0, "true", "", owner, "Nobody wrote down what happens next."),
        ("missing_next_step", "*", "Qualification", 0, "false", "", owner, "Too early to ask for a next step."),
        ("few_contacts", "*", "*", 3, "true", "", owner, "Deals are decided by a group: three people or more."),
    ]


def _fx_rates(start_date: date) -> list[Line]:
    """One euro in dollars, fixed by treasury for each fiscal quarter."""
    because = "Treasury's rate for the fiscal quarter, from the last business day before it."
    lines: list[Line] = []
    for number, (_, first_day) in enumerate(_quarters(start_date, 1)):
        since = "" if number == 0 else str(date_of(first_day))
        lines.append(("EUR", _DOLLARS_PER_EURO[number % len(_DOLLARS_PER_EURO)], since, "Treasury", because))
    return lines


def _mrr_policy() -> list[Line]:
    return [
        ("discounts", "recurring", "", "Finance", "MRR is what is left after recurring discounts."),
        ("past_due", "counts", "", "Finance", "A late payment alone does not end a subscription."),
        ("unpaid", "excluded", "", "Finance", "What billing gave up is no revenue."),
        ("trial_of_payer", "counts", "", "Finance", "A free month given to a customer is a gift, not churn."),
        (
            "churn_date",
            "ended",
            "",
            "Finance",
            "Churn falls on the day a subscription ends, not on that of the notice.",
        ),
        ("renewal_grace_days", 0, "", "Finance", "A customer without a subscription is gone from the first day on."),
    ]


def _sla_rules() -> list[Line]:
    called, answered = "first_response_at|activity|sal_at", "sql_at|activity|returned_status"
    return [
        ("mql_follow_up", "*", "mql", called, "clock", 24, "sales", "", "Sales", "Sales calls an MQL within a day."),
        ("mql_follow_up", "*", "mql", called, "business", 8, "sales", "", "Sales", "A working day is enough, too."),
        (
            "sal_response",
            "*",
            "sal",
            answered,
            "clock",
            48,
            "marketing",
            "",
            "Marketing",
            "What sales accepted is qualified, talked to or given back within two days.",
        ),
        (
            "sal_response",
            "*",
            "sal",
            answered,
            "business",
            16,
            "marketing",
            "",
            "Marketing",
            "Two working days are enough, too.",
        ),
        (
            "won_to_onboarding",
            "*",
            "won",
            "activity",
            "clock",
            "",
            "customer success",
            "",
            "Customer Success",
            "Not measured yet: no hours are agreed.",
        ),
    ]


def _business_hours() -> list[Line]:
    working = ("monday", "tuesday", "wednesday", "thursday", "friday")
    weekend = ("saturday", "sunday")
    return [
        *((day, "", "09:00", "17:00", "false", "", "Operations", "From nine to five, local time.") for day in working),
        *((day, "", "", "", "true", "", "Operations", "Nobody works on weekends.") for day in weekend),
    ]
