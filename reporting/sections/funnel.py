"""Whether hand-offs are kept, and what marketing brings.

The reports say it as of the last captured day. For an earlier day the facts do: what was known by then counts.
"""

from __future__ import annotations

from reporting import charts
from reporting.markup import Html, Numbers, count, day, name, of_cell, percent, percent_of, say
from reporting.page import Answer, Figure
from reporting.published import ALL, Marts, MissingError, Row, Scope, Table, literal

HANDOFFS = {
    "mql_follow_up": "MQLs followed up by sales",
    "sal_response": "Accepted leads answered by marketing",
    "won_to_onboarding": "New customers talked to",
}
STYLES = ("s-blue", "s-orange", "s-grey")
MONTHS = 12
KNOWN_THEN = [Html("As known on that day. Records that were joined into one person since are one here, too.")]


def handoffs(marts: Marts, scope: Scope, _numbers: Numbers) -> Answer:
    """How many of the last whole month were answered in time, by hand-off and team, and in the months before."""
    require(marts, "rpt_handoff_sla", "fct_handoffs")
    if scope.is_past:
        return past_handoffs(marts, scope)
    months = marts.ask(
        "handoffs",
        "hand-offs answered in time, by month",
        f"""select
    month_start_date, handoff, handed, met, breached, pending, not_evaluated, met_rate, rate_low, rate_high,
    median_hours, p90_hours
from rpt_handoff_sla
where clock = 'clock' and dimension = '{ALL}' and segment = {literal(scope.segment)}
    and month_start_date < date_trunc('month', {literal(scope.day)})
order by month_start_date desc, handoff
limit {MONTHS * len(HANDOFFS)}""",
    )
    teams = marts.ask(
        "handoffs-teams",
        "the last whole month by team",
        f"""select
    handoff, dimension_value as team, handed, met, breached, pending, not_evaluated, met_rate, median_hours
from rpt_handoff_sla
where clock = 'clock' and dimension = 'team' and segment = {literal(scope.segment)}
    and month_start_date = date_trunc('month', {literal(scope.day)}) - interval 1 month
order by handoff, handed desc""",
    )
    newest = max((row.value("month_start_date") for row in months.rows), default=None)
    told = [row for row in months.where(month_start_date=newest) if row.has("met_rate")]
    if not told:
        raise MissingError("No hand-off of a whole month can be judged: nobody captured when leads were answered.")
    sentences = [
        say(
            "{what}: {rate} of {handed} in time, half of them within {hours}. ",
            what=HANDOFFS.get(str(row.value("handoff")), str(row.value("handoff"))),
            rate=percent(row["met_rate"]),
            handed=count(row["handed"]),
            hours=hours(row),
        )
        for row in told
    ]
    words = say("Of what was handed over in the month of {month}: ", month=day(told[0]["month_start_date"]))
    for sentence in sentences:
        words += sentence
    return Answer(words=words, figures=[rates_figure(months)], tables=[months, teams])


