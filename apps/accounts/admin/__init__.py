"""People, their accounts and the platform's campuses in the administration."""

from apps.accounts.admin import campuses, members, people  # noqa: F401  (they register their pages)
