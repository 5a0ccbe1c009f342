"""What marketing is given of what was won, as of the last captured day: four models side by side."""

from __future__ import annotations

from reporting import charts
from reporting.markup import Html, Numbers, name, of_cell, percent, say
from reporting.page import Answer, Figure
from reporting.published import ALL, Cell, Marts, MissingError, Row, Scope, literal

MODELS = {
    "first": "first touch",
    "last": "last touch",
    "linear": "equal shares",
    "position": "position (40 % first, 40 % last)",
}


def section(marts: Marts, scope: Scope, numbers: Numbers) -> Answer:
    """The channels behind what the last complete quarter won, whether the models agree, and who sourced it."""
    marts.require("rpt_attribution")
    if scope.is_past:
        raise MissingError(f"This is known as of the last captured day alone, which is {scope.last_day}.")
    wholes = marts.ask(
        "attribution-quarters",
        "what was won, and how much of it marketing touched",
        f"""select fiscal_quarter, opportunities, total_amount, booked_amount, untouched_amount, coverage_rate,
    sourced_by_lead_source_amount, sourced_by_first_touch_amount, sourced_before_sales_amount, sourced_gap_amount
from rpt_attribution
where purpose = 'won' and match = 'headline' and is_headline_model and is_final and status = 'evaluated'
    and dimension = '{ALL}' and segment = {literal(scope.segment)} and total_amount > 0
order by fiscal_quarter desc
limit 8""",
    )
    if not wholes.rows:
        raise MissingError(
            "Nobody captured the touches of marketing and the people on opportunities, or no quarter with a win has "
            "ended since."
        )
    last = wholes.rows[0]
    quarter = str(last.value("fiscal_quarter"))
    channels = marts.ask(
        "attribution-channels",
        "its channels by each model",
        f"""select
    dimension_value as channel,
    max(attributed_amount) filter (where model = 'first') as first_amount,
    max(attributed_amount) filter (where model = 'last') as last_amount,
    max(attributed_amount) filter (where model = 'linear') as linear_amount,
    max(attributed_amount) filter (where model = 'position') as position_amount,
    max(attributed_amount) filter (where is_headline_model) as headline_amount,
    max(model) filter (where is_headline_model) as headline_model,
    max(share) filter (where is_headline_model) as headline_share,
    max(model_spread) as model_spread,
    max(influenced_amount) as influenced_amount_never_to_be_summed,
    max(cost_amount) as cost_amount
from rpt_attribution
where purpose = 'won' and match = 'headline' and dimension = 'channel' and fiscal_quarter = {literal(quarter)}
    and segment = {literal(scope.segment)}
group by dimension_value
order by headline_amount desc, channel""",
    )
    touched = [row for row in channels.rows if row.value("channel") != "(untouched)" and row.value("headline_amount")]
    if not touched:
        return Answer(
            words=say(
                "Nothing that was won in {quarter} had a touch of marketing.", quarter=name(last["fiscal_quarter"])
            ),
            tables=[wholes, channels],
        )
    best, widest = touched[0], max(touched, key=lambda row: row.value("model_spread"))
    words = say(
        "Of what was won in {quarter}, {covered} had a touch of marketing before the opportunity was created. By "
        "{model}, {channel} is given most: {amount}. ",
        quarter=name(last["fiscal_quarter"]),
        covered=percent(last["coverage_rate"]),
        model=of_cell(best["headline_model"], MODELS[str(best.value("headline_model"))]),
        channel=channel(best["channel"]),
        amount=numbers.money(best["headline_amount"]),
    )
    words += agreement(touched)
    words += say(
        "The models are furthest apart for {channel}: by {spread} of all that was won.",
        channel=channel(widest["channel"]),
        spread=percent(widest["model_spread"]),
    )
    text = charts.Text("attribution-figure", "Won by channel", "What each channel is given of what was won.")
    picture = charts.bars(
        text,
        [charts.Bar(str(row.value("channel")), row["headline_amount"]) for row in touched[:8]],
        numbers.amount,
        bar_means="given of what was won",
    )
    caption = say(
        "Won in {quarter}, by {model}. The rest, {rest}, had no touch of marketing.",
        quarter=name(last["fiscal_quarter"]),
        model=of_cell(best["headline_model"], MODELS[str(best.value("headline_model"))]),
        rest=numbers.money(last["untouched_amount"]),
    )
    return Answer(
        words=words, figures=[Figure(picture, caption)], tables=[wholes, channels], notes=sourced(last, numbers)
    )


def channel(cell: Cell) -> Html:
    """A channel by its name, and those of touches without a campaign in words."""
    return of_cell(cell, "what has no channel" if cell.value == "(none)" else str(cell.value))


def agreement(channels: list[Row]) -> Html:
    """Whether all models put one channel first."""
    firsts = {model: max(channels, key=lambda row: row.value(f"{model}_amount")) for model in MODELS}
    if len({str(row.value("channel")) for row in firsts.values()}) == 1:
        return Html("All four models put it first. ")
    return say(
        "The models disagree, so do not decide on it: {first} comes first by the first touch, {last} by the last. ",
        first=channel(firsts["first"]["channel"]),
        last=channel(firsts["last"]["channel"]),
    )


def sourced(whole: Row, numbers: Numbers) -> list[Html]:
    """Who sourced it, by the rules that can be told."""
    rules = {
        "sourced_by_lead_source_amount": "its lead source is marketing's",
        "sourced_by_first_touch_amount": "a touch came before it was created",
        "sourced_before_sales_amount": "a touch came before sales' first activity",
    }
    known = [
        say("{amount} where {rule}", amount=numbers.money(whole[column]), rule=rule)
        for column, rule in rules.items()
        if whole.has(column)
    ]
    if len(known) < len(rules):
        return []
    return [
        say(
            "Sourced by marketing: {one}; {two}; {three}. The rules are {gap} apart.",
            one=known[0],
            two=known[1],
            three=known[2],
            gap=numbers.money(whole["sourced_gap_amount"]),
        )
    ]
