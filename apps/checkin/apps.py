from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CheckInConfig(AppConfig):
    name = "apps.checkin"
    verbose_name = _("check-in")

    def ready(self) -> None:
        from apps.attendance import registry
        from apps.biometrics import image_references
        from apps.checkin.personal_data import register, selfies_unlink
        from apps.checkin.selectors.attempts import undecided_students
        from apps.checkin.services.earned import earned_by_check_in

        image_references.add_reference(selfies_unlink)
        registry.add_undecided(undecided_students)
        registry.add_earned(earned_by_check_in)
        register()
