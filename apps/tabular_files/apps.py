from django.apps import AppConfig


class TabularFilesConfig(AppConfig):
    name = "apps.tabular_files"
