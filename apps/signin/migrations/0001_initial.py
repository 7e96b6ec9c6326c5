"""Who may enter is not decided by the application's role alone: see apps/tenants/signed.py.

The tables are of `accounts` and of the libraries; how they may be written belongs to signing in.
"""

from django.db import migrations

from apps.tenants.guards import Guard

# Of everybody: whoever writes a password, or an address that letters go to, has the account.
ACCOUNT_CHANGES = """
    (NEW.id, NEW.email, NEW.password, NEW.is_active, NEW.is_superuser)
        IS DISTINCT FROM (OLD.id, OLD.email, OLD.password, OLD.is_active, OLD.is_superuser)
"""
# Recovery codes that were used are noted in the same column.
FACTOR_CHANGES = """
    (NEW.user_id, NEW.type, NEW.data - 'used_mask')
        IS DISTINCT FROM (OLD.user_id, OLD.type, OLD.data - 'used_mask')
"""
ADDRESS_CHANGES = "OLD.verified AND (NEW.user_id, NEW.email) IS DISTINCT FROM (OLD.user_id, OLD.email)"
GOOGLE_CHANGES = """
    (NEW.user_id, NEW.provider, NEW.uid) IS DISTINCT FROM (OLD.user_id, OLD.provider, OLD.uid)
"""
SESSION_CHANGES = "(NEW.user_id, NEW.session_key) IS DISTINCT FROM (OLD.user_id, OLD.session_key)"


class Migration(migrations.Migration):
    initial = True
    dependencies = [
        ("accounts", "0001_initial"),
        ("account", "0009_emailaddress_unique_primary_email"),
        ("mfa", "0003_authenticator_type_uniq"),
        ("sessions", "0001_initial"),
        ("socialaccount", "0006_alter_socialaccount_extra_data"),
        ("usersessions", "0001_initial"),
    ]

    operations = [
        Guard("accounts_user", "INSERT", "NEW.is_superuser"),
        Guard("accounts_user", "UPDATE", ACCOUNT_CHANGES),
        Guard("accounts_user", "DELETE"),
        Guard("account_emailaddress", "UPDATE", ADDRESS_CHANGES),
        Guard("account_emailaddress", "DELETE", "OLD.verified"),
        Guard("mfa_authenticator", "INSERT"),
        Guard("mfa_authenticator", "UPDATE", FACTOR_CHANGES),
        Guard("mfa_authenticator", "DELETE"),
        Guard("socialaccount_socialaccount", "INSERT"),
        Guard("socialaccount_socialaccount", "UPDATE", GOOGLE_CHANGES),
        Guard("socialaccount_socialaccount", "DELETE"),
        Guard("usersessions_usersession", "UPDATE", SESSION_CHANGES),
        Guard("usersessions_usersession", "DELETE"),
        Guard("django_session", "DELETE", "OLD.expire_date > now()"),
    ]
