"""Addresses of announcements under /api/v1/."""

from django.urls import path

from apps.announcements.api import views

urlpatterns = [
    path("announcements", views.AnnouncementsView.as_view(), name="api-announcements"),
    path(
        "announcements/received",
        views.ReceivedView.as_view(),
        name="api-announcements-received",
    ),
]
