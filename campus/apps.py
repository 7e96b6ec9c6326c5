import gc
from typing import Any

from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks


class CampusAdminConfig(SimpleAdminConfig):
    """Django's admin on our site, which asks the campus's roles who may enter.

    Its pages are imported with the addresses (`campus/urls.py`) and for the checks of them: workers
    and commands, which show no page, start in less time and take less memory.
    """

    default_site = "apps.signin.admin_site.CampusAdminSite"

    def ready(self) -> None:
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(_check_pages, checks.Tags.admin)


def _check_pages(**kwargs: Any) -> list[checks.CheckMessage]:
    admin.autodiscover()
    found: list[checks.CheckMessage] = check_admin_app(**kwargs)
    return found


class CampusConfig(AppConfig):
    """The last app: all others are imported."""

    name = "campus"

    def ready(self) -> None:
        """Look for garbage from now on, but not among what was imported (`campus/__init__.py`).

        Workers that are forked share those objects with their parent for longer.
        """
        gc.freeze()
        gc.enable()
