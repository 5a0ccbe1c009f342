"""How many of many like cases are tried: a few of them in `make test`, all of them in `make test-all`."""

import os

MARKS = "TESTS_MARKS"
"""The variable of the environment in which `conftest.py` says which marks were asked for."""


def drawn(few: int, many: int) -> int:
    """The first where slow tests are left out, else the second."""
    return few if "not slow" in os.environ.get(MARKS, "") else many
