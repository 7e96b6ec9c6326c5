from django.urls import path

from apps.ops.views import first_hour, health, look

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("set-up/<str:token>", first_hour.set_up_page, name="set_up"),
    path("first-steps/test-mail", first_hour.first_steps_test_mail, name="first_steps_test_mail"),
    path("first-steps/hide", first_hour.first_steps_hide, name="first_steps_hide"),
    path("first-steps/show", first_hour.first_steps_bring_back, name="first_steps_show"),
    path("look", look.look, name="campus_look"),
    path("logo/<str:sha256>.png", look.logo, name="campus_logo"),
]
