from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LearningConfig(AppConfig):
    name = "apps.learning"
    verbose_name = _("learning faces")

    def ready(self) -> None:
        from apps.learning.personal_data import register
        from apps.learning.selectors import learning_is_on
        from apps.learning.services import drift_erase
        from apps.learning.wording import LEARNING, learning_text
        from apps.privacy.models import Consent
        from apps.privacy.registry import Addendum, add_addendum, add_eraser

        register()
        add_eraser(Consent.Kind.FACE, drift_erase)
        learned = Addendum(mark=LEARNING, text=learning_text, is_in_use=learning_is_on)
        add_addendum(Consent.Kind.FACE, learned)
