from django.apps import AppConfig


class SamlConfig(AppConfig):
    name = "apps.saml"
