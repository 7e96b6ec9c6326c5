"""Cameras, and whose face a photo shows, in the administration."""

from apps.cameras.admin import cameras  # noqa: F401  (it registers its pages)
