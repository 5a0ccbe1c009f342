"""Vendors' APIs: one folder each, and beside them what all of them share."""