def marketing(marts: Marts, scope: Scope, _numbers: Numbers) -> Answer:
    """What became of leads and MQLs by month and channel, and where more of them were worse."""
    require(marts, "rpt_funnel_conversion", "fct_lifecycle_steps")
    if scope.is_past:
        return past_marketing(marts, scope)
    segment = literal(scope.segment)
    months = marts.ask(
        "funnel",
        "who entered each step, and what became of them",
        f"""select cohort_month, step, entered, converted, recycled, still_open, conversion_rate, is_mature,
    mql_to_opportunity_rate, opportunity_to_won_rate
from rpt_funnel_conversion
where unit = 'person' and dimension = '{ALL}' and segment = {segment} and step in ('lead', 'mql', 'sal', 'sql')
order by cohort_month desc, step
limit {MONTHS * 4}""",
    )
    channels = marts.ask(
        "funnel-channels",
        "MQLs of the last twelve months by channel",
        f"""select dimension_value as channel, sum(entered) as mqls, sum(reached_opportunity) as with_an_opportunity,
    sum(reached_won) as with_a_win, sum(reached_opportunity) / nullif(sum(entered), 0) as share_with_an_opportunity
from rpt_funnel_conversion
where unit = 'person' and step = 'mql' and dimension = 'channel' and segment = {segment}
    and cohort_month >= date_trunc('month', {literal(scope.day)}) - interval {MONTHS} month
group by dimension_value
order by mqls desc""",
    )
    lowered = marts.ask(
        "funnel-lowered",
        "more of them, and worse",
        f"""select cohort_month, step, dimension, dimension_value, entered, conversion_rate, rate_high,
    earlier_conversion_rate
from rpt_funnel_conversion
where unit = 'person' and volume_up_quality_down and segment = {segment}
order by cohort_month desc, entered desc
limit 20""",
    )
    if not channels.rows:
        raise MissingError("Nobody became an MQL in the last twelve months, as far as it was captured.")
    notes = [
        say(
            "More of them, and worse: {step} of {value} in the month of {month}: {entered} entered, {rate} went on, "
            "{before} before.",
            step=name(row["step"]),
            value=name(row["dimension_value"]),
            month=day(row["cohort_month"]),
            entered=count(row["entered"]),
            rate=percent(row["conversion_rate"]),
            before=percent(row["earlier_conversion_rate"]),
        )
        for row in lowered.rows[:2]
    ]
    return Answer(
        words=best_channel(channels),
        figures=[channels_figure(channels)],
        tables=[months, channels, lowered],
        notes=notes,
    )


def past_handoffs(marts: Marts, scope: Scope) -> Answer:
    """The same as of an earlier day: who was late by then, and what was answered by then as far as it was known."""
    day_of_page = literal(scope.day)
    told = f"""select
        cast(date_trunc('month', started_date) as date) as month_start_date, handoff, owner_team as team,
        case
            when status = 'not_evaluated' or evidence_known_from <= {day_of_page} then status
            when due_at < {day_of_page} + interval 1 day then 'breached'
            else 'pending'
        end as status_then
    from fct_handoffs
    where clock = 'clock' and started_date <= {day_of_page} and known_from <= {day_of_page}
        and {literal(scope.segment)} in ('{ALL}', segment)"""
    counts = """count(*) as handed, count(*) filter (where status_then = 'met') as met,
    count(*) filter (where status_then = 'breached') as breached,
    count(*) filter (where status_then = 'pending') as pending,
    count(*) filter (where status_then = 'not_evaluated') as not_evaluated,
    count(*) filter (where status_then = 'met') / nullif(count(*) filter (where status_then in ('met', 'breached')), 0)
        as met_rate"""
    months = marts.ask(
        "handoffs",
        "hand-offs answered in time, by month",
        f"""with told as (
    {told}
)
select month_start_date, handoff, {counts}
from told
where month_start_date < date_trunc('month', {day_of_page})
group by month_start_date, handoff
order by month_start_date desc, handoff
limit {MONTHS * len(HANDOFFS)}""",
    )
    teams = marts.ask(
        "handoffs-teams",
        "the last whole month by team",
        f"""with told as (
    {told}
)
select handoff, team, {counts}
from told
where month_start_date = date_trunc('month', {day_of_page}) - interval 1 month
group by handoff, team
order by handoff, handed desc""",
    )
    newest = max((row.value("month_start_date") for row in months.rows), default=None)
    rated = [row for row in months.where(month_start_date=newest) if row.has("met_rate")]
    if not rated:
        raise MissingError("No hand-off of a whole month can be judged: nobody captured when leads were answered.")
    words = say("Of what was handed over in the month of {month}: ", month=day(rated[0]["month_start_date"]))
    for row in rated:
        words += say(
            "{what}: {rate} of {handed} in time. ",
            what=HANDOFFS.get(str(row.value("handoff")), str(row.value("handoff"))),
            rate=percent(row["met_rate"]),
            handed=count(row["handed"]),
        )
    return Answer(words=words, figures=[rates_figure(months)], tables=[months, teams], notes=KNOWN_THEN)


