"""Whether hand-offs are kept, and what marketing brings: both as of the last captured day."""

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


def handoffs(marts: Marts, scope: Scope, _numbers: Numbers) -> Answer:
    """How many of the last whole month were answered in time, by hand-off and team, and in the months before."""
    of_today(marts, scope, "rpt_handoff_sla")
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
    of_today(marts, scope, "rpt_funnel_conversion")
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
    best = max(channels.rows, key=lambda row: row.value("with_an_opportunity"))
    words = say(
        "In the last twelve months {channel} brought most opportunities: {reached} of its {entered} MQLs have one, "
        "{share}.",
        channel=name(best["channel"]),
        reached=count(best["with_an_opportunity"]),
        entered=count(best["mqls"]),
        share=percent(best["share_with_an_opportunity"]),
    )
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
    bars = [charts.Bar(str(row.value("channel")), row["with_an_opportunity"]) for row in channels.rows[:8]]
    text = charts.Text("funnel-figure", "Opportunities by channel", "MQLs that have an opportunity, by first channel.")
    picture = charts.bars(text, bars, lambda value: f"{value:,.0f}", bar_means="MQLs with an opportunity")
    caption = Html("Of the last twelve months, by the channel of the first touch. Young ones may still get one.")
    return Answer(words=words, figures=[Figure(picture, caption)], tables=[months, channels, lowered], notes=notes)


def of_today(marts: Marts, scope: Scope, mart: str) -> None:
    """MissingError where the file lacks the mart, or has nothing in it, or the page is of an earlier day."""
    marts.require(mart)
    if scope.is_past:
        raise MissingError(f"This is known as of the last captured day alone, which is {scope.last_day}.")
    if not marts.ask(f"any {mart}", "", f"select 1 as any from {mart} limit 1").rows:
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
