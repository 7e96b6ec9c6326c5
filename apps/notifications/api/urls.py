"""Addresses of messages under /api/v1/."""

from django.urls import path

from apps.notifications.api import views

urlpatterns = [
    path("me/push-tokens", views.PushTokensView.as_view(), name="api-me-push-tokens"),
    path(
        "me/push-tokens/<slug:device_type>",
        views.PushTokenView.as_view(),
        name="api-me-push-token",
    ),
    path("me/notifications", views.InboxView.as_view(), name="api-me-notifications"),
    path("me/notifications/read", views.InboxReadView.as_view(), name="api-me-notifications-read"),
    path(
        "me/notification-preferences",
        views.PreferencesView.as_view(),
        name="api-me-notification-preferences",
    ),
    path("notifications/history", views.HistoryView.as_view(), name="api-notifications-history"),
]
