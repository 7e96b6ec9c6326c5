from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "apps.accounts"
    verbose_name = _("people")

    def ready(self) -> None:
        from apps.accounts.selectors import contact_book, languages, phone_numbers
        from apps.notifications.addresses import (
            register_contact_book,
            register_language_book,
            register_phone_book,
        )

        register_phone_book(phone_numbers)
        register_contact_book(contact_book)
        register_language_book(languages)
