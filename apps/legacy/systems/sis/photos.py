"""Photos of students and of marks."""

from functools import partial
from typing import Any

from apps.biometrics.images import Photo, photo_from_base64
from apps.legacy.systems.sis.school import PHOTOS, SisSchool
from apps.legacy.values import text
from apps.legacy.writing.faces import Faces, photo_file
from apps.legacy.writing.run import Run
from apps.old_databases import OldRow
from apps.tabular_files.fields import Wrong


def photos_move(school: SisSchool) -> None:
    """Photos of students, and of marks: once each, for whoever agreed here."""
    run, faces = school.run, Faces(school.run)
    for name, owner in (
        (school.table("student"), "id"),
        (school.table("attendance"), "student_id"),
    ):
        columns = set(run.old.columns(name))
        for _number, row in run.old.rows(name) if columns & set(PHOTOS) else ():
            student = school.students.get(_photo_owner(row, owner))
            if photo := _photo(run, row):
                faces.add([(student, photo)])
    run.report.notes += faces.said()


def _photo_owner(row: OldRow, owner: str) -> str:
    try:
        return text(row.get(owner)) or text(row.get("_key"))
    except Wrong:
        return ""


def _photo(run: Run, row: OldRow) -> Any:
    """How to read the row's photo; None without one. The same image again is one sample."""
    data, name = row.get("face_data"), row.get("face_image_path")
    if isinstance(data, str) and data:
        return partial(photo_from_base64, data)
    if isinstance(name, str) and name and run.old.folder is not None:
        return partial(_named_photo, run, name)
    return None


def _named_photo(run: Run, name: str) -> Photo:
    if run.old.folder is None:
        raise AssertionError
    return photo_file(run.old.folder, name)
