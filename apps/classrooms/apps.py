from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ClassroomsConfig(AppConfig):
    name = "apps.classrooms"
    verbose_name = _("places")

    def ready(self) -> None:
        from apps.classrooms.personal_data import register
        from apps.classrooms.resealing import MOVED_BEACONS, beacons_reseal
        from apps.tenants.moving import add_moved_rows
        from apps.tenants.rotation import add_sealed_rows

        add_sealed_rows("beacons", beacons_reseal)
        add_moved_rows("beacons", MOVED_BEACONS)
        register()
