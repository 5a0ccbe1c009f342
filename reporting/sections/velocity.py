"""Where deals sit: how long they stay in each stage, and whether the pipeline as a whole became faster."""

from __future__ import annotations

from reporting import charts
from reporting.markup import Html, Numbers, days, name, percent_of, say
from reporting.page import Answer, Figure
from reporting.published import ALL, Marts, MissingError, Row, Scope, Table, literal

MARTS = ("rpt_stage_velocity", "rpt_pipeline_velocity", "dim_stage")
CURVE = (7, 14, 30, 60, 90, 180)  # the days of which the mart says what share is still in the stage
STYLES = ("s-blue", "s-orange dashed", "s-grey", "s-text dotted", "s-blue dashed", "s-orange dotted")
MOST_CURVES = 2
NEARLY_NONE = 0.1  # where no stage has more left, a curve ends


def section(marts: Marts, scope: Scope, numbers: Numbers) -> Answer:
    """How long deals stay in each stage, by pipeline, with the slowest stage and segment named."""
    marts.require(*MARTS)
    stages = marts.ask(
        "stages",
        "time in each stage, all quarters",
        f"""select
    pipeline, stage, visits, km_median_days, km_p75_days, km_p90_days, conversion_rate, still_open, left_truncated,
    still_in_stage_7d, still_in_stage_14d, still_in_stage_30d, still_in_stage_60d, still_in_stage_90d,
    still_in_stage_180d
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
    return Answer(
        words=Html(answer),
        figures=[
            stages_figure(stages),
            *curve_figures(stages),
            *([speed_figure(speed, numbers)] if len(speed.rows) > 1 else []),
        ],
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
    rows: list[charts.Marks] = []
    pipelines = list(dict.fromkeys(row.value("pipeline") for row in stages.rows))
    for pipeline in pipelines:
        rows += [charts.Marks(f"{pipeline}:", [])] if len(pipelines) > 1 else []
        rows += [
            charts.Marks(
                row.value("stage"),
                [(row["km_median_days"], "blue"), (row["km_p90_days"], "orange")],
                row["km_p90_days"],
            )
            for row in stages.where(pipeline=pipeline)
        ]
    said = "; ".join(
        f"{row.value('stage')} ({row.value('pipeline')}) {whole(row.value('km_median_days'))} and "
        f"{whole(row.value('km_p90_days'))}"
        for row in stages.rows
    )
    text = charts.Text("stages-figure", "Time in each stage", f"Days until half and nine in ten have left. {said}.")
    drawn = charts.marks(text, rows, whole, entries=[("blue", "half have left"), ("orange", "nine in ten have left")])
    return Figure(drawn, Html("Days in the stage. Deals that are still there count for as long as they were seen."))


def curve_figures(stages: Table) -> list[Figure]:
    """The share still in each stage by days, for the pipelines with the most visits and their busiest stages."""
    visits: dict[str, int] = {}
    for row in stages.rows:
        visits[row.value("pipeline")] = visits.get(row.value("pipeline"), 0) + row.value("visits")
    busiest = sorted(visits, key=lambda pipeline: -visits[pipeline])[:MOST_CURVES]
    return [figure for pipeline in busiest if (figure := curve_figure(pipeline, stages.where(pipeline=pipeline)))]


def curve_figure(pipeline: str, rows: list[Row]) -> Figure | None:
    """The share still in each stage of a pipeline by days; None where it is not known for two of them."""
    busiest = sorted(rows, key=lambda row: -row.value("visits"))[: len(STYLES)]
    drawn = [row for row in rows if row in busiest and row.has("still_in_stage_7d", "still_in_stage_14d")]
    if not drawn:
        return None
    last = next(
        (day for day in CURVE[1:] if all(row[f"still_in_stage_{day}d"].number <= NEARLY_NONE for row in drawn)),
        CURVE[-1],
    )
    seen = CURVE[: CURVE.index(last) + 1]
    lines = [
        charts.Line(row.value("stage"), [(float(day), row[f"still_in_stage_{day}d"]) for day in seen], style)
        for row, style in zip(drawn, STYLES, strict=False)
    ]
    said = "; ".join(
        f"{row.value('stage')}: {percent_of(row.value('still_in_stage_30d'))} after 30 days" for row in drawn
    )
    text = charts.Text(f"curve-{charts.identifier(pipeline)}", f"Still in the stage, {pipeline}", f"{said}.")
    picture = charts.lines(text, lines, percent_of, across=(0, last), left="0 days", right=f"{last} days", most=1.0)
    return Figure(
        picture, say("{pipeline}: share of deals still in the stage, by days since they entered it.", pipeline=pipeline)
    )


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
