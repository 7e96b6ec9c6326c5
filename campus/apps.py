import gc

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class CampusAdminConfig(AdminConfig):
    """Django's admin on our site, which asks the campus's roles who may enter."""

    default_site = "apps.signin.admin_site.CampusAdminSite"


class CampusConfig(AppConfig):
    """The last app: all others are imported."""

    name = "campus"

    def ready(self) -> None:
        """Look for garbage from now on, but not among what was imported (`campus/__init__.py`).

        Workers that are forked share those objects with their parent for longer.
        """
        gc.freeze()
        gc.enable()
