"""What engines differ in, asked of both: the macros and the readings of text, over values at their limits."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from math import prod
from typing import Any

import duckdb
import pytest

from orchestration.settings.config import Engine, load_config
from orchestration.settings.home import Home
from orchestration.steps import spark
from orchestration.steps.dbt import errors_in, invoke
from orchestration.steps.spark_functions import create_functions
from snapshots.casts import create_readings, readings
from tests.dbt_project import dbt_build
from tests.orchestration.steps.test_spark import DIALECTS, QUICK

pytestmark = pytest.mark.slow  # a Spark; test_spark.py reads the same functions' texts

Rows = list[tuple[Any, ...]]
ZONES = ("America/New_York", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu")
"""Clocks change at two, at midnight, by half an hour, and never."""
BROKEN = "stopped"
"""What an answer begins with where there is none: the engine would stop the build."""


def money(*numbers: str) -> list[str]:
    return [f"cast({number} as decimal(18, 2))" for number in numbers]


LIMIT = "9999999999999999.99"
AMOUNTS = money(
    "null", "0", "0.01", "-0.01", "0.05", "-0.05", "2.5", "-2.5", "100", "-100.01", "333.33", "8999999999.99",
    "-10000000000", "90071992547409.92", "90071992547409.93", "-90071992547409.93", "99999999999999.99", LIMIT,
    f"-{LIMIT}",
)  # fmt: skip
WHOLE = ["null", "0", "1", "2", "3", "7", "12", "999999", "1000000"]
RATES = [
    f"cast({rate} as decimal(18, 10))" for rate in ("null", "0", "1", "0.5", "0.0000000001", "1.1234567891", "151.25")
]
SHARES = [f"cast({share} as decimal(9, 6))" for share in ("null", "0", "0.5", "0.25", "0.333333", "0.000001", "1")]
UNIT_AMOUNTS = [
    f"cast({amount} as decimal(30, 12))"
    for amount in (
        "null", "0", "1", "0.5", "-0.5", "2.499999999999", "26666.666666666667", "0.000000000001", "-0.333333333333",
        "0.0005", "123456789012345.125", "999999999999999999",
    )
]  # fmt: skip
UNITS = [f"cast({units} as bigint)" for units in ("null", "0", "1", "3", "168", "1000", "1000000000", "-7")]
DAYS = [
    f"cast({day} as date)"
    for day in (
        "null", "'1900-01-01'", "'1969-12-31'", "'2024-02-29'", "'2026-01-31'", "'2026-03-08'", "'2026-04-05'",
        "'2026-09-06'", "'2026-11-01'", "'2026-11-30'", "'2026-12-31'", "'2027-01-03'", "'9999-12-31'",
    )
]  # fmt: skip
# Around the changes of all zones above, in 2026.
CLOCKS = [
    f"cast({instant} as timestamp)"
    for instant in (
        "null", "'1900-01-01 00:00:00'", "'1969-12-31 23:59:59.999999'", "'2026-01-31 00:00:00.000001'",
        *(f"'2026-{day} {hour}'" for day in ("03-08", "04-04", "04-05", "09-05", "09-06", "10-03", "10-04", "11-01")
          for hour in ("00:00:00", "00:30:00", "01:00:00", "01:30:00", "01:45:00", "02:00:00", "02:15:00", "02:30:00",
                       "03:00:00", "03:59:59.999999", "04:00:00", "05:30:00", "06:00:00", "07:00:00", "14:59:59",
                       "15:00:00", "15:30:00", "16:00:00", "23:00:00", "23:30:00", "23:59:59.999999")),
        "'9998-12-31 23:59:59'",
    )
]  # fmt: skip
TEXTS = [
    "null", "''", "' '", "'a'", "'|'", "' A '", "'b|'", "'Acme.com'", "'HTTPS://user@www.Acme.com:8080/a?b#c'",
    "'billing@sub.acme.co.uk'", "' https://acme.com '", "'no domain'", "'a,b'", "'say '|| chr(34) || 'a' || chr(34)",
    "'two' || chr(10) || 'lines'", "'Zoë.example'", "'ΑΣ.gr'", "'%_'", "'it' || chr(39) || 's'",
]  # fmt: skip
LISTS = ["null", "''", "'a'", "'A|b| c'", "'|'", "'a||b'", "'%_|Zoë.example'"]


@dataclass(frozen=True)
class Probe:
    """An expression in dbt's words, over every combination of values of its columns."""

    name: str
    template: str
    values: Mapping[str, Sequence[str]]
    zones: Sequence[str] = ZONES[:1]


