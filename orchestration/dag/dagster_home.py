"""DAGSTER_HOME of a company: the settings that Dagster reads there. Written on each start, by whoever starts it."""

import json
from pathlib import Path

DAGSTER_YAML = """\
# Written by Pipeledger on each start; edits are lost.
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  pools:
    granularity: op
    default_limit: 1
event_log_storage:
  module: orchestration.dag.event_log
  class: OpenEventLog
  config:
    base_dir: {base_dir}
freshness:
  enabled: true
# No step prints anything, and capturing that costs two processes each.
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


def write_dagster_home(folder: Path) -> None:
    """DAGSTER_HOME with our settings: no telemetry, one writer, an event log that stays open."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "dagster.yaml"
    content = DAGSTER_YAML.format(base_dir=json.dumps(str(folder / "history" / "runs")))
    if not path.is_file() or path.read_text(encoding="utf-8") != content:
        path.write_text(content, encoding="utf-8")
