from django.urls import path

from apps.ops.views import first_hour, health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("set-up/<str:token>", first_hour.set_up_page, name="set_up"),
    path("first-steps/test-mail", first_hour.first_steps_test_mail, name="first_steps_test_mail"),
    path("first-steps/hide", first_hour.first_steps_hide, name="first_steps_hide"),
]
