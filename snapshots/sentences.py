"""Long lists in sentences that a person reads: the first few, and how many more.

Pure; used wherever something is told. Alone:
`python -c "from snapshots.sentences import listed; print(listed('abcde'))"`.
"""

from collections.abc import Sequence

FEW = 3


def listed(names: Sequence[str], most: int = FEW, between: str = ", ") -> str:
    """The first `most` of the names and the number of the others: `a, b, c, and 1,024 more`."""
    more = f"{between}and {len(names) - most:,} more" if len(names) > most else ""
    return between.join(names[:most]) + more
