"""What a company has set, its home, and the errors that a person meets."""
