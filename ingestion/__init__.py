"""Ingestion: lands every source as it is now, through dlt, and knows nothing of the ledger."""

import os

os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")  # off unless someone turns it on; before dlt is imported
