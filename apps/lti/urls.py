from django.urls import path

from apps.lti import views

urlpatterns = [
    path("lti/login", views.login, name="lti_login"),
    path("lti/launch", views.launch, name="lti_launch"),
    path("lti/jwks", views.jwks, name="lti_jwks"),
    path("lti/go/<str:name>", views.go, name="lti_go"),
    path("lti/links/<uuid:link_id>/", views.link_page, name="lti_link"),
    path("lti/links/<uuid:link_id>/roster", views.link_roster, name="lti_roster"),
]
