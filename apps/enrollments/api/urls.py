"""Addresses of what is studied under /api/v1/."""

from django.urls import path

from apps.enrollments.api import views

urlpatterns = [
    path("terms", views.TermsView.as_view(), name="api-terms"),
    path("departments", views.DepartmentsView.as_view(), name="api-departments"),
    path("sections", views.SectionsView.as_view(), name="api-sections"),
    path("subjects", views.SubjectsView.as_view(), name="api-subjects"),
    path("subjects/<int:subject_id>", views.SubjectView.as_view(), name="api-subject"),
    path(
        "subjects/<int:subject_id>/activate",
        views.SubjectActivateView.as_view(),
        name="api-subject-activate",
    ),
    path("courses", views.CoursesView.as_view(), name="api-courses"),
    path("courses/<int:course_id>", views.CourseView.as_view(), name="api-course"),
    path("enrollments", views.EnrollmentsView.as_view(), name="api-enrollments"),
    path("search", views.SearchView.as_view(), name="api-search"),
]
