from django.urls import path

from apps.portal.shared.views import (
    api_keys,
    held,
    home,
    invitations,
    language,
    messages,
    my_data,
    week,
)

urlpatterns = [
    path("", home.home, name="home"),
    path("start/", home.start, name="start"),
    path("week/", week.week, name="week"),
    path("week/calendar-link", week.calendar_link, name="calendar_link"),
    path("messages/", messages.inbox, name="messages"),
    path("messages/read", messages.read, name="messages_read"),
    path("messages/preferences", messages.preferences, name="messages_preferences"),
    path("my-data/", my_data.my_data, name="my_data"),
    path("my-data/export", my_data.export, name="my_data_export"),
    path("my-data/erase", my_data.erase, name="my_data_erase"),
    path("my-data/keep", my_data.keep, name="my_data_keep"),
    path("api-keys/", api_keys.api_keys, name="api_keys"),
    path("api-keys/revoke", api_keys.api_key_revoke, name="api_key_revoke"),
    path("invitations/", invitations.invitations, name="invitations"),
    path("invitations/answer", invitations.answer, name="invitations_answer"),
    path("invitation/<str:token>", invitations.invitation, name="invitation"),
    path("continue", held.held, name="held"),
    path("form-token", held.form_token, name="form_token"),
    path("language", language.language, name="language"),
    path("sw.js", messages.service_worker, name="service_worker"),
]
