from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ClassroomsConfig(AppConfig):
    name = "apps.classrooms"
    verbose_name = _("places")

    def ready(self) -> None:
        from apps.classrooms.beacons import BEACON_SEAL
        from apps.classrooms.models import Beacon
        from apps.classrooms.personal_data import register
        from apps.tenants.sealed_columns import SealedColumns, add_sealed_columns

        sealed = SealedColumns(
            model=Beacon, columns=("sealed_secret",), purpose=BEACON_SEAL, bound_to="identifier"
        )
        add_sealed_columns("beacons", sealed)
        register()