def past_marketing(marts: Marts, scope: Scope) -> Answer:
    """Who had taken which step by an earlier day, as far as it was known, and which channel brought opportunities."""
    day_of_page = literal(scope.day)
    known = f"""select *
    from fct_lifecycle_steps
    where step_date <= {day_of_page} and known_from <= {day_of_page} and step_precision <> 'left_truncated'
        and {literal(scope.segment)} in ('{ALL}', segment)"""
    months = marts.ask(
        "funnel",
        "who entered each step",
        f"""select cast(date_trunc('month', step_date) as date) as cohort_month, step, count(*) as entered
from ({known})
where step in ('lead', 'mql', 'sal', 'sql')
group by cohort_month, step
order by cohort_month desc, step
limit {MONTHS * 4}""",
    )
    channels = marts.ask(
        "funnel-channels",
        "MQLs of the last twelve months by channel",
        f"""with known as (
    {known}
), mqls as (
    select * from known
    where step = 'mql' and step_date >= date_trunc('month', {day_of_page}) - interval {MONTHS} month
)
select mqls.channel, count(*) as mqls, count(opportunities.person_key) as with_an_opportunity,
    count(opportunities.person_key) / count(*) as share_with_an_opportunity
from mqls
left join known as opportunities
    on mqls.person_key = opportunities.person_key and mqls.cycle = opportunities.cycle
    and opportunities.step = 'opportunity' and opportunities.step_date >= mqls.step_date
group by mqls.channel
order by mqls desc""",
    )
    if not channels.rows:
        raise MissingError("Nobody became an MQL in the last twelve months, as far as it was captured.")
    return Answer(
        words=best_channel(channels),
        figures=[channels_figure(channels)],
        tables=[months, channels],
        notes=KNOWN_THEN,
    )


def best_channel(channels: Table) -> Html:
    """The channel whose MQLs have most opportunities, in words."""
    best = max(channels.rows, key=lambda row: row.value("with_an_opportunity"))
    return say(
        "In the last twelve months {channel} brought most opportunities: {reached} of its {entered} MQLs have one, "
        "{share}.",
        channel=name(best["channel"]),
        reached=count(best["with_an_opportunity"]),
        entered=count(best["mqls"]),
        share=percent(best["share_with_an_opportunity"]),
    )


def channels_figure(channels: Table) -> Figure:
    """MQLs with an opportunity, a bar for each of the largest channels."""
    bars = [charts.Bar(str(row.value("channel")), row["with_an_opportunity"]) for row in channels.rows[:8]]
    text = charts.Text("funnel-figure", "Opportunities by channel", "MQLs that have an opportunity, by first channel.")
    picture = charts.bars(text, bars, lambda value: f"{value:,.0f}", bar_means="MQLs with an opportunity")
    caption = Html("Of the last twelve months, by the channel of the first touch. Young ones may still get one.")
    return Figure(picture, caption)


def require(marts: Marts, report: str, fact: str) -> None:
    """MissingError where the file lacks the report or the fact, or has nothing in it."""
    marts.require(report)
    marts.require(fact)
    if not marts.ask(f"any {report}", "", f"select 1 as any from {report} limit 1").rows:
        raise MissingError("No lead was ever captured.")


def hours(row: Row) -> Html:
    """The median time to an answer; where fewer than half were answered there is none."""
    if not row.has("median_hours"):
        return Html("a time that has not come yet")
    return of_cell(row["median_hours"], f"{row['median_hours'].number:,.1f} hours")


def rates_figure(months: Table) -> Figure:
    """Shares answered in time, a line for each hand-off."""
    names = sorted({str(row.value("handoff")) for row in months.rows})
    dates = sorted({row.value("month_start_date") for row in months.rows})
    drawn = [
        charts.Line(
            HANDOFFS.get(handoff, handoff),
            [
                (float(dates.index(row.value("month_start_date"))), row["met_rate"])
                for row in months.rows[::-1]
                if row.value("handoff") == handoff and row.has("met_rate")
            ],
            STYLES[place % len(STYLES)],
        )
        for place, handoff in enumerate(names)
    ]
    text = charts.Text("handoffs-figure", "Answered in time", "The share answered within the limit, by month.")
    picture = charts.lines(
        text,
        drawn,
        percent_of,
        across=(0, max(len(dates) - 1, 1)),
        left=f"{dates[0]:%b %Y}",
        right=f"{dates[-1]:%b %Y}",
    )
    return Figure(picture, Html("Share answered within the limit, by the month of the hand-off."))
