"""Wires ingestion, ledger and models together; imported by nothing."""
