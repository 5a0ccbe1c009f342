"""The demo company: a B2B SaaS business simulated day by day; `ingestion.demo` makes a source of it.

profile     what kind of company it is: segments, stages, teams, rates, planted patterns
calendar    day numbers, business days, fiscal quarters, instants
things      the objects of its life: accounts, opportunities, subscriptions ...
records     what its systems recorded: versions and events, rendered as Arrow for any day
world       today, chance, the agenda and the records; shared by the departments
staff, accounts, sales, mishaps, billing, marketing   the departments
company     the departments put together and made to live
truth       what was planted, for those who want to check that it is found
home        the configuration and governed definitions such a company would keep
"""
