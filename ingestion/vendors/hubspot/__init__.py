"""The `hubspot` source: HubSpot, by its API."""
