from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EnrollmentsConfig(AppConfig):
    name = "apps.enrollments"
    verbose_name = _("study")

    def ready(self) -> None:
        from apps.common.errors import add_constraint_refusal
        from apps.enrollments.personal_data import register
        from apps.enrollments.wording import ARCHIVED, term_is_archived

        add_constraint_refusal(ARCHIVED, term_is_archived)
        register()
