"""Sign-in: passwords, sessions, second factors, phones' tokens, Google. Mostly allauth's."""

import os
from typing import Any

AUTHENTICATION_BACKENDS = [
    "apps.signin.backends.CampusBackend",
    "apps.signin.backends.ProviderBackend",
]
PASSWORD_HASHERS = [
    "apps.signin.passwords.KeyedBCryptHasher",
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "apps.signin.passwords.PlainBCryptHasher",
    "apps.signin.passwords.PlainScryptHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "apps.signin.passwords.LengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"

SESSION_ENGINE = "apps.signin.session_store"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True  # scripts take the token from the page
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 14

ACCOUNT_ADAPTER = "apps.signin.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "apps.signin.password_tokens.CampusTokenGenerator"  # noqa: S105
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_FORMS = {
    "change_password": "apps.signin.forms.LimitedChangeForm",
    "reset_password": "apps.signin.forms.PasswordLinkForm",
}
# Never per address alone: a campus sits behind one NAT address. Passwords, codes and mails on
# request are limited by apps/signin/guesses.py; what is closed or cannot be guessed by nobody.
ACCOUNT_RATE_LIMITS = {
    "login": False,
    "login_failed": False,
    "reset_password": False,
    "reset_password_from_key": False,
    "signup": False,
    "request_login_code": "3/m/key",
    "verify_phone": "1/30s/key",
    "change_password": False,
    "reauthenticate": False,
}
MFA_RATE_LIMITS = {"webauthn_login": False}
MFA_FORMS = {
    "authenticate": "apps.signin.forms.LimitedAuthenticateForm",
    "reauthenticate": "apps.signin.forms.LimitedReauthenticateForm",
    "activate_totp": "apps.signin.forms.LimitedActivateForm",
    "add_webauthn": "apps.signin.forms.PasskeyAddForm",
    "edit_webauthn": "apps.signin.forms.PasskeyNameForm",
    "login_webauthn": "apps.signin.forms.PasskeyLoginForm",
    "authenticate_webauthn": "apps.signin.forms.PasskeyCodeForm",
    "reauthenticate_webauthn": "apps.signin.forms.PasskeyReauthenticateForm",
}
# Addresses come from the office: a row that says "not confirmed" must not keep anybody from a
# second factor.
MFA_ALLOW_UNVERIFIED_EMAIL = True
DEVICE_COOKIE_NAME = "campus_device"
LTI_COOKIE_NAME = "campus_lti"  # apps/lti/views.py
STAMP_COOKIE_NAME = "campus_seen"  # apps/qr_otp/stamps.py
MFA_ADAPTER = "apps.signin.mfa.MfaAdapter"
# A passkey is a way in by itself, and answers for the code of who has set one up:
# docs/decisions/0043. Every page that reads one is ours, by MFA_FORMS or apps/signin/urls.py.
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_TOTP_ISSUER = "Campus"
USERSESSIONS_TRACK_ACTIVITY = False

SOCIALACCOUNT_ADAPTER = "apps.signin.adapters.SocialAdapter"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {}
GOOGLE_CLIENT_ID = os.environ.get("GOOGLE_CLIENT_ID", "")
if GOOGLE_CLIENT_ID:
    SOCIALACCOUNT_PROVIDERS["google"] = {
        "APPS": [
            {
                "client_id": GOOGLE_CLIENT_ID,
                "secret": os.environ.get("GOOGLE_CLIENT_SECRET", ""),
            }
        ],
        "SCOPE": ["openid", "email", "profile"],
        "OAUTH_PKCE_ENABLED": True,
    }

HEADLESS_CLIENTS = ("app",)
HEADLESS_TOKEN_STRATEGY = "apps.signin.api.tokens.CampusTokenStrategy"  # noqa: S105
HEADLESS_JWT_ALGORITHM = "HS256"
HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = 15 * 60
HEADLESS_JWT_REFRESH_TOKEN_EXPIRES_IN = 60 * 60 * 24 * 30
HEADLESS_JWT_STATEFUL_VALIDATION_ENABLED = True
HEADLESS_JWT_ROTATE_REFRESH_TOKEN = True
HEADLESS_SERVE_SPECIFICATION = False
