"""What the messages say, all in one place. Only announcements are written by people.

Titles and bodies are message ids of the translations; `%(name)s` is filled in from the message's
data in each reader's language. Push shows title and body, an SMS both below each other, an e-mail
adds the facts of `FACTS` that the data holds.
"""

from typing import Any, Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from apps.notifications.account_texts import ACCOUNT_TEXTS
from apps.notifications.text_entry import Text

# Data that e-mails list below the text, in this order, where a message has it.
FACTS: Final[dict[str, Any]] = {
    "course": _("Course"),
    "when": _("When"),
    "room": _("Room"),
    "attended": _("Attended"),
    "held": _("Sessions held"),
    "percent": _("Attendance in percent"),
    "threshold": _("Needed in percent"),
    "reachable": _("Can still be reached, in percent"),
    "reason": _("Reason"),
    "answer": _("Answer"),
}
COURSE: Final = "CS201-A Algorithms"
WHEN: Final = "2026-09-14 10:00–11:30"
STANDING: Final[dict[str, Any]] = {
    "course": COURSE,
    "percent": "76.5",
    "threshold": "75",
    "attended": 13,
    "held": 17,
    "reachable": "88.2",
}


TEXTS: Final[dict[str, Text]] = {
    **ACCOUNT_TEXTS,
    "attendance_near": Text(
        kind="attendance_near",
        title=gettext_noop("Your attendance in %(course)s is close to the limit"),
        body=gettext_noop(
            "You have attended %(attended)s of %(held)s sessions, %(percent)s percent. "
            "At least %(threshold)s percent are needed."
        ),
        contact_title=gettext_noop("%(student)s: attendance in %(course)s is close to the limit"),
        contact_body=gettext_noop(
            "%(student)s has attended %(attended)s of %(held)s sessions, %(percent)s percent. "
            "At least %(threshold)s percent are needed."
        ),
        sample=STANDING,
    ),
    "attendance_warning": Text(
        kind="attendance_warning",
        title=gettext_noop("Your attendance in %(course)s is too low"),
        body=gettext_noop(
            "You have attended %(attended)s of %(held)s sessions, %(percent)s percent; "
            "%(threshold)s percent are needed. With every coming session you can still reach "
            "%(reachable)s percent."
        ),
        contact_title=gettext_noop("%(student)s: attendance in %(course)s is too low"),
        contact_body=gettext_noop(
            "%(student)s has attended %(attended)s of %(held)s sessions, %(percent)s percent; "
            "%(threshold)s percent are needed. With every coming session %(reachable)s percent "
            "can still be reached."
        ),
        sample={**STANDING, "percent": "70.6", "attended": 12},
    ),
    "absence": Text(
        kind="absence",
        title=gettext_noop("You were marked absent in %(course)s"),
        body=gettext_noop(
            "Session of %(when)s. If that is wrong, appeal in the app or speak with your lecturer."
        ),
        sample={"course": COURSE, "when": WHEN},
    ),
    "consecutive_absences": Text(
        kind="consecutive_absences",
        title=gettext_noop("You missed %(count)s sessions of %(course)s in a row"),
        body=gettext_noop(
            "If something keeps you away, ask for leave or speak with your lecturer."
        ),
        contact_title=gettext_noop("%(student)s missed %(count)s sessions in a row"),
        contact_body=gettext_noop("The last %(count)s sessions of %(course)s were missed."),
        sample={"course": COURSE, "count": 3},
    ),
    "session_cancelled": Text(
        kind="session_cancelled",
        title=gettext_noop("%(course)s is cancelled"),
        body=gettext_noop("The session %(when)s does not take place. %(note)s"),
        sample={"course": COURSE, "when": WHEN, "room": "101", "note": "The lecturer is ill."},
    ),
    "session_moved": Text(
        kind="session_moved",
        title=gettext_noop("%(course)s was moved"),
        body=gettext_noop("Now %(when)s, %(room)s. Before: %(old_when)s, %(old_room)s."),
        sample={
            "course": COURSE,
            "when": WHEN,
            "room": "204",
            "old_when": "2026-09-14 08:00–09:30",
            "old_room": "101",
        },
    ),
    "session_substituted": Text(
        kind="session_moved",
        title=gettext_noop("%(course)s is held by %(lecturer)s"),
        body=gettext_noop("%(when)s, %(room)s."),
        sample={"course": COURSE, "lecturer": "Ada Lovelace", "when": WHEN, "room": "204"},
    ),
    "timetable_changed": Text(
        kind="session_moved",
        title=gettext_noop("The timetable of %(course)s has changed"),
        body=gettext_noop(
            "Sessions moved: %(moved)s, cancelled: %(cancelled)s. See your schedule."
        ),
        sample={"course": COURSE, "moved": 12, "cancelled": 1},
    ),
    "holiday_declared": Text(
        kind="session_cancelled",
        title=gettext_noop("No classes: %(name)s"),
        body=gettext_noop("Sessions from %(first_day)s to %(last_day)s do not take place."),
        sample={"name": "Harvest festival", "first_day": "2026-10-05", "last_day": "2026-10-06"},
    ),
    "holiday_lifted": Text(
        kind="session_moved",
        title=gettext_noop("Classes take place after all: %(name)s"),
        body=gettext_noop("Sessions from %(first_day)s to %(last_day)s are back in your schedule."),
        sample={"name": "Harvest festival", "first_day": "2026-10-05", "last_day": "2026-10-06"},
    ),
    "device_reset": Text(
        kind="device_reset",
        title=gettext_noop("Your device was released"),
        body=gettext_noop(
            "%(device)s is no longer bound to you for check-ins; you can bind another one. If you "
            "did not ask for this, tell the office and change your password."
        ),
        sample={"device": "Pixel 9"},
    ),
    "device_rebind_requested": Text(
        kind="device_reset",
        title=gettext_noop("Somebody asks to replace your device"),
        body=gettext_noop(
            "From %(when)s on another device can be bound for check-ins instead of %(device)s. If "
            "that was not you, keep your device in the app and change your password."
        ),
        sample={"device": "Pixel 9", "when": "2026-09-16 10:00"},
    ),
    "device_replaced": Text(
        kind="device_reset",
        title=gettext_noop("Another device is bound to you"),
        body=gettext_noop(
            "%(device)s was bound for check-ins, and the one before was released. If that was not "
            "you, tell the office and change your password."
        ),
        sample={"device": "Pixel 9"},
    ),
    "device_replaced_by_passkey": Text(
        kind="device_reset",
        title=gettext_noop("A passkey of yours bound another device"),
        body=gettext_noop(
            "%(device)s was bound for check-ins at once, and the one before was released. If that "
            "was not you, remove your passkeys, change your password and tell the office."
        ),
        sample={"device": "Pixel 9"},
    ),
    "password_changed": Text(
        kind="account_security",
        title=gettext_noop("Your password was changed"),
        body=gettext_noop(
            "You were signed out everywhere. Passkeys, the bound device and your calendar's link "
            "stay. If that was not you, choose a new password at once, remove what is not yours, "
            "replace the link and tell the office."
        ),
    ),
    "invitation": Text(
        kind="invitation",
        title=gettext_noop("%(campus)s invites you"),
        body=gettext_noop(
            "%(campus)s knows nothing of you but this address. Accept, and you can sign in there "
            "with the account that you have. Decline, or do nothing, and nothing changes."
        ),
        sample={"campus": "North Campus"},
    ),
    "leave_requested": Text(
        kind="leave_requested",
        title=gettext_noop("%(student)s asks for leave"),
        body=gettext_noop("From %(first_day)s to %(last_day)s: %(reason)s"),
        sample={
            "student": "Ada Lovelace",
            "first_day": "2026-10-05",
            "last_day": "2026-10-06",
            "reason": "medical",
        },
    ),
    "leave_approved": Text(
        kind="leave_decided",
        title=gettext_noop("Your leave was approved"),
        body=gettext_noop("From %(first_day)s to %(last_day)s you are excused. %(answer)s"),
        sample={"first_day": "2026-10-05", "last_day": "2026-10-06", "answer": "Get well soon."},
    ),
    "leave_declined": Text(
        kind="leave_decided",
        title=gettext_noop("Your leave was declined"),
        body=gettext_noop("From %(first_day)s to %(last_day)s you are not excused. %(answer)s"),
        sample={
            "first_day": "2026-10-05",
            "last_day": "2026-10-06",
            "answer": "Please add the certificate.",
        },
    ),
    "appeal_requested": Text(
        kind="appeal_requested",
        title=gettext_noop("%(student)s appeals in %(course)s"),
        body=gettext_noop("Session of %(when)s: %(reason)s"),
        sample={
            "student": "Ada Lovelace",
            "course": COURSE,
            "when": WHEN,
            "reason": "My phone was empty; I sat in the first row.",
        },
    ),
    "appeal_granted": Text(
        kind="appeal_decided",
        title=gettext_noop("Your appeal in %(course)s was granted"),
        body=gettext_noop("The register of %(when)s was corrected. %(answer)s"),
        sample={"course": COURSE, "when": WHEN, "answer": "I remember you."},
    ),
    "appeal_declined": Text(
        kind="appeal_decided",
        title=gettext_noop("Your appeal in %(course)s was declined"),
        body=gettext_noop("The register of %(when)s stays as it is. %(answer)s"),
        sample={"course": COURSE, "when": WHEN, "answer": "Nobody saw you there."},
    ),
    "check_in_accepted": Text(
        kind="check_in_decided",
        title=gettext_noop("Your check-in in %(course)s was accepted"),
        body=gettext_noop("It had waited for your lecturer. Session of %(when)s."),
        sample={"course": COURSE, "when": WHEN},
    ),
    "check_in_declined": Text(
        kind="check_in_decided",
        title=gettext_noop("Your check-in in %(course)s was not accepted"),
        body=gettext_noop("Session of %(when)s. If you were there, talk to your lecturer."),
        sample={"course": COURSE, "when": WHEN},
    ),
    "check_in_lapsed": Text(
        kind="check_in_decided",
        title=gettext_noop("Your check-in in %(course)s has lapsed"),
        body=gettext_noop(
            "Nobody confirmed it in time, so it does not count. Session of %(when)s."
        ),
        sample={"course": COURSE, "when": WHEN},
    ),
    "register_not_taken": Text(
        kind="register_not_taken",
        title=gettext_noop("The register of %(course)s was not taken"),
        body=gettext_noop("Nobody opened the session of %(when)s. Take it, or cancel it."),
        sample={"course": COURSE, "when": WHEN, "room": "101"},
    ),
    "session_closed_itself": Text(
        kind="session_closed_itself",
        title=gettext_noop("Your session of %(course)s closed by itself"),
        body=gettext_noop(
            "You left the session of %(when)s open. Students without a mark are absent now, or "
            "excused by an approved leave. Correct the register if that is wrong."
        ),
        sample={"course": COURSE, "when": WHEN, "room": "101"},
    ),
    "import_done": Text(
        kind="import_finished",
        title=gettext_noop("%(file)s was imported"),
        body=gettext_noop("New: %(new)s, changed: %(changed)s, wrong: %(wrong)s."),
        sample={"file": "students.xlsx", "new": 3987, "changed": 12, "wrong": 1},
    ),
    "import_checked": Text(
        kind="import_finished",
        title=gettext_noop("%(file)s was checked"),
        body=gettext_noop(
            "New: %(new)s, changed: %(changed)s, wrong: %(wrong)s. Nothing is saved before you say "
            "so."
        ),
        sample={"file": "students.xlsx", "new": 3987, "changed": 12, "wrong": 1},
    ),
    "import_asks": Text(
        kind="import_finished",
        title=gettext_noop("%(file)s leaves something open"),
        body=gettext_noop("Questions: %(questions)s. Nothing is saved before they are answered."),
        sample={"file": "students.xlsx", "questions": 2},
    ),
    "import_failed": Text(
        kind="import_finished",
        title=gettext_noop("%(file)s could not be imported"),
        body=gettext_noop("%(problem)s"),
        sample={"file": "students.xlsx", "problem": "This is no spreadsheet."},
    ),
    "reading_waits": Text(
        kind="reading_waits",
        title=gettext_noop("%(source)s was read, and waits for you"),
        body=gettext_noop(
            "%(leaving)s would go, more than is saved without asking, or it is the first reading. "
            "Nothing was changed. Look at it in the administration, and save or leave it."
        ),
        sample={"source": "Timetable of the registrar", "leaving": 310},
    ),
    "test": Text(
        kind="test",
        title=gettext_noop("Test message"),
        body=gettext_noop("If you can read this, the way to you works."),
    ),
}