def dated(function: str, units: Sequence[str], arguments: str, values: Mapping[str, Sequence[str]]) -> list[Probe]:
    return [
        Probe(f"{function} {unit}", f"{{{{ dbt.{function}({arguments.format(unit=unit)}) }}}}", values)
        for unit in units
    ]


PROBES = [
    Probe("business_date", "{{ business_date('instant') }}", {"instant": CLOCKS}, ZONES),
    Probe("utc_instant", "{{ utc_instant('instant') }}", {"instant": CLOCKS}, ZONES),
    Probe("utc_instant of a day", "{{ utc_instant('day') }}", {"day": DAYS[:-1]}, ZONES),
    Probe(
        "utc_instant of minutes", "{{ utc_instant(dbt.dateadd('minute', 'minutes', 'day')) }}",
        {"day": DAYS[1:-1], "minutes": ["0", "30", "90", "120", "150", "1440"]}, ZONES,
    ),
    Probe(
        "monthly_amount", "{{ monthly_amount('amount', 'rate', 'numerator', '(12 * cast(parts as bigint))') }}",
        {"amount": AMOUNTS, "rate": RATES, "numerator": ["1", "12", "52", "365"], "parts": ["null", "0", "1", "3"]},
    ),
    Probe(
        "rounded_part", "{{ rounded_part('amount', 'part', 'parts') }}",
        {"amount": AMOUNTS, "part": ["1", "2", "7"], "parts": ["1", "3", "7", "999999", "1000000"]},
    ),
    Probe("rounded_product", "{{ rounded_product('amount', 'rate') }}", {"amount": AMOUNTS, "rate": RATES}),
    Probe("weighted_amount", "{{ weighted_amount('amount', 'share') }}", {"amount": AMOUNTS, "share": SHARES}),
    Probe("rounded_units", "{{ rounded_units('unit', 'units') }}", {"unit": UNIT_AMOUNTS, "units": UNITS}),
    Probe(
        "rounded_share of amounts", "{{ rounded_share('amount', 'part', 'whole') }}",
        {"amount": AMOUNTS, "part": money("null", "0", "0.01", "-1", "33.33", LIMIT),
         "whole": money("null", "0", "0.03", "-1", "99.99", LIMIT)},
    ),
    Probe(
        "rounded_share of whole numbers", "{{ rounded_share('amount', 'part', 'whole') }}",
        {"amount": AMOUNTS, "part": ["1", "7"], "whole": WHOLE},
    ),
    Probe(
        "rounded_share of a rate", "{{ rounded_share('amount', '10000000000000', '(rate * 10000000000000)') }}",
        {"amount": AMOUNTS, "rate": [f"cast({rate} as double)" for rate in ("null", "0", "0.1", "0.3", "1e-9", "7")]},
    ),
    *dated("date_trunc", ("week", "month", "year"), "'{unit}', 'day'", {"day": DAYS}),
    Probe("date_trunc of an instant", "{{ dbt.date_trunc('day', 'instant') }}", {"instant": CLOCKS[:8]}),
    *dated("last_day", ("month",), "'day', '{unit}'", {"day": DAYS[:-1]}),
    *dated("datediff", ("day", "month"), "'a', 'b', '{unit}'", {"a": DAYS[1:-1], "b": DAYS[1:-1]}),
    *dated("datediff", ("second",), "'a', 'b', '{unit}'", {"a": CLOCKS[1:9], "b": CLOCKS[1:9]}),
    *dated(
        "dateadd", ("day", "month", "year"), "'{unit}', 'number', 'day'",
        {"day": DAYS[:-1], "number": ["-13", "-1", "0", "1", "12"]},
    ),
    Probe("month_number", "{{ month_number('day') }}", {"day": DAYS}),
    Probe("csv_value", "{{ csv_value('word') }}", {"word": TEXTS}),
    Probe("domain_of", "{{ domain_of('word') }}", {"word": TEXTS}),
    Probe("is_listed", "{{ is_listed('word', 'words') }}", {"word": TEXTS, "words": LISTS}),
    Probe("split_part", "{{ dbt.split_part('word', \"'.'\", 2) }}", {"word": ["null", "'a.b'", "'.'", "'a.b.c'"]}),
    Probe(
        "wilson_bound", "{{ wilson_bound('part', 'parts', '-') }}", {"part": ["0", "1", "3"], "parts": ["0", "3", "9"]}
    ),
    Probe(
        "number_in_list", "floor(amount) < {{ number_in_list('words', '1') }}",
        {"amount": AMOUNTS, "words": ["null", "''", "'0'", "'0|3'", "'1|0|2'", "'|-3'"]},
    ),
    Probe("integers", "a / nullif(b, 0)", {"a": ["-7", "0", "7"], "b": ["-2", "0", "2", "3"]}),
    Probe("rounding", "round(amount, 1)", {"amount": AMOUNTS}),
    Probe("floor", "cast(floor(amount / 7) as bigint)", {"amount": AMOUNTS}),
    Probe("number as text", "cast(amount as {{ dbt.type_string() }})", {"amount": AMOUNTS}),
    Probe("day as text", "cast(day as {{ dbt.type_string() }})", {"day": DAYS}),
    Probe("order of texts", "least(a, b)", {"a": TEXTS, "b": TEXTS}),
]  # fmt: skip

