"""A class that plays itself against a running server, over HTTP alone.

Only `prepare` touches the database: it provides accounts, as a campus office would. Everything
after that is what phones, a lecturer's browser and a projector do.
"""
