"""The `demo` source: a B2B SaaS business simulated day by day.

source            the company as a source
profile           what kind of company it is: segments, stages, teams, rates, planted patterns
calendar          day numbers, business days, fiscal quarters, instants
business_objects  what its life is about: accounts, opportunities, subscriptions ...
records           what its systems recorded: versions and events, rendered as Arrow for any day
world             today, chance, the agenda and the records; shared by the departments
staff, accounts, sales, mishaps, billing, marketing   the departments
simulation        the departments put together and made to live
truth             what was planted, for those who want to check that it is found
home              the configuration and governed definitions such a company would keep
"""
