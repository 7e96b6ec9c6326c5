from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CamerasConfig(AppConfig):
    name = "apps.cameras"
    verbose_name = _("cameras")

    def ready(self) -> None:
        from apps.biometrics import image_references
        from apps.cameras.models import UnknownPerson
        from apps.cameras.personal_data import erase_sightings, register
        from apps.cameras.selectors import UNKNOWN_SEAL
        from apps.cameras.services.forgetting import images_unlink, sightings_forget
        from apps.cameras.services.searching import SEARCH, search_ended
        from apps.cameras.tasks import search_campus
        from apps.jobs.registry import add_job
        from apps.privacy.models import Consent
        from apps.privacy.registry import add_eraser, add_person_eraser
        from apps.tenants.sealed_columns import SealedColumns, add_sealed_columns

        add_job(SEARCH, search_campus, ended=search_ended, task="apps.cameras.tasks.run_search")
        image_references.add_reference(images_unlink)
        add_eraser(Consent.Kind.FACE, sightings_forget)
        add_person_eraser(erase_sightings)
        sealed = SealedColumns(
            model=UnknownPerson, columns=("sealed_vector",), purpose=UNKNOWN_SEAL
        )
        add_sealed_columns("unknown faces", sealed)
        register()
