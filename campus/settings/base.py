"""Settings that every environment shares. What differs is read from the environment."""

import os
from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF

from campus.settings import secret_files  # noqa: F401  (before all that read the environment)
from campus.settings.audit import *  # noqa: F403
from campus.settings.audit import AUDIT_ROOTS_BUCKET, AUDIT_ROOTS_LOCK
from campus.settings.backup import *  # noqa: F403
from campus.settings.beat import *  # noqa: F403
from campus.settings.errors import SENTRY_DSN  # noqa: F401
from campus.settings.exports import REGISTER_EXPORT_TARGETS, register_storage
from campus.settings.fairness import *  # noqa: F403
from campus.settings.hex_keys import hex_key
from campus.settings.images import AWS_BUCKET, AWS_S3_SIGNED_URL_BASE, s3_storage  # noqa: F401
from campus.settings.logs import *  # noqa: F403
from campus.settings.messages import *  # noqa: F403
from campus.settings.pool import *  # noqa: F403
from campus.settings.pool import pool_options
from campus.settings.rates import THROTTLE_RATES
from campus.settings.sign_in import *  # noqa: F403
from campus.settings.tasks import *  # noqa: F403
from campus.settings.unfold import UNFOLD  # noqa: F401

BASE_DIR = Path(__file__).resolve().parents[2]
CAMPUS_VAR = Path(os.environ.get("CAMPUS_VAR", BASE_DIR / "var")).resolve()
CAMPUS_MODELS_DIR = Path(os.environ.get("CAMPUS_MODELS_DIR", CAMPUS_VAR / "models")).resolve()
# The engine of campuses that have no templates yet; others keep theirs (`manage.py reembed`).
CAMPUS_FACE_MODEL = os.environ.get("CAMPUS_FACE_MODEL", "sface")


def env_list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def env_flag(name: str, *, default: bool = False) -> bool:
    return os.environ.get(name, str(default)).lower() in {"1", "true", "yes", "on"}


# Whether a pooler stands between us and PostgreSQL: asked at each connection unless it is said here
# (`pgbouncer` or any other name, or `none`).
DATABASE_POOLER = os.environ.get("DATABASE_POOLER", "").lower()
# PgBouncer from 1.21 on can keep prepared statements: PREPARED_STATEMENTS=1 uses them there too.
PREPARED_STATEMENTS = os.environ.get("PREPARED_STATEMENTS", "")
# What the application's role may take, in seconds. Work outside web requests may take longer:
# apps/tenants/scope.py. `migrate` writes the first three to the role itself.
DATABASE_LIMITS = {
    "statement_timeout": 15,
    "lock_timeout": 5,
    "idle_in_transaction_session_timeout": 30,
}
# Statements that take longer are logged, without their values, and counted.
SLOW_STATEMENT_SECONDS = float(os.environ.get("SLOW_STATEMENT_SECONDS", "0.5"))
DATABASE_PATIENCE_SECONDS = 20  # longer than any statement may take: then the server hangs


def database(url: str, *, patience: float | None = DATABASE_PATIENCE_SECONDS) -> dict[str, Any]:
    """One alias from a URL: persistent connections that are checked before they are reused.

    Which connections keep prepared statements: apps/common/postgresql. `patience`: seconds to wait
    for a server that says nothing at all, or None.
    """
    config = dj_database_url.parse(
        url, engine="apps.common.postgresql", conn_max_age=600, conn_health_checks=True
    )
    pool = pool_options() if patience is not None else None  # the owner's are few
    if pool:
        config["CONN_MAX_AGE"] = 0  # given back to the pool after each request
    options = {
        **({"pool": pool} if pool else {}),
        "connect_timeout": 3,
        "tcp_user_timeout": 10_000,  # milliseconds
        "server_side_binding": True,
        "pooler": DATABASE_POOLER not in {"none", "0"} if DATABASE_POOLER else None,
        "prepare": env_flag("PREPARED_STATEMENTS") if PREPARED_STATEMENTS else None,
        "patience": patience,
        **config.get("OPTIONS", {}),
    }
    return {**config, "OPTIONS": options, "ATOMIC_REQUESTS": False}


def replica() -> dict[str, Any]:
    """The alias of a server that follows the database, from which reports are read, if there is."""
    url = os.environ.get("DATABASE_REPLICA_URL")
    if not url:
        return {}
    config = database(url)
    config["OPTIONS"] = {**config["OPTIONS"], "connect_timeout": 2, "alone": True}
    return {"replica": {**config, "TEST": {"MIRROR": "default"}}}


