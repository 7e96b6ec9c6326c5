from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "apps.accounts"
    verbose_name = _("people")

    def ready(self) -> None:
        from allauth.usersessions.models import UserSession
        from django.contrib.sessions.models import Session

        from apps.accounts import receivers
        from apps.accounts.password_links import password_link
        from apps.accounts.selectors import contact_book, languages, phone_numbers
        from apps.accounts.session_keys import keep_digests
        from apps.notifications.addresses import (
            register_contact_book,
            register_language_book,
            register_phone_book,
        )
        from apps.notifications.links import register_link

        register_link("password_link", password_link)
        register_phone_book(phone_numbers)
        register_contact_book(contact_book)
        register_language_book(languages)
        receivers.connect()
        keep_digests(Session)
        keep_digests(UserSession)
