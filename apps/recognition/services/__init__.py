"""Whose face is it? Among the students of a roster, or of a whole campus."""

from apps.recognition.services.answers import (
    CLEAR,
    TOP,
    Candidate,
    FaceAnswer,
    FaceFound,
    require_faces,
)
from apps.recognition.services.campuses import find_students_of_campus
from apps.recognition.services.rosters import (
    LARGEST_ROSTER,
    find_matching_students,
    find_matching_students_of_photo,
)

__all__ = [
    "CLEAR",
    "LARGEST_ROSTER",
    "TOP",
    "Candidate",
    "FaceAnswer",
    "FaceFound",
    "find_matching_students",
    "find_matching_students_of_photo",
    "find_students_of_campus",
    "require_faces",
]
