"""Addresses of passkeys under /api/v1/."""

from django.urls import path

from apps.signin.api import passkeys

urlpatterns = [
    path("me/passkeys", passkeys.OwnPasskeysView.as_view(), name="api-me-passkeys"),
    path(
        "me/device/passkey-challenge",
        passkeys.PasskeyChallengeView.as_view(),
        name="api-me-device-passkey-challenge",
    ),
    path("me/device/passkey", passkeys.ReplacementView.as_view(), name="api-me-device-passkey"),
    path(
        "students/<int:student_id>/passkeys",
        passkeys.StudentPasskeysView.as_view(),
        name="api-student-passkeys",
    ),
    path(
        "students/<int:student_id>/passkeys/<int:passkey_id>/remove",
        passkeys.PasskeyRemoveView.as_view(),
        name="api-student-passkey-remove",
    ),
]