# While the master key is being replaced, the one before (manage.py rotate_master_key).
CAMPUS_OLD_MASTER_KEY = hex_key("CAMPUS_OLD_MASTER_KEY")
# Earlier values of SECRET_KEY: links and cookies that they signed stay good.
SECRET_KEY_FALLBACKS = env_list("SECRET_KEY_FALLBACKS")

DEBUG = False
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS")
# Set by `manage.py up` where it also listens for phones in the network (apps/ops/phones.py).
MAIL_FOLDER = CAMPUS_VAR / "mail"  # of apps/ops/mail_files.py
PHONE_ORIGIN = os.environ.get("PHONE_ORIGIN", "")

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "apps.accounts",
    "apps.signin",  # before Django's: its commands for accounts are audited
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "rest_framework",
    "drf_standardized_errors",
    *("drf_spectacular", "drf_spectacular_sidecar"),
    "django_htmx",
    "csp",
    "apps.common",
    "apps.tenants",
    "apps.audit",
    "apps.notifications",
    "apps.jobs",
    "apps.qr_otp",
    "apps.saml",
    "apps.tabular_files",
    "apps.privacy",
    "apps.api_keys",
    "apps.identity_providers",
    "apps.classrooms",
    "apps.enrollments",
    "apps.sessions",
    "apps.biometrics",
    "apps.recognition",
    "apps.face_models",
    "apps.announcements",
    "apps.attendance",
    "apps.checkin",
    "apps.leave",
    "apps.class_photos",
    "apps.liveness",
    "apps.learning",
    "apps.cameras",
    "apps.terminals",
    "apps.timetable",
    "apps.integrity",
    "apps.board",
    "apps.lane",
    "apps.import_types",
    "apps.imports",
    "apps.webhooks",
    "apps.lti",
    "apps.oneroster",
    "apps.timetable_feeds",
    "apps.reports",
    "apps.register_exports",
    "apps.ops",
    "apps.backup",
    "apps.legacy",
    "apps.moving",
    "apps.portal",
    "campus.apps.CampusAdminConfig",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.google",
    "allauth.usersessions",
    "allauth.headless",
    "django_structlog",
    "campus.apps.CampusConfig",
]

MIDDLEWARE = [
    "apps.common.middleware.RequestIdMiddleware",
    # Puts off one campus's storm while others ask for something.
    "apps.tenants.fair_shares.FairShares",
    # Answers the check-in's two addresses, with what it keeps of the others (apps/lane).
    "apps.lane.api.middleware.LeanLane",
    # Neither reads anything of a request: what is refused or led to https below has their headers.
    "apps.common.middleware.AnswerHeadersMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "apps.common.middleware.CompressionMiddleware",
    "apps.legacy.middleware.LargeUploadMiddleware",
    "apps.common.guard.RequestGuard",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "apps.tenants.middleware.CampusMiddleware",
    "apps.signin.middleware.LibraryWritesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "apps.tenants.middleware.RouteLimitMiddleware",
    "apps.signin.middleware.KnownDeviceMiddleware",
    "apps.signin.middleware.BoundSessionMiddleware",
    "apps.signin.middleware.PasswordChangeMiddleware",
    "apps.signin.middleware.OnlineMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

# Off, scans and check-ins pass every middleware and the REST framework, like all other addresses.
LEAN_LANE = env_flag("LEAN_LANE", default=True)

ROOT_URLCONF = "campus.urls"
WSGI_APPLICATION = "campus.wsgi.application"
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.portal.shared.pages.portal_context",
            ]
        },
    }
]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"

# --- Tenancy ---------------------------------------------------------------------------------

CAMPUS_RESOLVERS = [
    "apps.tenants.middleware.by_choice",
    "apps.tenants.middleware.by_host",
    "apps.signin.api.authentication.by_token",
    "apps.timetable.tokens.by_calendar_token",
    "apps.tenants.middleware.by_header",
]
CAMPUS_FREE_PATHS = [
    "/admin/",
    "/accounts/",
    "/invitation/",
    "/set-up/",
    "/api/schema/",
    "/api/docs/",
]
TRUSTED_PROXY_COUNT = int(os.environ.get("TRUSTED_PROXY_COUNT", "0"))
# Links in e-mails and calendars: https://<a domain of the campus>[:PUBLIC_PORT]/…
PUBLIC_SCHEME = "http"
PUBLIC_PORT = os.environ.get("PUBLIC_PORT", "")
# Where campuses without a domain of their own are reached, by phones that name them.
PLATFORM_HOST = os.environ.get("PLATFORM_HOST", "")
# Our requests go to public addresses by https; exactly these host:port may be private, and http.
OUTGOING_PRIVATE_ADDRESSES = env_list("OUTGOING_PRIVATE_ADDRESSES")

