"""Providers, and directories that say who has left."""

from apps.identity_providers.admin import directories, providers  # noqa: F401
