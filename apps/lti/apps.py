from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LtiConfig(AppConfig):
    name = "apps.lti"
    verbose_name = _("learning platforms")

    def ready(self) -> None:
        from apps.common.errors import add_constraint_refusal
        from apps.lti.models import LtiKey
        from apps.lti.personal_data import register
        from apps.lti.problems import LaunchProblem
        from apps.tenants.sealed_columns import SealedColumns, add_sealed_columns

        sealed = SealedColumns(
            model=LtiKey, columns=("sealed_key",), purpose=LtiKey.SEAL, bound_to="id"
        )
        add_sealed_columns("lti keys", sealed)
        add_constraint_refusal("lti_person_subject", LaunchProblem.OTHER_PERSON.error)
        register()
