"""What changed: the open pipeline of the quarter from one day to another, movement by movement, with the deals."""

from __future__ import annotations

from datetime import date, timedelta

from reporting import charts
from reporting.markup import Html, Numbers, joined, moment, say
from reporting.page import Figure, Section
from reporting.published import ALL, Marts, MissingError, Scope, Table, literal

MARTS = ("fct_pipeline_movements", "fct_pipeline_daily", "fct_opportunity_current", "dim_owner")
WORDS = {
    "created": "created",
    "restored": "restored",
    "reopened": "reopened",
    "mapped": "stage now defined",
    "pulled_in": "pulled in",
    "pushed_in": "pushed in",
    "scope_in": "segment changed to this",
    "amount_up": "amount up",
    "fx": "exchange rates",
    "amount_down": "amount down",
    "scope_out": "segment changed away",
    "pushed_out": "pushed out",
    "pulled_out": "pulled out",
    "deleted": "deleted",
    "merged": "merged",
    "unmapped": "stage not defined",
    "lost": "lost",
    "won": "won",
}
"""Kinds of movement in the order in which they are drawn, in words."""


def section(marts: Marts, scope: Scope, numbers: Numbers) -> Section:
    """What changed in the last seven days, and since the quarter began."""
    marts.require(*MARTS)
    if scope.day <= scope.first_day:
        raise MissingError(
            f"Only one day was captured so far, {scope.first_day}. From the second day on, this says what changed."
        )
    week = movements(marts, scope, "week", max(scope.first_day, scope.day - timedelta(days=7)))
    begin = max(scope.first_day, scope.quarter_start)
    tables, figures = [week], [figure(week, scope, "week", numbers)]
    if begin < scope.day - timedelta(days=7):
        whole = movements(marts, scope, "since-start", begin)
        tables.append(whole)
        figures.append(figure(whole, scope, "since-start", numbers))
    deals = moved_deals(marts, scope, week.rows[0].value("since"))
    notes = [
        say(
            "The movements explain the change to the cent: {difference} is left unexplained.",
            difference=numbers.money(table.rows[-1]["difference"]),
        )
        for table in tables[-1:]
    ]
    return Section(
        id="changed",
        question="What changed in a week?",
        answer=in_words(week, numbers),
        mood="unknown",
        figures=figures,
        tables=[*tables, deals],
        notes=notes,
    )


def movements(marts: Marts, scope: Scope, query: str, since: date) -> Table:
    """Opening, each kind of movement and closing, of what is due in the quarter, from the end of `since` to the day."""
    kinds = ", ".join(map(literal, WORDS))
    segment = literal(scope.segment)
    return marts.ask(
        query,
        f"what was due in {scope.quarter}: movements after {since}",
        f"""with

levels as (
    select snapshot_date, sum(open_amount) as amount, sum(open_opportunities) as opportunities
    from fct_pipeline_daily
    where close_fiscal_quarter = {literal(scope.quarter)} and {segment} in (segment, '{ALL}')
        and snapshot_date in ({literal(since)}, {literal(scope.day)})
    group by snapshot_date
),

moved as (
    select category, sum(amount) as amount, sum(opportunity_delta) as opportunities, count(*) as movements
    from fct_pipeline_movements
    where fiscal_quarter = {literal(scope.quarter)}
        and ({segment} = segment or {segment} = '{ALL}' and category not in ('scope_in', 'scope_out'))
        and snapshot_date > {literal(since)} and snapshot_date <= {literal(scope.day)}
    group by category
),

steps as (
    select 'opening' as category, coalesce(sum(amount), 0) as amount,
        coalesce(sum(opportunities), 0) as opportunities, null as movements
    from levels where snapshot_date = {literal(since)}
    union all
    select category, amount, opportunities, movements from moved
    union all
    select 'closing', coalesce(sum(amount), 0), coalesce(sum(opportunities), 0), null
    from levels where snapshot_date = {literal(scope.day)}
)

select
    category, amount, opportunities, movements, {literal(since)} as since,
    sum(case when category = 'closing' then -amount else amount end) over () as difference
from steps
order by list_position(['opening', {kinds}, 'closing'], category)""",
    )


def moved_deals(marts: Marts, scope: Scope, since: date) -> Table:
    """The largest deals under every bar of the last week, five of each kind."""
    return marts.ask(
        "moved-deals",
        "the five largest deals under every bar of the week",
        f"""select
    moves.category, moves.snapshot_date, moves.opportunity_id, deals.opportunity_name, owners.owner_name,
    moves.segment, moves.amount, moves.from_value, moves.to_value
from fct_pipeline_movements as moves
left join fct_opportunity_current as deals using (source, opportunity_id)
left join dim_owner as owners on owners.source = deals.source and owners.owner_id = deals.owner_id
where moves.fiscal_quarter = {literal(scope.quarter)}
    and ({literal(scope.segment)} = moves.segment
        or {literal(scope.segment)} = '{ALL}' and moves.category not in ('scope_in', 'scope_out'))
    and moves.snapshot_date > {literal(since)} and moves.snapshot_date <= {literal(scope.day)}{of_team(scope)}
qualify row_number() over (
    partition by moves.category order by abs(moves.amount) desc, moves.opportunity_id, moves.snapshot_date
) <= 5
order by moves.category, abs(moves.amount) desc, moves.opportunity_id, moves.snapshot_date""",
    )


def of_team(scope: Scope) -> str:
    """The condition that keeps the deals of the page's team."""
    return f"\n    and owners.team = {literal(scope.team)}" if scope.team else ""


def in_words(week: Table, numbers: Numbers) -> Html:
    """From where to where, and the three largest reasons."""
    opening, closing = week.rows[0], week.rows[-1]
    moved = sorted(week.rows[1:-1], key=lambda row: -abs(row.value("amount")))
    if not moved:
        return say(
            "Nothing: {amount} was open on {since} and is open now.",
            amount=numbers.money(closing["amount"]), since=moment(opening.value("since")),
        )  # fmt: skip
    went = "rose" if closing.value("amount") > opening.value("amount") else "fell"
    reasons = joined(
        [
            say("{amount} {kind}", amount=numbers.signed(row["amount"]), kind=WORDS[row.value("category")])
            for row in moved[:3]
        ]
    )
    return say(
        "Open pipeline due in the quarter {went} from {opening} to {closing} since {since}. Mostly: {reasons}.",
        went=went,
        opening=numbers.money(opening["amount"]),
        closing=numbers.money(closing["amount"]),
        since=moment(opening.value("since")),
        reasons=reasons,
    )


def figure(table: Table, scope: Scope, key: str, numbers: Numbers) -> Figure:
    """The movements as a waterfall."""
    since = table.rows[0].value("since")
    steps = [
        charts.Step(
            WORDS.get(row.value("category"), "open then" if number == 0 else "open now"),
            row["amount"],
            is_level=row.value("category") in ("opening", "closing"),
        )
        for number, row in enumerate(table.rows)
    ]
    said = ", ".join(f"{step.label} {numbers.amount(step.value.value)}" for step in steps)
    text = charts.Text(f"{key}-figure", f"What changed since {since}", f"{said}.")
    drawn = charts.waterfall(text, steps, numbers.amount)
    return Figure(
        drawn, say("Open pipeline due in {quarter}, since {since}.", quarter=scope.quarter, since=moment(since))
    )
