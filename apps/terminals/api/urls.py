from django.urls import path

from apps.terminals.api import views

urlpatterns = [path("terminals/punches", views.punches, name="api-terminal-punches")]
