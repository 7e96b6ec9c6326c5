from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FaceModelsConfig(AppConfig):
    name = "apps.face_models"
    verbose_name = _("face models")

    def ready(self) -> None:
        from apps.face_models.services import REEMBED
        from apps.face_models.tasks import reembed
        from apps.jobs.registry import add_job

        add_job(REEMBED, reembed, task="apps.face_models.tasks.run_reembedding")
