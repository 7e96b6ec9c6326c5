from django.urls import path

from apps.lane.api import views

urlpatterns = [
    path("check-in/redeem", views.redeem, name="api-redeem"),
    path("check-in", views.check_in_view, name="api-check-in"),
]
