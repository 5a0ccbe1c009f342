"""The company as Dagster sees it: assets, jobs, schedules and runs. The only room that knows Dagster."""
