"""The register in the administration."""

from apps.attendance.admin import policies, records  # noqa: F401  (they register their pages)
