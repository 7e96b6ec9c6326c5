"""What the platform's own commands have in common."""

from django.core.management.base import BaseCommand


class CampusCommand(BaseCommand):
    """A command that starts without Django's checks of pages, addresses and models.

    They look for mistakes in the code and import every page for it, a second of each start; CI runs
    them (`manage.py check`), and so does `manage.py migrate`.
    """

    requires_system_checks: tuple[str, ...] = ()
