"""Where deals sit: how long they stay in each stage, and whether the pipeline as a whole became faster."""

from __future__ import annotations

from reporting import charts
from reporting.markup import Html, Numbers, days, name, say
from reporting.page import Figure, Section
from reporting.published import ALL, Marts, MissingError, Scope, Table, literal

MARTS = ("rpt_stage_velocity", "rpt_pipeline_velocity", "dim_stage")


def section(marts: Marts, scope: Scope, numbers: Numbers) -> Section:
    """How long deals stay in each stage, by pipeline, with the slowest stage and segment named."""
    marts.require(*MARTS)
    stages = marts.ask(
        "stages",
        "time in each stage, all quarters",
        f"""select
    pipeline, stage, visits, km_median_days, km_p75_days, km_p90_days, conversion_rate, still_open, left_truncated
from rpt_stage_velocity
left join (
    select pipeline, stage, max(stage_order) as stage_order from dim_stage group by all
) as stages using (pipeline, stage)
where fiscal_quarter = '{ALL}' and segment = {literal(scope.segment)}
order by pipeline, stages.stage_order nulls last, stage""",
    )
    cells = marts.ask(
        "stages-segments",
        "time in each stage by segment, all quarters",
        f"""select pipeline, stage, segment, visits, km_median_days, km_p90_days, is_small_sample
from rpt_stage_velocity
where fiscal_quarter = '{ALL}' and segment <> '{ALL}' and not is_small_sample
    and {literal(scope.segment)} in (segment, '{ALL}')
order by km_p90_days desc nulls last, pipeline, stage, segment""",
    )
    known = [row for row in stages.rows if row.has("km_median_days", "km_p90_days")]
    if not known:
        raise MissingError(
            "No stage was left by enough deals yet to say how long they stay. It takes some weeks of captured days."
        )
    slowest = max(known, key=lambda row: (row.value("km_p90_days"), row.value("visits")))
    answer = say(
        "Longest in {stage} of {pipeline}: half of the deals leave it within {median}, but one in ten is there for "
        "more than {late}.",
        stage=name(slowest["stage"]),
        pipeline=name(slowest["pipeline"]),
        median=days(slowest["km_median_days"]),
        late=days(slowest["km_p90_days"]),
    )
    if cells.rows and scope.segment == ALL and cells.rows[0].has("km_p90_days"):
        worst = cells.rows[0]
        answer += say(
            " Of all segments, {segment} sits longest, in {stage}: more than {late} for one in ten.",
            segment=name(worst["segment"]),
            stage=name(worst["stage"]),
            late=days(worst["km_p90_days"]),
        )
    speed = monthly(marts, scope)
    return Section(
        id="sit",
        question="Where do deals sit?",
        answer=Html(answer),
        figures=[stages_figure(stages), *([speed_figure(speed, numbers)] if len(speed.rows) > 1 else [])],
        tables=[stages, cells, speed],
        notes=since_last_day(scope),
    )


def since_last_day(scope: Scope) -> list[Html]:
    """A remark on a page of an earlier day: these rows are known as of the last day only."""
    if not scope.is_past:
        return []
    return [say("Judged by all days captured since, up to {last}.", last=Html(f"<time>{scope.last_day}</time>"))]


def monthly(marts: Marts, scope: Scope) -> Table:
    """Pipeline velocity month by month, with what moved it."""
    return marts.ask(
        "velocity",
        "pipeline velocity by month, and what moved it",
        f"""select
    month_start_date, velocity_per_day, open_opportunities, average_won_amount, win_rate, sales_cycle_days,
    velocity_log_change, open_opportunities_contribution, average_won_amount_contribution, win_rate_contribution,
    sales_cycle_contribution
from rpt_pipeline_velocity
where segment = {literal(scope.segment)} and snapshot_date <= {literal(scope.day)}
order by month_start_date""",
    )


def stages_figure(stages: Table) -> Figure:
    """Median, and the days after which one in four and one in ten are still there."""
    rows = [
        charts.Marks(
            row.value("stage") + ("" if row.value("pipeline") == "default" else f", {row.value('pipeline')}"),
            [(row["km_median_days"], "blue"), (row["km_p90_days"], "orange")],
            row["km_p90_days"],
        )
        for row in stages.rows
    ]
    said = "; ".join(f"{row.label}: {row.dots[0][0].value}, {row.dots[1][0].value}" for row in rows)
    text = charts.Text("stages-figure", "Time in each stage", f"Days until half and nine in ten have left. {said}.")
    drawn = charts.marks(text, rows, whole, entries=[("blue", "half have left"), ("orange", "nine in ten have left")])
    return Figure(drawn, Html("Days in the stage. Deals that are still there count for as long as they were seen."))


def whole(value: float | None) -> str:
    """A number of days on a scale; nothing where fewer have left."""
    return "" if value is None else f"{value:g}"


def speed_figure(speed: Table, numbers: Numbers) -> Figure:
    """Pipeline velocity by month."""
    rows = speed.rows[-18:]
    points = [(float(number), row["velocity_per_day"]) for number, row in enumerate(rows)]
    text = charts.Text(
        "velocity-figure",
        "Pipeline velocity by month",
        "Amount won per day as open deals x average deal x win rate / sales cycle say it.",
    )
    first, last = (f"{row.value('month_start_date'):%b %Y}" for row in (rows[0], rows[-1]))
    drawn = charts.lines(
        text, [charts.Line("per day", points)], numbers.amount, across=(0, len(points) - 1), left=first, right=last
    )
    return Figure(
        drawn, Html("Pipeline velocity: what the pipeline yields a day, from the last ninety days of each month.")
    )
