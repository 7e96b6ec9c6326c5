"""Addresses of sign-ins at providers, below `/accounts/` as all that signs in, and of SCIM."""

from django.urls import path

from apps.identity_providers.scim import views as scim
from apps.identity_providers.views import saml
from apps.identity_providers.views.openid import callback
from apps.identity_providers.views.pages import sign_in, signed_out

urlpatterns = [
    path("accounts/provider/<uuid:provider_id>/", sign_in, name="provider_sign_in"),
    path("accounts/provider/<uuid:provider_id>/callback/", callback, name="provider_callback"),
    path(
        "accounts/provider/<uuid:provider_id>/signed-out/", signed_out, name="provider_signed_out"
    ),
    path("accounts/provider/<uuid:provider_id>/finish/", saml.finish, name="saml_finish"),
    path(
        "accounts/provider/<uuid:provider_id>/metadata/",
        saml.provider_metadata,
        name="saml_provider_metadata",
    ),
    path("accounts/provider/saml/metadata/", saml.metadata, name="saml_metadata"),
    path("accounts/provider/saml/answer/", saml.answer, name="saml_answer"),
    path("accounts/provider/saml/sign-out/", saml.sign_out, name="saml_sign_out"),
    path("accounts/provider/<uuid:provider_id>/sign-out/", saml.there, name="saml_sign_out_there"),
    path("scim/v2/Users", scim.users, name="scim-users"),
    path("scim/v2/Users/<str:person_id>", scim.user, name="scim-user"),
    path("scim/v2/ServiceProviderConfig", scim.config, name="scim-config"),
    path("scim/v2/ResourceTypes", scim.types, name="scim-types"),
    path("scim/v2/ResourceTypes/<str:name>", scim.document, name="scim-type"),
    path("scim/v2/Schemas", scim.schema_list, name="scim-schemas"),
    path("scim/v2/Schemas/<str:name>", scim.document, name="scim-schema"),
    path("scim/v2/<path:rest>", scim.nothing, name="scim-nothing"),
]
