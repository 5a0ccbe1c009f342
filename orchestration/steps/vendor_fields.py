"""Which fields of a vendor the models read, and as what: read from the vendor's macro, the one place that says so.

Comes from `dbt_project/macros/vendors/<vendor>_fields.sql`; goes to the vendors' sources, which tell the ledger what to
miss when it is gone. Alone: `python -m orchestration.steps.vendor_fields salesforce`.
"""

import ast
import re
import sys
from functools import cache

from orchestration.steps.dbt import PROJECT

Fields = dict[str, dict[str, dict[str, str | list[str]]]]


@cache
def fields(vendor: str) -> Fields:
    """What the macro says: entity of ours -> the vendor's entity -> ours -> the landed column.

    An ingredient of a column of ours is [landed column, type, ours].
    """
    path = PROJECT / "macros" / "vendors" / f"{vendor}_fields.sql"
    found = re.search(r"return\((.*)\)\s*\}\}", path.read_text(encoding="utf-8"), re.DOTALL)
    if not found:
        raise ValueError(f"{path}: no return(...). Expected one dictionary. Write it as the other vendors' macros.")
    read: Fields = ast.literal_eval(found[1].strip())
    return read


def columns_read(vendor: str) -> dict[str, dict[str, str]]:
    """The vendor's entity -> landed column -> the column of ours that is read there."""
    read: dict[str, dict[str, str]] = {}
    for vendor_entities in fields(vendor).values():
        for entity, names in vendor_entities.items():
            for ours, theirs in names.items():
                landed, column = (theirs, ours) if isinstance(theirs, str) else (theirs[0], theirs[2])
                read.setdefault(entity, {}).setdefault(landed, column)
    return read


if __name__ == "__main__":
    print(columns_read(sys.argv[1]))
