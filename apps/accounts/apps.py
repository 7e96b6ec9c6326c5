from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "apps.accounts"
    verbose_name = _("people")

    def ready(self) -> None:
        from allauth.usersessions.models import UserSession
        from django.contrib.sessions.models import Session

        from apps.accounts.selectors import contact_book, phone_numbers
        from apps.accounts.session_keys import keep_digests
        from apps.notifications.addresses import register_contact_book, register_phone_book

        register_phone_book(phone_numbers)
        register_contact_book(contact_book)
        keep_digests(Session)
        keep_digests(UserSession)
