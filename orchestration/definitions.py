"""The entry for Dagster, and the only one: the company whose settings and home the environment names.

`pipeledger ui` sets the environment and starts Dagster on this module. Alone: `dagster definitions validate`.
"""

import os

from orchestration.company import build_definitions
from orchestration.dbt import dbt_env
from orchestration.settings import PRIVACY, load_settings

settings = load_settings()
os.environ.update({**PRIVACY, **dbt_env(settings.home)})
defs = build_definitions(settings)
