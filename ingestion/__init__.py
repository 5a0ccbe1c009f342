"""Ingestion: lands every source as it is now, through dlt, and knows nothing of the ledger."""
