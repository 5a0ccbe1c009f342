"""Which stalls matter: each rule judged by what became of the deals that it found, and the deals that it finds now."""

from __future__ import annotations

import math

from reporting import charts
from reporting.markup import Html, Numbers, count, joined, name, percent, percent_of, say
from reporting.page import Figure, Section
from reporting.published import ALL, Marts, MissingError, Row, Scope, Table, literal
from reporting.sections.velocity import since_last_day

MARTS = ("rpt_stall_patterns", "fct_stall_signals", "fct_opportunity_current", "dim_owner")
POWER = 2.0
"""How many standard errors the stalled deals must lie below the others of their stage and age, for a rule to matter."""
FEWEST = 20  # decided deals; below, no rule is judged


def section(marts: Marts, scope: Scope, numbers: Numbers) -> Section:
    """Which rules say something, and the largest open deals that these find."""
    marts.require(*MARTS)
    rules = marts.ask(
        "rules",
        "stall rules, judged",
        f"""select
    rule, matched_decided, matched_won, matched_expected_won, matched_stalled_win_rate, matched_other_win_rate,
    judged, stalled, stall_rate, recovered_rate, median_stall_days, stalled_win_rate, other_win_rate
from rpt_stall_patterns
where segment = {literal(scope.segment)} and stage = '{ALL}' and fiscal_quarter = '{ALL}'
order by matched_won - matched_expected_won, rule""",
    )
    judged = [row for row in rules.rows if (row.value("matched_decided") or 0) >= FEWEST]
    if not judged:
        raise MissingError(
            "No stall rule can be judged yet: that takes stalled deals that were won or lost later. "
            "The rules are rows of definitions/stall_rules.csv."
        )
    powerful = [row for row in judged if power(row) <= -POWER]
    idle = [row for row in judged if power(row) > -POWER]
    found = found_now(marts, scope, powerful)
    answer = verdict(powerful, idle)
    todo = []
    if found is not None and found.rows:
        top = found.rows[0]
        todo.append(
            say(
                "Begin with the {deals} open deals that {rule} finds, worth {amount}; the largest is {largest}. "
                '<a href="#stalls">Which</a>',
                deals=count(top["deals"]),
                rule=name(top["rule"]),
                amount=numbers.money(top["amount_of_all"]),
                largest=name(top["opportunity_name"]),
            )
        )
    return Section(
        id="stalls",
        question="Which stalls matter?",
        answer=Html(answer),
        mood="unknown",
        figures=[rules_figure(judged, powerful)],
        tables=[rules, *([found] if found is not None else []), past_due(marts, scope)],
        notes=since_last_day(scope),
        todo=[] if scope.is_past else todo,
    )


def verdict(powerful: list[Row], idle: list[Row]) -> Html:
    """Which rules say something, how much the strongest says, and which say nothing."""
    if not powerful:
        return Html("None: deals that the rules call stalled are won as often as others of their stage and age.")
    strongest = powerful[0]
    answer = say(
        "{names}. Deals stalled by {first} are won in {low} of all cases, others of their stage and age in {high}.",
        names=joined([name(row["rule"]) for row in powerful]),
        first=name(strongest["rule"]),
        low=percent(strongest["matched_stalled_win_rate"]),
        high=percent(strongest["matched_other_win_rate"]),
    )
    if idle:
        answer += say(" The others mean nothing: {names}.", names=joined([name(row["rule"]) for row in idle]))
    return answer


def power(row: Row) -> float:
    """How many standard errors the deals found by a rule were won more often (less often: below 0) than others."""
    decided, won, expected = (float(row.value(f"matched_{each}") or 0) for each in ("decided", "won", "expected_won"))
    spread = math.sqrt(expected * (1 - expected / decided)) if 0 < expected < decided else 0.0
    return (won - expected) / spread if spread else 0.0


def found_now(marts: Marts, scope: Scope, powerful: list[Row]) -> Table | None:
    """The largest open deals that the strongest rule finds on the last captured day."""
    if not powerful:
        return None
    rule = powerful[0].value("rule")
    return signals(
        marts, scope, "stalled-deals", f"open deals that {rule} finds on the last captured day", f"= {literal(rule)}"
    )


def past_due(marts: Marts, scope: Scope) -> Table:
    """Open deals whose close date has passed."""
    return signals(marts, scope, "past-due-deals", "open deals whose close date has passed", "= 'past_due'")


def signals(marts: Marts, scope: Scope, query: str, caption: str, rule: str) -> Table:
    """The deals that a rule finds, the largest first, with their evidence."""
    team = f"\n    and owners.team = {literal(scope.team)}" if scope.team else ""
    return marts.ask(
        query,
        caption,
        f"""select
    signals.rule, signals.opportunity_id, deals.opportunity_name, owners.owner_name, signals.segment, signals.stage,
    signals.amount, signals.evidence, count(*) over () as deals, sum(signals.amount) over () as amount_of_all
from fct_stall_signals as signals
inner join fct_opportunity_current as deals using (source, opportunity_id)
left join dim_owner as owners on owners.source = signals.source and owners.owner_id = signals.owner_id
where signals.rule {rule} and signals.status = 'stalled'
    and {literal(scope.segment)} in (signals.segment, '{ALL}'){team}
order by signals.amount desc nulls last, signals.opportunity_id
limit 60""",
    )


def rules_figure(judged: list[Row], powerful: list[Row]) -> Figure:
    """Win rates of the deals that each rule finds, and of others of their stage and age."""
    rows = [
        charts.Marks(
            row.value("rule") + (" *" if row in powerful else ""),
            [(row["matched_other_win_rate"], "blue"), (row["matched_stalled_win_rate"], "orange")],
            row["matched_stalled_win_rate"],
        )
        for row in judged
    ]
    said = "; ".join(
        f"{row.value('rule')}: {percent_of(row.value('matched_stalled_win_rate'))} against "
        f"{percent_of(row.value('matched_other_win_rate'))}"
        for row in judged
    )
    text = charts.Text("rules-figure", "Stall rules, judged", f"Win rates of stalled deals and of others. {said}.")
    entries = [("blue", "won of comparable deals"), ("orange", "won of stalled deals")]
    drawn = charts.marks(text, rows, percent_of, entries=entries)
    return Figure(drawn, Html("A rule with a star says something: its stalled deals are won clearly less often."))
