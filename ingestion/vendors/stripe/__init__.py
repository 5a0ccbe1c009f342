"""The `stripe` source: Stripe, by its API."""
