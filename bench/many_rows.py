"""Fills a campus with rows by multiplying one of each kind, for looking at plans.

The rows are copies, by SQL, of rows that services made: no list of columns to keep up. They are
written by a superuser without triggers and foreign keys: a million marks with all that belongs to
them, 4.1 million rows, in 106 s on a busy machine of two cores.
"""

from dataclasses import dataclass
from typing import Any, Final

BASE: Final = 10_000_000  # ids begin above those that anything else makes
ENROLMENTS: Final = 6  # of each student
IN_A_COURSE: Final = 120


@dataclass(frozen=True)
class Size:
    """`days`: held sessions of each course."""

    students: int
    days: int

    @property
    def courses(self) -> int:
        return max(self.students * ENROLMENTS // IN_A_COURSE, 20)

    @property
    def marks(self) -> int:
        return self.students * ENROLMENTS * self.days


COLUMNS: Final = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
    ORDER BY attnum
"""
MARKS: Final = f"""
    SELECT row_number() OVER (ORDER BY s.id, e.student_id) AS n, s.id AS session, s.course_id,
        s.starts_at, e.student_id AS student
    FROM class_sessions_classsession s JOIN enrollments_enrollment e USING (campus_id, course_id)
    WHERE s.campus_id = %(campus)s AND s.id > {BASE} AND e.id > {BASE}
"""
TABLES: Final[tuple[tuple[str, str, dict[str, str]], ...]] = (
    (
        "accounts_user",
        "students",
        {"id": "{base} + n", "email": "'s' || n || '@many.example'"},
    ),
    (
        "accounts_student",
        "students",
        {
            "id": "{base} + n",
            "user_id": "{base} + n",
            "uuid": "gen_random_uuid()",
            "code": "'MANY' || n",
            "email": "'s' || n || '@many.example'",
            "last_name": "'Family' || n",
        },
    ),
    (
        "accounts_member",
        "students",
        {"id": "{base} + n", "user_id": "{base} + n", "email": "'s' || n || '@many.example'"},
    ),
    (
        "accounts_membership",
        "students",
        {"id": "{base} + n", "user_id": "{base} + n", "role": "'student'"},
    ),
    (
        "accounts_device",
        "students",
        {
            "id": "{base} + n",
            "student_id": "{base} + n",
            "device_uuid": "'many-' || n",
            "public_key": "decode(md5(n::text), 'hex')",
        },
    ),
    (
        "search_entry",
        "students",
        {"kind": "'student'", "object_id": "{base} + n", "words": "'MANY' || n || ' family' || n"},
    ),
    ("enrollments_subject", "courses", {"id": "{base} + n", "code": "'MANY' || n"}),
    (
        "enrollments_course",
        "courses",
        {
            "id": "{base} + n",
            "subject_id": "{base} + n",
            "code": "'MANY-' || n",
            "faculty_id": "CASE WHEN n <= 4 THEN {teacher} ELSE {other_teacher} END",
        },
    ),
    (
        "enrollments_enrollment",
        "enrolments",
        {
            "id": "{base} + n",
            "student_id": "{base} + 1 + (n - 1) %% {students}",
            "course_id": (
                "{base} + 1 + ((n - 1) %% {students} + (n - 1) / {students} * 7) %% {courses}"
            ),
        },
    ),
    (
        "enrollments_enrollmentperiod",
        "enrolments",
        {"id": "{base} + n", "enrollment_id": "{base} + n"},
    ),
    (
        "attendance_attendancesummary",
        "enrolments",
        {
            "id": "{base} + n",
            "student_id": "{base} + 1 + (n - 1) %% {students}",
            "course_id": (
                "{base} + 1 + ((n - 1) %% {students} + (n - 1) / {students} * 7) %% {courses}"
            ),
        },
    ),
    (
        "class_sessions_classsession",
        "sessions",
        {
            "id": "{base} + n",
            "course_id": "{base} + 1 + (n - 1) %% {courses}",
            "starts_at": "{begun}",
            "ends_at": "{begun} + interval '1 hour'",
            "opened_at": "{begun}",
            "closed_at": "{begun} + interval '1 hour'",
            "held_on": "({begun})::date",
            "status": "'completed'",
            "is_planned": "false",
        },
    ),
    (
        "class_sessions_sessioncourse",
        "sessions",
        {
            "id": "{base} + n",
            "session_id": "{base} + n",
            "course_id": "{base} + 1 + (n - 1) %% {courses}",
            "starts_at": "{begun}",
            "ends_at": "{begun} + interval '1 hour'",
            "held_on": "({begun})::date",
            "status": "'completed'",
            "is_planned": "false",
        },
    ),
    (
        "attendance_attendancerecord",
        "marks",
        {
            "id": "{base} + n",
            "session_id": "session",
            "student_id": "student",
            "course_id": "g.course_id",
            "attempt_id": "NULL",
            "recorded_at": "g.starts_at",
            "status": "CASE WHEN n %% 5 = 0 THEN 'absent' ELSE 'present' END",
            "source": "'manual'",
        },
    ),
    (
        "checkin_checkinattempt",
        "marks",
        {
            "id": "gen_random_uuid()",
            "nonce": "'many-' || n",
            "session_id": "session",
            "student_id": "student",
            "received_at": "g.starts_at",
            "scan_id": "NULL",
            "device_counter": "NULL",
        },
    ),
    (
        "qr_otp_scan",
        "marks",
        {
            "id": "gen_random_uuid()",
            "subject": "session::text",
            "scanner": "'student:' || student",
            "at": "g.starts_at",
        },
    ),
    (
        "audit_entry",
        "marks",
        {"id": "gen_random_uuid()", "at": "g.starts_at", "target_id": "(session)::text"},
    ),
    (
        "notifications_message",
        "messages",
        {"id": "md5('many' || n)::uuid", "key": "'many-' || n"},
    ),
    (
        "notifications_delivery",
        "messages",
        {
            "id": "gen_random_uuid()",
            "message_id": "md5('many' || n)::uuid",
            "user_id": "{base} + 1 + (n - 1) %% {students}",
            "status": "'sent'",
            "sent_at": "now()",
        },
    ),
)


def fill(
    root: Any, *, campus_id: int, size: Size, teacher: int, other_teacher: int
) -> dict[str, int]:
    """Rows by table. `root`: a connection of a superuser, in autocommit. `teacher`, the id of a
    member of the faculty, has four of the courses.

    Every table must hold a row of the campus to copy, but for `search_entry`, which has one by its
    triggers.
    """
    numbers = {
        "students": size.students,
        "courses": size.courses,
        "enrolments": size.students * ENROLMENTS,
        "sessions": size.courses * size.days,
        "messages": size.students * 4,
    }
    words = {
        "base": str(BASE),
        "students": str(size.students),
        "courses": str(size.courses),
        "teacher": str(teacher),
        "other_teacher": str(other_teacher),
        "begun": (
            f"date_trunc('hour', now()) - ((n - 1) / {size.courses} + 1) * interval '1 day' "
            f"- ((n - 1) %% {size.courses}) * interval '1 minute'"
        ),
    }
    made = {}
    with root.transaction():
        root.execute("SET LOCAL session_replication_role = replica")
        for table, kind, changes in TABLES:
            rows = MARKS if kind == "marks" else f"SELECT generate_series(1, {numbers[kind]}) AS n"
            set_to = {name: text.format(**words) for name, text in changes.items()}
            made[table] = _multiply(root, table, rows, set_to, campus_id)
    for table in made:
        root.execute(f"ANALYZE {table}")
    return made


def _multiply(root: Any, table: str, rows: str, changes: dict[str, str], campus_id: int) -> int:
    names = [name for (name,) in root.execute(COLUMNS, [table])]
    values = [changes.get(name, f'src."{name}"') for name in names]
    where = "campus_id = %(campus)s" if "campus_id" in names else "NOT is_superuser"
    columns = ", ".join(f'"{name}"' for name in names)
    statement = (
        f"INSERT INTO {table} ({columns}) SELECT {', '.join(values)} "
        f"FROM (SELECT * FROM {table} WHERE {where} LIMIT 1) src CROSS JOIN ({rows}) g"
    )
    made: int = root.execute(statement, {"campus": campus_id}).rowcount
    if made == 0:
        raise LookupError(f"{table} has no row to copy.")
    return made
