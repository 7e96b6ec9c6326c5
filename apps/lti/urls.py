from django.urls import path

from apps.lti.views import launches, linking, registration

urlpatterns = [
    path("lti/login", launches.login, name="lti_login"),
    path("lti/launch", launches.launch, name="lti_launch"),
    path("lti/jwks", launches.jwks, name="lti_jwks"),
    path("lti/register/<str:secret>", registration.register, name="lti_register"),
    path("lti/relay", linking.relay, name="lti_relay"),
    path("lti/go/<str:name>", launches.go, name="lti_go"),
    path("lti/choice/<str:name>", linking.choice, name="lti_choice"),
    path("lti/links/<uuid:link_id>/", launches.link_page, name="lti_link"),
    path("lti/links/<uuid:link_id>/roster", launches.link_roster, name="lti_roster"),
]
