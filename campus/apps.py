from django.contrib.admin.apps import AdminConfig


class CampusAdminConfig(AdminConfig):
    """Django's admin on our site, which asks the campus's roles who may enter."""

    default_site = "apps.signin.admin_site.CampusAdminSite"
