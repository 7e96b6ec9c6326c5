"""Providers, and directories that say who has left."""

from apps.identity_providers.admin import directories, federations, providers  # noqa: F401
