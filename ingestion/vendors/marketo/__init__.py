"""The `marketo` source: Marketo, by its API."""
