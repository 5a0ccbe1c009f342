"""One test of a rule that holds of each of many: as a test each they would take ten times as long."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T", str, Path)


def of_each(many: Iterable[T]) -> Callable[[Callable[[T], None]], Callable[[], None]]:
    """Makes a test of a rule that asserts something of one of them; it fails with all that break the rule, by name."""
    every = list(many)
    assert every

    def test_of(rule: Callable[[T], None]) -> Callable[[], None]:
        def test() -> None:
            broken = {}
            for one in every:
                try:
                    rule(one)
                except AssertionError as error:
                    broken[Path(one).stem] = str(error)
            assert broken == {}

        return test

    return test_of
