"""Addresses of the timetable under /api/v1/."""

from django.urls import path

from apps.timetable.api import schedule_views, session_views, slot_views

urlpatterns = [
    path("me/schedule", schedule_views.MyScheduleView.as_view(), name="api-me-schedule"),
    path(
        "me/calendar-link", schedule_views.CalendarLinkView.as_view(), name="api-me-calendar-link"
    ),
    path("faculty/dashboard", schedule_views.DashboardView.as_view(), name="api-faculty-dashboard"),
    path("timetable/sessions", session_views.PlanView.as_view(), name="api-plan"),
    path(
        "timetable/sessions/<int:session_id>",
        session_views.PlannedSessionView.as_view(),
        name="api-plan-session",
    ),
    path(
        "timetable/sessions/<int:session_id>/reschedule",
        session_views.RescheduleView.as_view(),
        name="api-plan-reschedule",
    ),
    path(
        "timetable/sessions/<int:session_id>/swap",
        session_views.SwapView.as_view(),
        name="api-plan-swap",
    ),
    path(
        "timetable/sessions/<int:session_id>/cancel",
        session_views.CallOffView.as_view(),
        name="api-plan-cancel",
    ),
    path("timetable/slots", slot_views.SlotsView.as_view(), name="api-slots"),
    path("timetable/slots/<int:slot_id>", slot_views.SlotView.as_view(), name="api-slot"),
    path("timetable/holidays", slot_views.HolidaysView.as_view(), name="api-holidays"),
    path(
        "timetable/holidays/<int:holiday_id>",
        slot_views.HolidayView.as_view(),
        name="api-holiday",
    ),
    path("timetable/generate", slot_views.GenerateView.as_view(), name="api-generate"),
]