TABLES = """
with recursive words as (
    select * from (values
        (1, 'b', 'x', cast(null as date)), (2, 'a', null, cast('2026-01-02' as date)), (3, null, null, null),
        (4, 'a', '', cast('2026-01-01' as date)), (5, null, 'x', null), (6, 'Z', 'é', cast('2026-01-01' as date)),
        (7, '', '', null), (8, 'a', 'null', null), (9, null, 'a', null)
    ) as each_word(number, word, other, day)
),
day_numbers as (select * from (values (0), (1), (2), (3), (4)) as numbers(day_number)),
spans as (select * from (values (1, null), (2, -1), (3, 0), (4, 1), (5, 4)) as each_span(number, days)),
links as (
    select * from (values
        (1, 'a'), (2, 'a'), (3, 'b'), (4, 'c'), (4, 'b'), (5, 'd'), (6, 'e'), (5, 'e'), (6, 'f'), (2, 'f'), (7, 'g')
    ) as each_link(record_number, link)
),
told as (
    select * from (values
        (1, '[]'), (2, null), (3, '[null]'), (4, 'null'), (5, '[{}]'),
        (6, '[{"name": "a", "count": 2, "tags": [], "cost": {"unit": "26666.666666666667", "share": 25.5}}]'),
        (7, '[{"name": null, "count": 3, "tags": null, "cost": "gone"}, {"name": "b", "cost": {"unit": 12}}]'),
        (8, '[{"name": "é", "cost": null, "tags": ["x", "y"], "rest": {"a": {"b": 400}, "c": "1.50"}}, {"count": 4}]'),
        (9, '[{"cost": {"unit": "", "share": 33.3333335}}, {"name": ""}, {"count": 9007199254740993, "rest": null}]'),
        (10, '[{"cost": {"unit": "0.1234567890125", "share": 12345.5}, "rest": {"a": {"b": null}, "c": true}}]'),
        (11, '[{"cost": {"unit": "abc"}, "name": 7, "tags": "x", "rest": [1, {"c": "z"}]}]'),
        (12, '[{"count": "3"}, {"count": 4.0}, {"count": "5.0"}, {"count": -6}, {"count": "x"}, {"count": ""}]')
    ) as each_told(number, told)
),
things as (
    select * from (values
        (1, 'it' || chr(39) || 's', cast(10.50 as decimal(18, 2)), cast('2026-01-01' as date), true,
         cast('2026-01-01 10:00:00' as timestamp), cast(0.5 as double)),
        (2, 'say ' || chr(34) || 'é' || chr(34), cast(null as decimal(18, 2)), cast(null as date), null,
         cast(null as timestamp), cast(null as double)),
        (3, 'two' || chr(10) || 'lines', cast(-0.01 as decimal(18, 2)), cast('9999-12-31' as date), false,
         cast('2026-01-01 10:00:09' as timestamp), cast(-1.25 as double))
    ) as each_thing(number, word, amount, day, flag, instant, share)
)
"""
QUERIES = {
    "listed": "select day, {{ listed('word') }} from words group by day",
    "listed with a separator": "select number > 4, {{ listed('other', \"' | '\") }} from words group by number > 4",
    "first_known": "select number, {{ first_known('day') }} over (order by number nulls last "
    "rows between current row and unbounded following) from words",
    "last_known": "select number, {{ last_known('other') }} over (order by number nulls last "
    "rows between unbounded preceding and current row) from words",
    "change_hash": ", hashed as (select number, {{ change_hash(['word', 'other', 'day']) }} as hashed from words) "
    "select one.number as one, two.number as two, one.hashed = two.hashed as same "
    "from hashed as one cross join hashed as two",
    "join_day_numbers": "select spans.number, day_numbers.day_number from spans {{ join_day_numbers('spans.days') }}",
    "rounds_of_links": ", {{ rounds_of_links() }} "
    "select record_number, min(person_number) from rounds group by record_number",
    "lists of JSON": """, read as (
        select number, told, {{ json_as('told', [{
            'name': 'string', 'count': 'bigint', 'cost': {'unit': 'decimal(30,12)', 'share': 'decimal(9,6)'},
            'tags': ['string'], 'rest': 'string',
        }]) }} as things from told
    )
    select
        number,
        {{ element_of('things') }}.name, {{ element_of('things') }}.cost.unit, {{ element_of('things') }}.cost.share,
        {{ element_of(element_of('things') ~ '.tags') }}, {{ json_text(element_of('things') ~ '.rest', "'$.a.b'") }},
        {{ json_text(element_of('things') ~ '.rest', "'$.' || lower('C')") }},
        coalesce(json_array_length(told) > 0, false),
        cast({{ elements_summed(elements_as('things', 'thing', 'thing.count')) }} as bigint),
        {{ elements_joined(elements_as('things', 'thing', 'thing.name')) }},
        array_contains({{ elements_as('things', 'thing', 'thing.cost.unit is null') }}, true),
        cast({{ elements_summed(elements_as(
            elements_where('things', 'thing', element_of('things', 'place') ~ '.count > 2'), 'thing', 'thing.count'
        )) }} as bigint),
        {{ elements_folded('things', "cast(1 as decimal(18, 0))", 'so_far', 'thing',
            'cast(so_far * 2 + coalesce(thing.count, 0) as decimal(18, 0))') }}
    from read""",
    "row_text": "select number, {{ row_text('things') }} from things",
    "row_text of texts": "select number, {{ row_text('words') }} from words",
}
"""Queries in dbt's words, behind `TABLES`."""


