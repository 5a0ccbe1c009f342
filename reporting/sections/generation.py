"""What must be created each week: for the running quarter and those after it, beside what was created lately."""

from __future__ import annotations

from reporting import charts
from reporting.markup import Html, Numbers, day, name, say, times
from reporting.page import Answer, Figure
from reporting.published import ALL, Marts, MissingError, Row, Scope, Table, literal

MARTS = ("rpt_pipeline_generation",)
WEEKS = 26  # half a year of weeks tells a slow one from a trend


def section(marts: Marts, scope: Scope, numbers: Numbers) -> Answer:
    """How much must be created each week, until when it helps, and how much was created lately."""
    marts.require(*MARTS)
    if scope.is_past:
        raise MissingError(f"This looks ahead from the last captured day alone, which is {scope.last_day}.")
    quarters = marts.ask(
        "generation",
        "what must be created each week, by quarter",
        f"""select distinct
    fiscal_quarter, segment, as_of_date, status, target_amount, won_amount, expected_amount, gap_amount,
    remaining_yield, needed_amount_per_week, recent_created_amount, needed_multiple, last_useful_week
from rpt_pipeline_generation
where dimension = '{ALL}' and not is_final and {literal(scope.segment)} in (segment, '{ALL}')
order by fiscal_quarter, segment = '{ALL}' desc, segment""",
    )
    weeks = marts.ask(
        "generation-weeks",
        "what each week created",
        f"""select week_start_date, sum(created_opportunities) as created_opportunities,
    sum(created_amount) as created_amount, sum(created_renewal_amount) as created_renewal_amount
from rpt_pipeline_generation
where segment = {literal(scope.segment)} and dimension = '{ALL}' and created_amount is not null
group by week_start_date
order by week_start_date desc
limit {WEEKS}""",
    )
    current = quarters.first(fiscal_quarter=scope.quarter, segment=scope.segment)
    if current is None:
        raise MissingError(f"Nothing is known of what must be created for {scope.quarter}.")
    mood, answer = in_words(current, numbers)
    ahead = [row for row in quarters.where(segment=scope.segment) if row.value("fiscal_quarter") > scope.quarter]
    short = [row for row in quarters.where(fiscal_quarter=scope.quarter) if row.value("segment") != scope.segment]
    notes = [
        say("{segment}: {pace}", segment=name(row["segment"]), pace=pace(row, numbers))
        for row in short
        if row.value("status") == "open" and row.has("needed_amount_per_week")
    ]
    notes += [
        say(
            "For {quarter}, counting only what is created once it has begun: {needed} a week, until "
            "the week of {last}.",
            quarter=name(row["fiscal_quarter"]),
            needed=numbers.money(row["needed_amount_per_week"]),
            last=day(row["last_useful_week"]),
        )
        for row in ahead[:1]
        if row.value("status") == "open" and row.has("needed_amount_per_week", "last_useful_week")
    ]
    return Answer(
        words=answer,
        mood=mood,
        figures=[weeks_figure(weeks, current, numbers)] if len(weeks.rows) > 1 else [],
        tables=[quarters, weeks],
        notes=notes,
        todo=[pace(current, numbers)] if mood == "bad" and current.value("status") == "open" else [],
    )


def in_words(current: Row, numbers: Numbers) -> tuple[str, Html]:
    """The mood and the sentence that answers how much must be created for the running quarter."""
    status = current.value("status")
    if status == "covered":
        return "good", Html(
            "Nothing more for this quarter: what is won and what is expected of the open reach the target."
        )
    if status == "unreachable":
        return "bad", say(
            "For this quarter it is too late: nothing that is created now was ever won in time. "
            "{gap} is missing, and can only come from what is open.",
            gap=numbers.money(current["gap_amount"]),
        )
    if status == "no_target":
        return "unknown", Html("Nobody can say: there is no target. Targets are rows of definitions/targets.csv.")
    if status != "open" or not current.has("needed_amount_per_week"):
        return "unknown", Html(
            "Nobody can say yet: no past quarter was captured whole, so nothing says what to expect."
        )
    mood = "bad" if current.has("needed_multiple") and current.value("needed_multiple") > 1 else "good"
    return mood, pace(current, numbers)


def pace(current: Row, numbers: Numbers) -> Html:
    """What is needed a week, beside what was created lately."""
    sentence = say("Create {needed} a week", needed=numbers.money(current["needed_amount_per_week"]))
    if current.has("needed_multiple", "recent_created_amount"):
        sentence = say(
            "{so_far}, {multiple} times the {recent} of late",
            so_far=sentence,
            multiple=times(current["needed_multiple"]),
            recent=numbers.money(current["recent_created_amount"]),
        )
    if current.has("last_useful_week"):
        sentence = say(
            "{so_far}, until the week of {last}; later ones come too late for this quarter",
            so_far=sentence,
            last=day(current["last_useful_week"]),
        )
    return say("{sentence}.", sentence=sentence)


def weeks_figure(weeks: Table, current: Row, numbers: Numbers) -> Figure:
    """What each week created, and what is needed."""
    rows = weeks.rows[::-1]
    drawn = [charts.Line("created", [(float(place), row["created_amount"]) for place, row in enumerate(rows)])]
    if current.has("needed_amount_per_week"):
        level = current["needed_amount_per_week"]
        drawn.append(charts.Line("needed", [(0.0, level), (float(len(rows) - 1), level)], "s-orange dashed"))
    text = charts.Text("generation-figure", "What each week created", f"The last {len(rows)} weeks, without renewals.")
    first, last = (f"{row.value('week_start_date'):%d %b %Y}" for row in (rows[0], rows[-1]))
    picture = charts.lines(text, drawn, numbers.amount, across=(0, len(rows) - 1), left=first, right=last)
    return Figure(picture, Html("New pipeline by week, renewals left out, whenever it is due."))
