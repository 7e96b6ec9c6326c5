from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AttendanceConfig(AppConfig):
    name = "apps.attendance"
    verbose_name = _("attendance")

    def ready(self) -> None:
        from apps.attendance.personal_data import register
        from apps.attendance.selectors.policies import asks_head_turns
        from apps.liveness.wording import HEAD_TURNS, head_turns_text
        from apps.privacy.models import Consent
        from apps.privacy.registry import Addendum, add_addendum

        register()
        turns = Addendum(mark=HEAD_TURNS, text=head_turns_text, is_in_use=asks_head_turns)
        add_addendum(Consent.Kind.FACE, turns)