@dataclass(frozen=True)
class Asked:
    """An engine: what answers a query, and what it raises; and its SQL for each template."""

    rows: Callable[[str], Rows]
    stops: type[Exception]
    compiled: Mapping[str, str]

    def answers(
        self, expression: str, values: Mapping[str, Sequence[str]], only: Sequence[int] | None = None
    ) -> dict[int, Any]:
        """What it makes of an expression, by the number of the values in it: of all combinations or `only` of these."""
        number = "0"
        for name, choices in values.items():
            number = f"({number}) * {len(choices)} + {name}_at"
        tables = " cross join ".join(
            f"(values {', '.join(f'({at}, {value})' for at, value in enumerate(choices))}) "
            f"as {name}_values({name}_at, {name})"
            for name, choices in values.items()
        )
        query = (
            f"select probe_at, {expression} as answer from (select {number} as probe_at, {', '.join(values)} "
            f"from {tables}) as probes where probe_at in ({{}})"
        )
        return self._of(query, list(range(prod(map(len, values.values()))) if only is None else only))

    def _of(self, query: str, numbers: Sequence[int]) -> dict[int, Any]:
        """The answers to the probes of these numbers, each alone where one of them stops the engine."""
        try:
            return {number: plain(answer) for number, answer in self.rows(query.format(", ".join(map(str, numbers))))}
        except self.stops as error:
            middle = len(numbers) // 2
            if not middle:
                return {numbers[0]: f"{BROKEN}: {str(error)[:200]}"}
            return self._of(query, numbers[:middle]) | self._of(query, numbers[middle:])


