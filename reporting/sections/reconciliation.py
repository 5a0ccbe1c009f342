"""Whose number is it: from the one pipeline number to each team's, by its rules and by its own list."""

from __future__ import annotations

from reporting import charts
from reporting.markup import Html, Numbers, day, joined, moment, name, of_cell, say
from reporting.page import Answer, Figure
from reporting.published import ALL, Marts, MissingError, Row, Scope, Table, literal

MARTS = ("rpt_pipeline_reconciliation",)
START = "(start)"


def section(marts: Marts, scope: Scope, numbers: Numbers) -> Answer:
    """Each team's number of the quarter, and every step that leads to it from the one pipeline number."""
    marts.require(*MARTS)
    rules, lists = bridges(marts, scope, "rule"), bridges(marts, scope, "list")
    if not rules.rows and not lists.rows:
        raise MissingError(
            f"No team's number of {scope.quarter} is known. "
            "What a team counts is said in definitions/pipeline_views.csv."
        )
    figures = [
        bridge_figure(steps, road, numbers)
        for road, table in (("rule", rules), ("list", lists))
        for steps in by_team(table)
    ]
    sentences = [rules_in_words(rules, numbers), lists_in_words(lists, numbers)]
    return Answer(
        words=Html(" ".join(filter(None, sentences))),
        figures=figures,
        tables=[table for table in (rules, lists) if table.rows],
        notes=[Html("Of all segments: no team's number is known by segment.")] if scope.segment != ALL else [],
    )


def bridges(marts: Marts, scope: Scope, road: str) -> Table:
    """The steps of every team: by its rules on the latest day, or by its latest list on that list's own day."""
    own_day = " and snapshot_date = as_of" if road == "list" else ""
    caption = {"rule": "by each team's rules", "list": "by each team's latest list, on its own day"}
    return marts.ask(
        f"team-{road}s",
        f"from the one pipeline number to each team's, {caption[road]}",
        f"""with

bridges as (
    select *
    from rpt_pipeline_reconciliation
    where road = {literal(road)} and fiscal_quarter = {literal(scope.quarter)} and status = 'evaluated'
        and snapshot_date <= {literal(scope.day)}{own_day}
    qualify dense_rank() over (partition by team order by snapshot_date desc, list_source, list_id) = 1
)

select
    team, snapshot_date, list_id, step_order, reason, amount, opportunities, amount_after, start_amount, their_amount,
    sum(amount) over (partition by team) - their_amount as difference
from bridges
order by team, step_order""",
    )


def by_team(table: Table) -> list[list[Row]]:
    """The steps of each team, in order."""
    teams = dict.fromkeys(row.value("team") for row in table.rows)
    return [table.where(team=team) for team in teams]


def rules_in_words(table: Table, numbers: Numbers) -> Html:
    """The one number, and what each team makes of it by its rules."""
    teams = by_team(table)
    if not teams:
        return Html("")
    said = joined(
        [
            say("{amount} ({team})", amount=numbers.money(steps[-1]["their_amount"]), team=name(steps[-1]["team"]))
            for steps in teams
        ]
    )
    first = teams[0][0]
    return say(
        "The pipeline is {start}. The teams' rules make {said} of it, step by step; {difference} is left unexplained.",
        start=numbers.money(first["start_amount"]),
        said=said,
        difference=of_cell(first["difference"], f"{first.value('difference'):,.2f}"),
    )


def lists_in_words(table: Table, numbers: Numbers) -> Html:
    """What the latest list of each team comes to, beside the one number of its day."""
    said = [
        say(
            "the list of {team} for {day} comes to {theirs}, where the pipeline was {ours}",
            team=name(steps[0]["team"]),
            day=day(steps[0]["snapshot_date"]),
            theirs=numbers.money(steps[0]["their_amount"]),
            ours=numbers.money(steps[0]["start_amount"]),
        )
        for steps in by_team(table)
    ]
    return say("Of their own making, {said}.", said=joined(said)) if said else Html("")


def bridge_figure(steps: list[Row], road: str, numbers: Numbers) -> Figure:
    """From the one number to a team's, as a waterfall."""
    team = steps[0].value("team")
    drawn = [
        charts.Step(
            "the pipeline" if row.value("reason") == START else row.value("reason").replace("_", " "),
            row["amount"],
            is_level=row.value("reason") == START,
        )
        for row in steps
        if row.value("amount") or row.value("reason") == START
    ]
    drawn.append(charts.Step(f"as {team} counts", steps[-1]["their_amount"], is_level=True))
    said = ", ".join(f"{step.label} {numbers.amount(step.value.value)}" for step in drawn)
    text = charts.Text(f"{road}-{charts.identifier(team)}", f"From the pipeline to {team}'s number", f"{said}.")
    what = "rules" if road == "rule" else "own list"
    return Figure(
        charts.waterfall(text, drawn, numbers.amount),
        say(
            "From the pipeline to {team}, by its {what}, on {day}.",
            team=team,
            what=what,
            day=moment(steps[0].value("snapshot_date")),
        ),
    )
