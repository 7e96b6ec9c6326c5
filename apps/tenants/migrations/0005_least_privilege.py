"""Signed acts, the stage of imports without temporary tables of the application's own."""

from django.db import migrations

from apps.tenants.guards import Guard, MakeSigning, MakeStage


class Migration(migrations.Migration):
    dependencies = [("tenants", "0004_master_key")]

    operations = [
        MakeSigning(),
        MakeStage(),
        # Where a host name leads, and whether a campus is open, is the platform's matter.
        Guard("tenants_domain", "UPDATE", "OLD.* IS DISTINCT FROM NEW.*"),
        Guard("tenants_domain", "DELETE"),
        Guard(
            "tenants_campus",
            "UPDATE OF slug, is_active",
            "(OLD.slug, OLD.is_active) IS DISTINCT FROM (NEW.slug, NEW.is_active)",
        ),
        Guard("tenants_campus", "DELETE"),
    ]
