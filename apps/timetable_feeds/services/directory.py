"""What names in a feed mean here: courses, rooms and lecturers of the campus, by the feed's own
codes, by what they are called here, and by what the feed said before."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from django.utils.translation import gettext as _

from apps.accounts.models import Faculty
from apps.classrooms.models import Classroom
from apps.enrollments.models import Course
from apps.timetable_feeds.models import FeedCode, FeedMeeting, TimetableFeed
from apps.timetable_feeds.reading.rows import FeedRow
from apps.timetable_feeds.selectors import courses_of_others

Kind = FeedCode.Kind
NAMED: Final = 3  # choices that a sentence names


class Misfit(Exception):
    """A row that fits nothing here: the value, and why."""

    def __init__(self, value: str, reason: str) -> None:
        super().__init__(reason)
        self.value, self.reason = value, reason


def plain(text: str) -> str:
    """Letters and digits alone, small: CS 201-A is cs201a."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return "".join(sign for sign in text if sign.isalnum())


def code_of(row: FeedRow) -> str:
    """What the feed calls the course of a row, with its classes."""
    sections = row.sections or ("",)
    return " + ".join(f"{row.course} {section}".strip() for section in sections)[:400]


class Directory:
    """The campus as a feed sees it. Six statements."""

    def __init__(self, feed: TimetableFeed) -> None:
        self.feed = feed
        self.codes = {(code.kind, code.theirs.casefold()): code.ours for code in feed.codes.all()}
        self._read_courses()
        self._read_places()
        self.others = courses_of_others(feed)
        self._read_memory()

    def _read_courses(self) -> None:
        self.by_code: dict[str, Course] = {}
        self.by_plain: dict[str, list[Course]] = defaultdict(list)
        self.by_subject: dict[str, list[Course]] = defaultdict(list)
        related = ("term", "subject", "faculty", "section__department", "classroom__building")
        courses = Course.objects.filter(term=self.feed.term, is_active=True)
        for course in courses.select_related(*related).order_by("code", "pk"):
            self.by_code[course.code.casefold()] = course
            self.by_plain[plain(course.code)].append(course)
            for name in {plain(course.subject.code), plain(course.subject.name)}:
                self.by_subject[name].append(course)
        self.longest = max((len(code.split()) for code in self.by_code), default=1)

    def _read_places(self) -> None:
        self.rooms: dict[str, list[Classroom]] = defaultdict(list)
        for room in Classroom.objects.filter(is_active=True).select_related("building"):
            for name in {str(room).casefold(), room.room_number.casefold(), plain(str(room))}:
                self.rooms[name].append(room)
        self.teachers: dict[str, list[Faculty]] = defaultdict(list)
        for person in Faculty.objects.filter(is_active=True):
            for name in {person.code.casefold(), person.full_name.casefold(), plain(person.code)}:
                self.teachers[name].append(person)

    def _read_memory(self) -> None:
        """By key and by name of the feed, the one course that it was so far."""
        self.by_key: dict[str, set[Course]] = defaultdict(set)
        self.by_name: dict[str, set[Course]] = defaultdict(set)
        known = {course.pk: course for course in self.by_code.values()}
        said = FeedMeeting.objects.filter(feed=self.feed).order_by().distinct()
        for key, called, course_id in said.values_list("key", "called", "course_id"):
            if course_id in known:
                self.by_key[key].add(known[course_id])
                self.by_name[called].add(known[course_id])

    # --- Courses -----------------------------------------------------------------------------

    def courses(self, row: FeedRow) -> tuple[tuple[Course, ...], bool]:
        """The courses of a row, the leading one first, and whether they are all of them.

        A name that nothing here has is the course that the feed meant by this key, or by this
        name, before: a class that has another code there keeps its history.
        """
        try:
            found = self._said(row)
        except Misfit:
            known = self.by_key.get(row.key) or self.by_name.get(code_of(row)) or set()
            if len(known) != 1:
                raise
            return tuple(known), False
        other = next((course for course in found if course.pk in self.others), None)
        if other is not None:
            reason = _("%(course)s is planned by the feed %(feed)s")
            values = {"course": other.code, "feed": self.others[other.pk]}
            raise Misfit(code_of(row), reason % values)
        self._refuse_unlike(found, row)
        return found, True

    def _said(self, row: FeedRow) -> tuple[Course, ...]:
        found: list[Course] = []
        for section in row.sections or ("",):
            if row.moments and not section:
                found += self._by_summary(row)
            else:
                found += self._one(row, section)
        return tuple(sorted(dict.fromkeys(found), key=lambda course: course.code))

    @staticmethod
    def _refuse_unlike(courses: Sequence[Course], row: FeedRow) -> None:
        if len({course.faculty_id for course in courses}) > 1:
            names = ", ".join(course.code for course in courses[:NAMED])
            reason = _("courses of different lecturers do not meet as one: %(courses)s")
            raise Misfit(code_of(row), reason % {"courses": names})

    def _one(self, row: FeedRow, section: str) -> list[Course]:
        names = [name for name in (row.course, *row.also_called) if name]
        for name in names:
            coded = self._coded(f"{name} {section}".strip()) or self._coded(name)
            if coded:
                return coded
        for name in names:
            if course := self._named(name, section):
                return [course]
        return [self._of_subject(row, names, section)]

    def _coded(self, name: str) -> list[Course]:
        """By the feed's own codes; nothing where it has none for this name."""
        ours = self.codes.get((Kind.COURSE, name.casefold()), "")
        found = []
        for code in filter(None, (part.strip() for part in ours.split(","))):
            course = self.by_code.get(code.casefold())
            if course is None:
                reason = _("the feed's codes lead to %(code)s, which this term does not have")
                raise Misfit(name, reason % {"code": code})
            found.append(course)
        return found

    def _named(self, name: str, section: str) -> Course | None:
        for code in (f"{name}-{section}", f"{name} {section}", name) if section else (name,):
            if course := self.by_code.get(code.casefold()):
                return course
        for code in (f"{name}{section}", name):
            hits = self.by_plain.get(plain(code), [])
            if len(hits) == 1:
                return hits[0]
        return None

    def _of_subject(self, row: FeedRow, names: Iterable[str], section: str) -> Course:
        """The one course of that subject which the class, and then the lecturer, leave."""
        hits = next((self.by_subject[plain(n)] for n in names if plain(n) in self.by_subject), [])
        if section:
            hits = [course for course in hits if _is_section(course, section)]
        if len(hits) > 1 and row.teachers:
            people = {person.pk for name in row.teachers for person in self._people(name)}
            hits = [course for course in hits if course.faculty_id in people]
        if len(hits) == 1:
            return hits[0]
        value = f"{row.course} {section}".strip()
        if hits:
            codes = ", ".join(course.code for course in hits[:NAMED])
            raise Misfit(value, _("may mean several courses: %(codes)s") % {"codes": codes})
        message = _("no course of term %(term)s is like this")
        raise Misfit(value, message % {"term": self.feed.term})

    def _by_summary(self, row: FeedRow) -> list[Course]:
        """ "CS201-A + CS201-B Algorithms" names two; the whole may stand in the feed's codes."""
        coded = self._coded(row.course)
        if coded:
            return coded
        found: list[Course] = []
        rest = row.course
        while rest:
            words = rest.split()
            for number in range(min(self.longest, len(words)), 0, -1):
                name = " ".join(words[:number]).rstrip(":,;")
                if course := self.by_code.get(name.casefold()):
                    found.append(course)
                    break
            else:
                break
            following = words[number:]
            rest = " ".join(following[1:]) if following[:1] == ["+"] else ""
        return found or self._one(row, "")

    # --- Rooms and lecturers -----------------------------------------------------------------

    def room(self, row: FeedRow) -> Classroom | None:
        """The first room that is known; None where the row names none."""
        if not row.rooms:
            return None
        for name in row.rooms:
            name = self.codes.get((Kind.ROOM, name.casefold()), name)
            hits = self.rooms.get(name.casefold()) or self.rooms.get(plain(name), [])
            if len(hits) == 1:
                return hits[0]
            if hits:
                raise Misfit(name, _("several buildings have this room: add the building"))
        raise Misfit(", ".join(row.rooms), _("there is no such room"))

    def teacher(self, row: FeedRow, course: Course) -> Faculty | None:
        """The course's own lecturer, where named among others; None where the row names nobody."""
        if not row.teachers:
            return None
        found = [hits[0] for name in row.teachers if len(hits := self._people(name)) == 1]
        if not found:
            raise Misfit(", ".join(row.teachers), _("there is no such lecturer"))
        return next((one for one in found if one.pk == course.faculty_id), found[0])

    def _people(self, name: str) -> list[Faculty]:
        name = self.codes.get((Kind.TEACHER, name.casefold()), name)
        return self.teachers.get(name.casefold()) or self.teachers.get(plain(name), [])


def _is_section(course: Course, name: str) -> bool:
    """ "A", "2A", "2.A", "CSE-2A" are all section A of year 2 in CSE."""
    section = course.section
    if section is None:
        return False
    spellings = (section.name, f"{section.year}{section.name}", str(section))
    return plain(name) in map(plain, spellings)
