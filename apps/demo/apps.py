from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DemoConfig(AppConfig):
    """The demo campus, the simulated class and sample spreadsheets. Production has none of it."""

    name = "apps.demo"
    verbose_name = _("demo")
