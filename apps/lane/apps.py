from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LaneConfig(AppConfig):
    name = "apps.lane"
    verbose_name = _("lean lane")
