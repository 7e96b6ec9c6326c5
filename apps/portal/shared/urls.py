from django.urls import path

from apps.portal.shared.views import home, invitations, messages, week

urlpatterns = [
    path("", home.home, name="home"),
    path("week/", week.week, name="week"),
    path("week/calendar-link", week.calendar_link, name="calendar_link"),
    path("messages/", messages.inbox, name="messages"),
    path("messages/read", messages.read, name="messages_read"),
    path("messages/preferences", messages.preferences, name="messages_preferences"),
    path("invitations/", invitations.invitations, name="invitations"),
    path("invitations/answer", invitations.answer, name="invitations_answer"),
    path("invitation/<str:token>", invitations.invitation, name="invitation"),
    path("sw.js", messages.service_worker, name="service_worker"),
]
