from django.urls import path

from apps.leave.api import appeal_views, views

urlpatterns = [
    path("me/leave", views.MyLeaveView.as_view(), name="api-my-leave"),
    path(
        "me/leave/<int:leave_id>/withdraw",
        views.my_leave_withdraw,
        name="api-my-leave-withdraw",
    ),
    path("leave", views.LeaveView.as_view(), name="api-leave"),
    path("leave/<int:leave_id>/decide", views.leave_decide_view, name="api-leave-decide"),
    path(
        "leave/<int:leave_id>/attachment",
        views.leave_attachment,
        name="api-leave-attachment",
    ),
    path("records/<int:record_id>/appeal", appeal_views.record_appeal, name="api-record-appeal"),
    path("me/appeals", appeal_views.MyAppealsView.as_view(), name="api-my-appeals"),
    path(
        "me/appeals/<int:appeal_id>/withdraw",
        appeal_views.my_appeal_withdraw,
        name="api-my-appeal-withdraw",
    ),
    path("appeals", appeal_views.AppealsView.as_view(), name="api-appeals"),
    path(
        "appeals/<int:appeal_id>/decide",
        appeal_views.appeal_decide_view,
        name="api-appeal-decide",
    ),
    path(
        "appeals/<int:appeal_id>/attachment",
        appeal_views.appeal_attachment,
        name="api-appeal-attachment",
    ),
]
