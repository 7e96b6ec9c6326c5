"""The people of the demo campus, and the few among them who can sign in."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from apps.accounts.models import Faculty, Role, Student, User
from apps.accounts.services import (
    account_provide,
    faculty_create,
    membership_add,
    password_set,
    student_create,
)
from apps.audit.services import Actor, log_platform_event
from apps.common.rows import table_name
from apps.demo.loader.data import DemoData
from apps.demo.loader.passwords import readable_password
from apps.tenants.signed import signed_act

SUPER_ADMIN: Final = "super_admin"


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """One way to try the demo. The password exists here and, hashed, in the database."""

    role: str
    name: str
    email: str
    password: str
    course: str = ""  # that can be started at once: the lecturer's, and the student's


@dataclass(frozen=True, kw_only=True)
class PeopleLoader:
    """Makes the missing people. Nobody's name or role is changed on a later run."""

    data: DemoData
    slug: str
    now: datetime
    actor: Actor
    made: Counter[str]

    def email(self, mailbox: str) -> str:
        """Below .example, which never receives mail (RFC 2606)."""
        return f"{mailbox}@{self.slug}.example"

    def staff(self) -> list[tuple[str, User, bool]]:
        """(role, account, whether it is new) of the platform's and the campus's staff."""
        return [self._member(row) for row in self.data.campus["staff"]]

    def _member(self, row: dict[str, Any]) -> tuple[str, User, bool]:
        user, created = account_provide(email=self.email(row["mailbox"]), name=row["name"])
        if row["role"] == SUPER_ADMIN:
            if created:
                user.is_superuser = True
                with signed_act(table_name(User)):
                    user.save(update_fields=["is_superuser", "updated_at"])
                log_platform_event(
                    actor=self.actor,
                    action="accounts.super_admin.made",
                    now=self.now,
                    target=user,
                    data={"email": user.email},
                )
            self.made["super admins"] += created
        else:
            membership_add(user=user, role=row["role"], now=self.now, actor=self.actor)
            self.made["staff"] += created
        return row["role"], user, created

    def faculty(self) -> dict[str, tuple[Faculty, bool]]:
        """Faculty by code, each with whether they are new."""
        return {row["code"]: self._lecturer(row) for row in self.data.faculty}

    def _lecturer(self, row: dict[str, str]) -> tuple[Faculty, bool]:
        known = Faculty.objects.filter(code=row["code"]).select_related("user").first()
        if known is not None:
            return known, False
        self.made["faculty"] += 1
        fields = {name: row[name] for name in ("code", "first_name", "last_name", "phone")}
        lecturer = faculty_create(
            **fields,
            department=row["department"],
            email=self.email(row["mailbox"]),
            now=self.now,
            actor=self.actor,
        )
        return lecturer, True

    def students(self) -> dict[str, tuple[Student, bool]]:
        """Students by code, each with whether they are new."""
        known = {student.code: student for student in Student.objects.select_related("user")}
        return {
            row["code"]: (known[row["code"]], False)
            if row["code"] in known
            else (self._student(row), True)
            for row in self.data.students
        }

    def _student(self, row: dict[str, str]) -> Student:
        self.made["students"] += 1
        is_representative = row["is_representative"] == "yes"
        section = self._section(row["section"])
        return student_create(
            code=row["code"],
            first_name=row["first_name"],
            last_name=row["last_name"],
            email=self.email(row["mailbox"]),
            phone=row["phone"],
            program=row["program"],
            age=int(row["age"]),
            year_of_study=section["year"],
            is_representative=is_representative,
            representative_mobile=row["phone"] if is_representative else "",
            now=self.now,
            actor=self.actor,
        )

    def _section(self, code: str) -> dict[str, Any]:
        sections: list[dict[str, Any]] = self.data.campus["sections"]
        return next(section for section in sections if section["code"] == code)

    def sign_in(self, role: str, user: User, *, course: str = "") -> SignIn:
        """Give the account a fresh password that needs no changing: the demo is for looking."""
        password = readable_password()
        password_set(user=user, password=password, now=self.now, actor=self.actor, notify=False)
        return SignIn(role=role, name=user.name, email=user.email, password=password, course=course)


def sign_ins(
    loader: PeopleLoader,
    *,
    staff: list[tuple[str, User, bool]],
    faculty: dict[str, tuple[Faculty, bool]],
    students: dict[str, tuple[Student, bool]],
    reset: bool,
) -> list[SignIn]:
    """Fresh passwords for the new ones of the printed accounts, or with `reset` for all of them:
    the staff, every lecturer, and the first student of every section, so that whichever lecturer
    starts a class there is somebody to check in."""
    starting = [row for row in loader.data.campus["courses"] if row["starts_in"] == 0]
    taught = {row["faculty"]: row["code"] for row in starting}
    attended = {section: row["code"] for row in starting for section in row["sections"]}
    first: dict[str, str] = {}
    for row in loader.data.students:
        first.setdefault(row["section"], row["code"])
    accounts = [
        *((role, user, new, "") for role, user, new in staff),
        *(
            (Role.FACULTY.value, person.user, new, taught.get(code, ""))
            for code, (person, new) in faculty.items()
        ),
        *(
            (Role.STUDENT.value, students[code][0].user, students[code][1], attended.get(of, ""))
            for of, code in first.items()
        ),
    ]
    return [
        loader.sign_in(role, user, course=course)
        for role, user, new, course in accounts
        if user is not None and (new or reset)
    ]
