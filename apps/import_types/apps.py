from django.apps import AppConfig


class ImportTypesConfig(AppConfig):
    name = "apps.import_types"
