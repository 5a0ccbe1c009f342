"""sqruff over the SQL of the dbt project, the models of every vendor included: `python .ci/lint_sql.py PATH...`.

dbt enables a vendor's models where a source of its type is configured. sqruff reads variables for dbt as the `context`
of `.sqruff`, but its dbt templater drops them (0.44.0), so they are handed over here.
"""

import sys

from sqruff.main import main
from sqruff.templaters.dbt_templater import DbtTemplater

from ingestion.source_types import VENDORS


def dbt_variables(_templater: DbtTemplater) -> dict[str, dict[str, dict[str, str]]]:
    """A source of every vendor."""
    return {"sources": {name: {"type": name} for name in VENDORS}}


if __name__ == "__main__":
    DbtTemplater._get_cli_vars = dbt_variables
    sys.argv[1:1] = ["lint", "--parsing-errors"]
    main()
