"""Is what was reported still true: the bookings of each quarter as it ended, and what later edits made of them."""

from __future__ import annotations

from reporting import charts
from reporting.markup import Html, Numbers, joined, name, percent, say
from reporting.page import Answer, Figure
from reporting.published import Marts, MissingError, Row, Scope, Table, literal

MARTS = ("rpt_restatements",)
SMALL = 0.01  # a change below one in a hundred is told, and is no reason to worry
WORDS = {
    "entered_amount": "won late or backdated",
    "moved_in_amount": "moved in",
    "moved_out_amount": "moved out",
    "segment_amount": "changed segment",
    "edited_amount": "edited amounts",
    "left_amount": "wins taken back",
    "deleted_amount": "deleted",
    "definition_amount": "new definitions",
}


def section(marts: Marts, scope: Scope, numbers: Numbers) -> Answer:
    """Bookings of the quarters that ended, as reported and as known on the day."""
    marts.require(*MARTS)
    quarters = marts.ask(
        "restated",
        "bookings of each quarter as it ended, and as known on the day",
        f"""select
    fiscal_quarter, snapshot_date, reported_amount, {", ".join(WORDS)}, changed_amount, restated_amount, changed_rate
from rpt_restatements
where metric = 'bookings' and segment = {literal(scope.segment)} and snapshot_date <= {literal(scope.day)}
qualify row_number() over (partition by fiscal_quarter order by snapshot_date desc) = 1
order by fiscal_quarter desc
limit 8""",
    )
    if not quarters.rows:
        raise MissingError("No quarter has ended since the first captured day, so nothing was reported yet.")
    worst = max(quarters.rows, key=lambda row: abs(row.value("changed_rate") or 0))
    changed = [row for row in quarters.rows if row.value("changed_amount")]
    is_large = abs(worst.value("changed_rate") or 0) > SMALL
    return Answer(
        words=in_words(quarters.rows[0], worst, numbers),
        mood="mixed" if is_large else "good",
        figures=[quarters_figure(quarters, numbers)] if changed else [],
        tables=[quarters],
    )


def in_words(last: Row, worst: Row, numbers: Numbers) -> Html:
    """What became of the last quarter's bookings, and of those that changed most."""
    if not worst.value("changed_amount"):
        return Html("Yes: the bookings of no quarter have changed since it ended.")
    answer = say(
        "{quarter} ended with {reported} booked; today it is {restated}{why}.",
        quarter=name(last["fiscal_quarter"]),
        reported=numbers.money(last["reported_amount"]),
        restated=numbers.money(last["restated_amount"]),
        why=reasons(last, numbers),
    )
    if worst is not last:
        answer += say(
            " {quarter} changed most, by {rate}: {reported} became {restated}{why}.",
            quarter=name(worst["fiscal_quarter"]),
            rate=percent(worst["changed_rate"]),
            reported=numbers.money(worst["reported_amount"]),
            restated=numbers.money(worst["restated_amount"]),
            why=reasons(worst, numbers),
        )
    return answer


def reasons(row: Row, numbers: Numbers) -> Html:
    """The two largest reasons for a change, in brackets; nothing where nothing changed."""
    found = sorted((column for column in WORDS if row.value(column)), key=lambda column: -abs(row.value(column)))
    said = [say("{amount} {why}", amount=numbers.signed(row[column]), why=WORDS[column]) for column in found[:2]]
    return say(" ({reasons})", reasons=joined(said)) if said else Html("")


def quarters_figure(quarters: Table, numbers: Numbers) -> Figure:
    """Bookings as known now, with a mark where they stood when the quarter ended."""
    rows = [
        charts.Bar(row.value("fiscal_quarter"), row["restated_amount"], row["reported_amount"]) for row in quarters.rows
    ]
    said = "; ".join(f"{row.label} {numbers.amount(row.value.value)}" for row in rows)
    text = charts.Text("restated-figure", "Bookings by quarter, as reported and as known today", f"Today: {said}.")
    drawn = charts.bars(text, rows, numbers.amount, bar_means="booked, as known today", need_means="as it ended")
    return Figure(drawn, Html("A bar that misses its mark was changed after the quarter had ended."))
