from django.urls import path

from apps.timetable.views import calendar_feed

urlpatterns = [path("calendar/<str:token>.ics", calendar_feed, name="calendar-feed")]
