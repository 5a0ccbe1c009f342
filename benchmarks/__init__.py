"""What the ledger and the daily pipeline cost, against the usual ways of doing the same."""
