from django.urls import path

from apps.class_photos.api import views

urlpatterns = [
    path(
        "sessions/<int:session_id>/class-photos",
        views.ClassPhotosView.as_view(),
        name="api-class-photos",
    ),
    path(
        "sessions/<int:session_id>/class-photos/confirm",
        views.confirm,
        name="api-class-photos-confirm",
    ),
    path("sessions/<int:session_id>/class-photos/undo", views.undo, name="api-class-photos-undo"),
    path(
        "sessions/<int:session_id>/class-photos/<int:number>",
        views.image,
        name="api-class-photo-image",
    ),
]
