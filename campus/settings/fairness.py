"""When a campus's requests are put off for the sake of others: apps/tenants/fair_shares.py."""

import os

from django.core.exceptions import ImproperlyConfigured


def _number(name: str, default: str, *, most: float) -> float:
    try:
        number = float(os.environ.get(name) or default)
    except ValueError:
        number = -1.0
    if not 0 <= number <= most:
        message = f"{name} must be a number from 0 to {most:g}."
        raise ImproperlyConfigured(message)
    return number


# Requests that a web process would have in work at once, from which it counts as busy; 0: never.
# Off unless an operator wants it: a class that is put off loses codes (docs/decisions/0092).
FAIR_BUSY = _number("FAIR_BUSY", "0", most=1000)
# Of a busy process's work, how much one campus may have while others ask for something.
FAIR_SHARE = _number("FAIR_SHARE", "0.5", most=1)
# How many are in work at once then, before that campus is put off.
FAIR_HELD = _number("FAIR_HELD", "0.1", most=1000)
