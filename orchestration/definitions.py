"""The entry for Dagster, and the only one: the company whose settings and home the environment names.

`pipeledger ui` sets the environment and starts Dagster on this module. Alone: `dagster definitions validate`.
"""

import os

from orchestration.dag.company import build_definitions
from orchestration.settings.settings import PRIVACY, load_settings
from orchestration.steps.dbt import dbt_env

settings = load_settings()
os.environ.update({**PRIVACY, **dbt_env(settings.home)})
defs = build_definitions(settings)
