"""Pictures for people who would rather look than read: reads the published file, and imports nothing of ours."""
