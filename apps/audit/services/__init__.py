"""Writing, sealing and verifying the audit log; signed roots and exports of it."""

from apps.audit.services.chains import PLATFORM_LOG, Log, campus_log, entered
from apps.audit.services.export import export_log
from apps.audit.services.recording import SYSTEM, Actor, log_event, log_platform_event
from apps.audit.services.redacting import Redacted, RedactionCounts, entries_redact
from apps.audit.services.roots import root_make, roots_make_and_write, roots_write
from apps.audit.services.sealed import sealed_read
from apps.audit.services.sealing import put_aside, seal_pending
from apps.audit.services.verifying import Verification, key_proof, verify

__all__ = [
    "PLATFORM_LOG",
    "SYSTEM",
    "Actor",
    "Log",
    "Redacted",
    "RedactionCounts",
    "Verification",
    "campus_log",
    "entered",
    "entries_redact",
    "export_log",
    "key_proof",
    "log_event",
    "log_platform_event",
    "put_aside",
    "root_make",
    "roots_make_and_write",
    "roots_write",
    "seal_pending",
    "sealed_read",
    "verify",
]