def plain(value: Any) -> Any:
    """A value as both engines have it: instants in UTC, a day for its midnight, doubles to nine digits."""
    if isinstance(value, datetime):
        value = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return value.date() if value.time() == time() else value
    return float(f"{value:.9g}") if isinstance(value, float) else value


def compiled(home: Home, target: str) -> dict[str, str]:
    """All templates as dbt writes them for an engine."""
    templates = {probe.name: probe.template for probe in PROBES} | QUERIES
    told: list[str] = []
    result = invoke(
        home,
        json.dumps(dbt_build.variables([], time_zone=ZONES[0])),
        ["--no-write-json", "compile", "--no-introspect", "--no-populate-cache", "--inline",
         "/* next */".join(templates.values())],
        target=target,
        with_unit_tests=True,  # for which all macros are kept
        on_event=lambda event: told.extend(errors_in(event)),
    )  # fmt: skip
    assert result.success, told or result.exception
    done: Any = result.result
    return dict(zip(templates, done.results[0].node.compiled_code.split("/* next */"), strict=True))


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Asked, Asked]]:
    """DuckDB and Spark, with the functions that read text."""
    home = Home(tmp_path_factory.mktemp("probes"))
    dbt_build.assemble(home.definitions, {})
    settings = home.root / "pipeledger.toml"
    settings.write_text('[company]\ntime_zone = "UTC"\n')
    config = replace(load_config(settings, {}), engine=Engine("spark", master="local[2]", memory="1g", spark=QUICK))
    with duckdb.connect(str(home.warehouse)) as connection:
        connection.execute("create schema ledger")
    of_duckdb = compiled(home, "duckdb")
    with spark.session(config, home) as session, duckdb.connect(str(home.warehouse)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        create_readings(connection, DIALECTS)
        session.sql("create schema ledger")
        create_functions(session, DIALECTS)
        from pyspark.errors import PySparkException

        def in_spark(query: str) -> Rows:
            return [tuple(row.values()) for row in session.sql(query).toArrow().to_pylist()]

        yield (
            Asked(lambda query: connection.execute(query).fetchall(), duckdb.Error, of_duckdb),
            Asked(in_spark, PySparkException, compiled(home, "spark")),
        )


def differing(
    engines: tuple[Asked, Asked], expressions: Sequence[str], values: Mapping[str, Sequence[str]]
) -> list[tuple[tuple[str, ...], Any, Any]]:
    """The values of which the engines make something else, with both. What DuckDB stops at, Spark is not asked."""
    in_duckdb = {
        number: answer
        for number, answer in engines[0].answers(expressions[0], values).items()
        if not str(answer).startswith(BROKEN)
    }
    assert set(in_duckdb.values()) - {None}, "all NULL: nothing was compared"
    in_spark = engines[1].answers(expressions[1], values, list(in_duckdb))
    keys = list(itertools.product(*values.values()))
    return [(keys[at], answer, in_spark[at]) for at, answer in in_duckdb.items() if answer != in_spark[at]]


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_an_expression_has_the_same_answers_in_both_engines(engines: tuple[Asked, Asked], probe: Probe) -> None:
    for zone in probe.zones:
        expressions = [engine.compiled[probe.name].replace(ZONES[0], zone) for engine in engines]
        found = differing(engines, expressions, probe.values)
        assert found == [], zone


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_has_the_same_rows_in_both_engines(engines: tuple[Asked, Asked], name: str) -> None:
    in_duckdb, in_spark = (
        sorted(map(repr, ([plain(value) for value in row] for row in engine.rows(TABLES + engine.compiled[name]))))
        for engine in engines
    )
    assert in_duckdb == in_spark


SAID = (
    "", " ", "\t", "\u00a0", "a", " a ", "n/a", "N/A", "0", "1", "-1", "+1", "1 ", "\t1\n", "1.", ".5", "-.5", "1.0",
    "1.50", "007", "1,5", "1.234", "1.234,5", "1,234.5", "1.234.567", "1 234", "12345678901234567890",
    "9007199254740992", "9007199254740993", "9007199254740993.0", "1.6147805824397E13", "1.61478E+13", "1e3", "1E-3",
    "1e400", "--1", "1-", "0x10", "NaN", "Infinity", "99999999999999999999999999999999999999.9", "EUR 5", "5 EUR",
    "$5", "US$5,00", "-€5", "€ -5", "12%", "12,5 %", "%", "true", "TRUE", " Yes", "no", "t", "2026-01-31",
    " 2026-01-31 ", "2026-02-30", "2026-1-31", "0001-01-02", "9999-12-31", "2026-03-08 02:30",
    "2026-03-29T02:30:00", "2026-04-04T23:30:00", "2026-04-05 01:45", "2026-04-05 02:15", "2026-10-04 02:15",
    "2026-10-25 02:30:00", "2026-11-01 01:30:00.5", "2026-11-01T01:30:00Z",
    "2026-11-01T01:30:00+02", "2026-11-01 01:30:00-0530", "2026-11-01T01:30:00.123456789+05:30",
    "2026-11-01T01:30:00+15:00", "2026-11-01T25:00", "2026-11-01 23:59:60", "31.01.2026", "31.02.2026",
    "31.01.2026 14:30", "25.10.2026, 02:30:00", "1/31/26", "1/31/68", "1/31/69", "12/31/26 12:00 AM",
    "12/31/26 1:05:09PM", "13/1/26", "١٢", "1\u2009234,5", "it's", 'say "a"', "a\\d", "é", "two\nlines", "0\n",
)  # fmt: skip
"""What sources write."""


@pytest.mark.parametrize("reading", readings(DIALECTS), ids=lambda reading: reading[0])
def test_a_text_is_read_the_same_in_both_engines(
    engines: tuple[Asked, Asked], reading: tuple[str, tuple[str, ...], str]
) -> None:
    name, takes, _ = reading
    told = ["null", *(said_in_sql(text) for text in SAID)]
    for zone in ZONES if "zone" in takes else ZONES[:1]:
        given = {"text": "said", "zone": f"'{zone}'", "code": "'EUR'"}
        arguments = ", ".join(given[argument] for argument in takes)
        expressions = [f"ledger.{quote}{name}{quote}({arguments})" for quote in ('"', "`")]
        assert differing(engines, expressions, {"said": told}) == [], zone


def said_in_sql(text: str) -> str:
    """A text that both engines read alike: what one of them would unescape stands as a number."""
    if not text:
        return "''"
    return " || ".join(
        f"chr({ord(letter)})" if letter in "\\'" or ord(letter) < 32 else f"'{letter}'" for letter in text
    )
