"""Which days the page rests on: the strip in its heading, and what is missing."""

from __future__ import annotations

from reporting import charts
from reporting.markup import Html, Numbers, count, date_of, day, days, moment, name, say
from reporting.page import Section
from reporting.published import ALL, Marts, Scope, Table, literal

MARTS = ("dim_snapshot", "dim_date")


def captured(marts: Marts, scope: Scope) -> Table:
    """The days up to that of the page, in one row."""
    return marts.ask(
        "days",
        "captured days of all sources",
        f"""select
    min(snapshot_date) as first_day,
    max(snapshot_date) as last_day,
    count(distinct snapshot_date) as days,
    count(distinct snapshot_date) filter (where status = 'gap') as gap_days,
    count(distinct snapshot_date) filter (where status = 'reconstructed') as reconstructed_days
from dim_snapshot
where snapshot_date <= {literal(scope.day)}""",
    )


def gaps(marts: Marts, scope: Scope) -> Table:
    """The days that were not captured, with the source, the latest first."""
    return marts.ask(
        "gaps",
        "days that were not captured",
        f"""select snapshot_date, source, count(*) as entities
from dim_snapshot
where status = 'gap' and snapshot_date <= {literal(scope.day)}
group by snapshot_date, source
order by snapshot_date desc, source""",
    )


def in_its_quarter(marts: Marts, scope: Scope) -> Table:
    """The day of the page in its fiscal quarter."""
    return marts.ask(
        "quarter",
        "the day in its fiscal quarter",
        f"""select fiscal_quarter, day_of_fiscal_quarter, days_to_fiscal_quarter_end
from dim_date
where date_day = {literal(scope.day)}""",
    )


def heading(marts: Marts, scope: Scope) -> Html:
    """The title, the day and the quarter, and every captured day as a strip."""
    quarter = in_its_quarter(marts, scope).rows[0]
    span, missing = captured(marts, scope).rows[0], gaps(marts, scope)
    missed = sorted({row.value("snapshot_date") for row in missing.rows})
    narrowed = [f"segment {scope.segment}"] if scope.segment != ALL else []
    narrowed += [f"team {scope.team}"] if scope.team else []
    first, last = span.value("first_day"), span.value("last_day")
    text = charts.Text(
        "strip",
        "Captured days",
        f"From {date_of(first)} to {date_of(last)}. {len(missed) or 'No'} days were not captured: "
        f"{', '.join(date_of(each) for each in missed[-5:]) or 'none'}.",
    )
    return say(
        "<h1>The pipeline on {day}</h1>{narrowed}"
        "<p>{left} left in {quarter}, after {passed}. "
        'Every day since {first}: {captured}, {gaps} of them <a href="#missing">not captured</a>.</p>{strip}',
        day=moment(scope.day),
        narrowed=say("<p>Only {what}.</p>", what=" and ".join(narrowed)) if narrowed else "",
        left=days(quarter["days_to_fiscal_quarter_end"]),
        quarter=name(quarter["fiscal_quarter"]),
        passed=days(quarter["day_of_fiscal_quarter"]),
        captured=count(span["days"]),
        first=day(span["first_day"]),
        gaps=count(span["gap_days"]),
        strip=charts.strip(text, first, last, missed),
    )


def section(marts: Marts, scope: Scope, _: Numbers) -> Section:
    """Which days are missing, and how old the newest one is."""
    span, missing = captured(marts, scope), gaps(marts, scope)
    row = span.rows[0]
    answer = say(
        "{days} days from {first} to {last}. ",
        days=count(row["days"]), first=day(row["first_day"]), last=day(row["last_day"]),
    )  # fmt: skip
    if missing.rows:
        answer += say(
            "{gaps} of them were not captured, the latest on {latest}: the state of the day before stands there.",
            gaps=count(row["gap_days"]), latest=day(missing.rows[0]["snapshot_date"]),
        )  # fmt: skip
    else:
        answer += say("None of them is missing.")
    todo, tables = [], [span, in_its_quarter(marts, scope), missing]
    if "about" in marts.tables and not scope.is_past:
        about = marts.ask("about", "what the published file says of itself", "select * from about")
        tables.append(about)
        if (about.rows[0].value("days_behind") or 0) > 1:
            todo.append(
                say(
                    "Find out why the last captured day is {behind} old: a missed day can often not be captured "
                    "later. pipeledger status says what failed.",
                    behind=days(about.rows[0]["days_behind"]),
                )
            )
    return Section(
        id="missing",
        question="Which days does this rest on?",
        answer=Html(answer),
        mood="mixed" if missing.rows else "good",
        tables=tables,
        todo=todo,
    )
