"""The steps of a run as plain functions: land and capture, build, publish. Nothing here knows Dagster."""
