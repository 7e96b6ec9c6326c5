"""Addresses of the provider: OneRoster 1.2, rostering and gradebook."""

from django.urls import path

from apps.oneroster.api import views

ROSTER = "ims/oneroster/rostering/v1p2"
GRADES = "ims/oneroster/gradebook/v1p2"
OBJECT = "<str:name>/<str:sourced_id>"
INMOST = f"{OBJECT}/<str:inner>/<str:inner_id>/<str:inmost>"

urlpatterns = [
    path("ims/oneroster/token", views.token, name="oneroster-token"),
    path(f"{ROSTER}/<str:name>", views.roster_list, name="oneroster-list"),
    path(f"{ROSTER}/{OBJECT}", views.roster_object, name="oneroster-object"),
    path(f"{ROSTER}/{OBJECT}/<str:inner>", views.roster_inner, name="oneroster-inner"),
    path(f"{ROSTER}/{INMOST}", views.roster_inmost, name="oneroster-inmost"),
    path(f"{GRADES}/<str:name>", views.gradebook_list, name="oneroster-grades"),
    path(f"{GRADES}/{OBJECT}", views.gradebook_object, name="oneroster-grade"),
    path(f"{GRADES}/{OBJECT}/<str:inner>", views.gradebook_inner, name="oneroster-grades-of"),
    path(f"{GRADES}/{INMOST}", views.gradebook_inmost, name="oneroster-grades-inmost"),
    path("ims/oneroster/<path:rest>", views.nothing, name="oneroster-nothing"),
]
