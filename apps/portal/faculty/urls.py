from django.urls import path

from apps.portal.faculty.views import courses, photos, plan, register, session, today, waiting

urlpatterns = [
    path("teach/", today.today, name="today"),
    path("teach/start", today.session_start_unscheduled, name="session_start_unscheduled"),
    path("teach/courses/", courses.courses, name="courses"),
    path("teach/courses/<int:course_id>/", courses.course_page, name="course"),
    path("teach/courses/<int:course_id>/plan", plan.plan_create, name="plan_create"),
    path("teach/sessions/<int:session_id>/plan", plan.plan, name="plan"),
    path("teach/sessions/<int:session_id>/plan/move", plan.plan_move, name="plan_move"),
    path("teach/sessions/<int:session_id>/plan/swap", plan.plan_swap, name="plan_swap"),
    path("teach/sessions/<int:session_id>/plan/cancel", plan.plan_cancel, name="plan_cancel"),
    path(
        "teach/sessions/<int:session_id>/plan/substitute",
        plan.plan_substitute,
        name="plan_substitute",
    ),
    path("teach/sessions/<int:session_id>/", session.session_page, name="session"),
    path("teach/sessions/<int:session_id>/start", today.session_start, name="session_start"),
    path("teach/sessions/<int:session_id>/projector", session.projector, name="projector"),
    path("teach/sessions/<int:session_id>/board", session.board, name="board"),
    path("teach/sessions/<int:session_id>/mark", session.session_mark, name="session_mark"),
    path("teach/sessions/<int:session_id>/code", waiting.session_code, name="session_code"),
    path(
        "teach/sessions/<int:session_id>/waiting",
        waiting.session_waiting,
        name="session_waiting",
    ),
    path(
        "teach/sessions/<int:session_id>/complete",
        session.session_complete,
        name="session_complete",
    ),
    path("teach/sessions/<int:session_id>/history", register.history, name="session_history"),
    path("teach/sessions/<int:session_id>/undo", register.undo, name="session_undo"),
    path(
        "teach/sessions/<int:session_id>/undo-cameras",
        register.undo_cameras,
        name="session_undo_cameras",
    ),
    path("teach/sessions/<int:session_id>/findings", register.findings, name="session_findings"),
    path(
        "teach/sessions/<int:session_id>/findings/<int:finding_id>",
        register.finding_dismiss,
        name="session_finding_dismiss",
    ),
    path(
        "teach/sessions/<int:session_id>/rapid-codes",
        register.rapid_codes,
        name="session_rapid_codes",
    ),
    path("teach/sessions/<int:session_id>/photo", photos.photo, name="session_photo"),
    path(
        "teach/sessions/<int:session_id>/photo/<int:number>",
        photos.photo_image,
        name="session_photo_image",
    ),
    path(
        "teach/sessions/<int:session_id>/photo/confirm",
        photos.photo_confirm,
        name="session_photo_confirm",
    ),
    path(
        "teach/sessions/<int:session_id>/photo/undo", photos.photo_undo, name="session_photo_undo"
    ),
    path(
        "teach/sessions/<int:session_id>/photo/finish",
        photos.photo_finish,
        name="session_photo_finish",
    ),
    path("teach/sessions/<int:session_id>/off", register.did_not_happen, name="session_off"),
]
