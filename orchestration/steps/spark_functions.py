"""The functions that read text, in Spark: the casts of `snapshots/casts.py`, translated; so are queries of the ledger.

What a text means is said there and nowhere else; here its DuckDB SQL becomes Spark's. The session's time zone is UTC,
so that a time on the wall of a place is an instant there, as the clock shows it.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp

from snapshots.casts import readings
from snapshots.dialect import Dialect

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def create_functions(spark: "SparkSession", dialects: Mapping[str, Dialect]) -> None:
    """Make every reading a function of the schema `ledger`, as `casts.create_readings` does in DuckDB."""
    for name, arguments, value in readings(dialects):
        takes = ", ".join(f"{_free(argument)} string" for argument in arguments)
        spark.sql(f"create or replace function ledger.`{name}`({takes}) return ({in_spark(value)})")


def in_spark(value: str) -> str:
    """DuckDB's SQL for the value of a reading as Spark's."""
    return translated(_free(value))


def translated(sql: str) -> str:
    """DuckDB's SQL as Spark's."""
    tree = sqlglot.parse_one(sql, read="duckdb")
    for node in reversed(list(tree.walk())):  # the inner ones first
        translated = _translated(node)
        if translated is not node:
            tree = translated if node is tree else tree
            node.replace(translated)
    for kind in tree.find_all(exp.DataType):
        if kind.this == exp.DType.TIMESTAMPNTZ:
            kind.set("this", exp.DType.TIMESTAMPTZ)
    return tree.sql(dialect="spark")


def _free(sql: str) -> str:
    """The argument `text` under a name that is no type as well."""
    return re.sub(r"\btext\b", "said", sql)


def _translated(node: Any) -> Any:
    """A node of DuckDB's as Spark has it; sqlglot translates the others by itself."""
    if isinstance(node, exp.RegexpFullMatch):
        return _call("regexp", node.this, exp.Literal.string(rf"\A(?:{node.expression.this})\z"))
    if isinstance(node, exp.Bracket):  # text[-1]
        return _call("right", node.this, exp.Literal.number(1))
    if isinstance(node, exp.EQ) and isinstance(node.expression, exp.Trunc):  # floor() of a large number has no type
        return exp.EQ(this=exp.Mod(this=node.this, expression=exp.Literal.number(1)), expression=exp.Literal.number(0))
    if isinstance(node, exp.UnixToTime):  # make_timestamp(epoch_us(instant)), an instant in UTC as it is
        return node.this.expressions[0]
    if type(node) in (exp.Concat, exp.Cast):  # ConcatWs is a Concat, too
        return _of_digest(node)
    if not isinstance(node, exp.Anonymous):
        return node
    name, arguments = str(node.this).lower(), node.expressions
    if name in ("strlen", "epoch_us"):
        return _call({"strlen": "octet_length", "epoch_us": "unix_micros"}[name], *arguments)
    if name == "timezone":
        zone, time = arguments
        return _instant(time, zone) if _is_local(time) else _call("from_utc_timestamp", time, zone)
    if name == "try_strptime":
        text, formats = arguments
        return exp.Coalesce(expressions=[_read(text, each.this) for each in formats.expressions])
    return node


def _of_digest(node: Any) -> Any:
    """What the digests of rows are made by: text in which nulls are nothing, and the number of hexadecimal text."""
    if isinstance(node, exp.Concat):
        texts = [exp.cast(each, exp.DType.TEXT) for each in node.expressions]
        return _call("concat_ws", exp.Literal.string(""), *texts)
    if node.to.this == exp.DType.UBIGINT:  # of '0x' || digits
        number = _call("conv", node.this.expression, exp.Literal.number(16), exp.Literal.number(10))
        return exp.cast(number, "decimal(20, 0)")
    return node


def _instant(time: Any, zone: Any) -> Any:
    """The instant at which clocks in `zone` show `time`: of two, where clocks go back, the later, as in DuckDB.

    As the macro `utc_instant`.
    """
    by_later_offset = "to_utc_timestamp(:time + interval 12 hours, :zone) - interval 12 hours"
    return sqlglot.parse_one(
        f"case when from_utc_timestamp({by_later_offset}, :zone) = :time then {by_later_offset} "
        "else to_utc_timestamp(:time, :zone) end",
        read="spark",
    ).transform(lambda node: {"time": time, "zone": zone}[node.name].copy() if _is_placeholder(node) else node)


def _is_placeholder(node: Any) -> bool:
    return isinstance(node, exp.Placeholder)


def _read(text: Any, strptime: str) -> Any:
    """The time on the wall that `text` says in a format of strptime's; years of two digits are 1969 to 2068."""
    read = _call("try_to_timestamp", text.copy(), exp.Literal.string(_pattern(strptime)))
    if "%y" not in strptime:
        return read
    return sqlglot.parse_one(
        "case when year(:read) > 2068 then :read - interval 100 year else :read end", read="spark"
    ).transform(lambda node: read.copy() if _is_placeholder(node) else node)


def _is_local(time: Any) -> bool:
    """Whether DuckDB would see a time on the wall here, and no instant."""
    if isinstance(time, exp.Cast):
        return bool(time.to.this == exp.DType.TIMESTAMPNTZ)
    return isinstance(time, exp.Coalesce)  # of try_strptime


def _pattern(strptime: str) -> str:
    """A format of DuckDB's strptime in Spark's letters."""
    letters = {"%Y": "yyyy", "%y": "yy", "%m": "M", "%d": "d", "%H": "H", "%I": "h", "%M": "m", "%S": "s", "%p": "a"}
    return re.sub("%[YymdHIMSp]", lambda found: letters[found[0]], strptime)


def _call(name: str, *arguments: Any) -> exp.Expression:
    return exp.Anonymous(this=name, expressions=list(arguments))
