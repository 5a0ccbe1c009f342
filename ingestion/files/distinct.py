"""Rows of a flat file made distinct: one row for each key, where the file repeats it in several.

Comes from the rows of a file (deals, each with its account beside it) and goes to `source.py` as rows of what is
repeated (accounts). A row without a key is about nothing of the kind. Where rows of one key differ, the value that
most of them have counts, of equally many the first in alphabetical order, whatever the order of the file; that is
noted. Pure: nothing is read or written.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

LINE, REJECT = "_pl_line", "_pl_reject"


def distinct(
    tables: Iterable[pa.Table], key: Sequence[str], columns: Sequence[str], note: Callable[[str, str], None]
) -> Iterator[pa.Table]:
    """Yield one table of `columns` (the `key` among them) with one row for each key, and where it stood first.

    Malformed rows are left out: the entity that the file is about rejects them.
    """
    whole = pa.concat_tables(table.select([*columns, *_bookkeeping(table)]) for table in tables)
    if REJECT in whole.column_names:
        whole = whole.filter(pc.is_null(whole[REJECT])).drop_columns([REJECT])
    for name in key:
        blank = pc.is_null(whole[name])
        if pa.types.is_string(whole[name].type):
            blank = pc.or_kleene(blank, pc.equal(pc.utf8_trim_whitespace(whole[name]), ""))
        whole = whole.filter(pc.invert(blank))
    whole = whole if LINE in whole.column_names else whole.append_column(LINE, pa.array(range(whole.num_rows)))
    found = whole.group_by(list(key)).aggregate([(LINE, "min")])
    found = found.rename_columns([*key, LINE]).sort_by(LINE)
    for name in columns:
        if name not in key:
            found = _joined(found, _most_frequent(whole, key, name, note), key)
    yield found.select([*columns, LINE])


def _bookkeeping(table: pa.Table) -> list[str]:
    return [name for name in (LINE, REJECT) if name in table.column_names]


def _most_frequent(whole: pa.Table, key: Sequence[str], name: str, note: Callable[[str, str], None]) -> pa.Table:
    """The value of a column that most rows of each key have; notes where some have another."""
    filled = whole.filter(pc.is_valid(whole[name]))
    counted = filled.group_by([*key, name]).aggregate([([], "count_all")])
    counted = counted.sort_by([("count_all", "descending"), (name, "ascending")])
    best: dict[tuple[object, ...], tuple[object, int]] = {}
    others: dict[tuple[object, ...], tuple[object, int]] = {}
    columns = [counted[column].to_pylist() for column in (*key, name, "count_all")]
    for *of, value, count in zip(*columns, strict=True):
        if tuple(of) in best:
            others.setdefault(tuple(of), (value, count))
        else:
            best[tuple(of)] = (value, count)
    if others:
        one, (other, fewer) = min(others.items(), key=lambda item: str(item[0]))
        value, most = best[one]
        named = ", ".join(map(str, one))
        note(
            f"conflict in {name}",
            f"the rows give {len(others):,} of them more than one {name}, such as {named}: {value} in {most:,} rows, "
            f"{other} in {fewer:,}. The one that most rows have counts, of equally many the first in the alphabet",
        )
    keyed = [pa.array([keys[place] for keys in best], whole[column].type) for place, column in enumerate(key)]
    values = pa.array([value for value, _ in best.values()], whole[name].type)
    return pa.table([*keyed, values], names=[*key, name])


def _joined(found: pa.Table, values: pa.Table, key: Sequence[str]) -> pa.Table:
    return found.join(values, keys=list(key), join_type="left outer").sort_by(LINE)
