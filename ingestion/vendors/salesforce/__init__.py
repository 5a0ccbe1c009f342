"""The `salesforce` source: Salesforce, by its API."""
