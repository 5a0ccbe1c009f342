"""The ledger: what was landed, kept forever; capture, read, verify, rebuild."""
