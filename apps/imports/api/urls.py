from django.urls import path

from apps.imports.api import views

urlpatterns = [
    path("imports", views.import_list, name="imports"),
    path("imports/kinds", views.kind_list, name="import-kinds"),
    path("imports/templates/<str:kind>.xlsx", views.template, name="import-template"),
    path("imports/<int:run_id>", views.import_detail, name="import"),
    path("imports/<int:run_id>/mapping", views.mapping, name="import-mapping"),
    path("imports/<int:run_id>/answers", views.answers, name="import-answers"),
    path("imports/<int:run_id>/commit", views.commit, name="import-commit"),
    path("imports/<int:run_id>/cancel", views.cancel, name="import-cancel"),
    path("imports/<int:run_id>/errors.xlsx", views.marked, name="import-errors"),
]