# --- Timetable -------------------------------------------------------------------------------

# How many days ahead the daily run makes the sessions of weekly slots.
TIMETABLE_HORIZON_DAYS = int(os.environ.get("TIMETABLE_HORIZON_DAYS", "14"))

# --- Language and time -----------------------------------------------------------------------

LANGUAGE_CODE = "en"
# Those with a complete catalogue (apps/common/languages.py).
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = ["campus.formats"]
USE_TZ = True
USE_I18N = True

# --- Static files and images -----------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = Path(os.environ.get("STATIC_ROOT", BASE_DIR / "staticfiles"))
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_ALLOW_ALL_ORIGINS = False  # ours alone, like everything else
MEDIA_ROOT = CAMPUS_VAR / "media"


PRIVATE_STORAGE: dict[str, Any] = (
    s3_storage(AWS_BUCKET)
    if AWS_BUCKET
    else {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": MEDIA_ROOT,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    }
)
STORAGES: dict[str, Any] = {
    "default": PRIVATE_STORAGE,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if AUDIT_ROOTS_BUCKET:
    STORAGES["audit_roots"] = {
        **s3_storage(AUDIT_ROOTS_BUCKET, **AUDIT_ROOTS_LOCK),
        "BACKEND": "apps.audit.locked_storage.LockedStorage",
    }

for _name, _address in REGISTER_EXPORT_TARGETS.items():
    STORAGES[f"registers:{_name}"] = register_storage(_address, s3_storage)

# --- REST ------------------------------------------------------------------------------------

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.api_keys.api.authentication.KeyAuthentication",
        "apps.signin.api.authentication.PhoneAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["apps.accounts.api.permissions.IsMember"],
    "DEFAULT_RENDERER_CLASSES": ["apps.common.bodies.SafeJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "apps.common.bodies.StrictJSONParser",
        "apps.common.bodies.StrictMultiPartParser",
    ],
    "DEFAULT_PAGINATION_CLASS": "apps.common.api.Pages",
    "DEFAULT_SCHEMA_CLASS": "apps.common.schema.CampusSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "DEFAULT_THROTTLE_CLASSES": ["apps.common.api.RouteThrottle"],
    "DEFAULT_THROTTLE_RATES": THROTTLE_RATES,
    "NUM_PROXIES": TRUSTED_PROXY_COUNT,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "apps.common.exception_handler.CampusExceptionHandler",
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Campus API",
    "DESCRIPTION": "Attendance that can be believed: sessions, check-ins, registers.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "ErrorTypeEnum": "apps.common.schema.ErrorType",
        "CameraEventResultEnum": ["kept", "known", "refused"],
        "ResultEnum": ["saved", "unchanged", "conflict", "refused"],
        "AttendanceStatusEnum": "apps.attendance.models.Status",
        "LeaveStatusEnum": "apps.leave.models.LeaveRequest.Status",
        "LeaveCategoryEnum": "apps.leave.models.LeaveRequest.Category",
        "AppealStatusEnum": "apps.leave.models.Appeal.State",
        "SessionStatusEnum": "apps.sessions.models.ClassSession.Status",
        "FaceSampleStatusEnum": "apps.biometrics.models.FaceSample.Status",
        "DeviceKindEnum": "apps.accounts.models.Device.Kind",
        "ConsentKindEnum": "apps.privacy.models.Consent.Kind",
    },
}
# The largest body, files included (apps.common.guard); uploads of whole rosters may be larger.
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024
LARGER_BODIES = dict.fromkeys(("/api/v1/imports", "/admin/imports/importrun/"), 21 * 1024 * 1024)
# For exactly these pages, once they were shown to somebody who may use them.
TICKETED_BODIES = {"/admin/legacy/legacymove/add/": 101 * 1024 * 1024}
FILE_UPLOAD_MAX_MEMORY_SIZE = 9 * 1024 * 1024

# --- Browser security ------------------------------------------------------------------------

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF, "https://accounts.google.com"],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "apps.portal.shared.views.held.stale_form"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True

# Section 13 of the licence: an installation that changed Campus offers its source to its users.
SOURCE_URL = os.environ.get("SOURCE_URL", "")
