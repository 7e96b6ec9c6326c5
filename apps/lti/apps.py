from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LtiConfig(AppConfig):
    name = "apps.lti"
    verbose_name = _("learning platforms")

    def ready(self) -> None:
        from apps.common.errors import add_constraint_refusal
        from apps.lti.personal_data import register
        from apps.lti.problems import LaunchProblem
        from apps.lti.resealing import MOVED_KEYS, keys_reseal
        from apps.tenants.moving import add_moved_rows
        from apps.tenants.rotation import add_sealed_rows

        add_sealed_rows("lti keys", keys_reseal)
        add_moved_rows("lti keys", MOVED_KEYS)
        add_constraint_refusal("lti_person_subject", LaunchProblem.OTHER_PERSON.error)
        register()
