"""Rows that decide what the log is believed to say are not added by SQL alone.

See apps/tenants/signed.py. Entries themselves carry a MAC.
"""

from django.db import migrations

from apps.tenants.guards import Guard

TABLES = (
    "audit_seal",
    "audit_platform_seal",
    "audit_bad_entry",
    "audit_platform_bad_entry",
    "audit_root",
    "audit_root_copy",
)


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_platform_log_and_roots"), ("tenants", "0005_least_privilege")]

    operations = [Guard(table, "INSERT") for table in TABLES]
