"""Addresses of places under /api/v1/."""

from django.urls import path

from apps.classrooms.api import views

urlpatterns = [
    path("classrooms", views.ClassroomsView.as_view(), name="api-classrooms"),
    path("classrooms/<int:classroom_id>", views.ClassroomView.as_view(), name="api-classroom"),
]
