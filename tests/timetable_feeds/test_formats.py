"""Files as each program writes them, read without a database; and files that mean harm."""

import time
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from apps.timetable_feeds.reading import asc, fet, ical, unitime, untis
from apps.timetable_feeds.reading.child import answer_to
from apps.timetable_feeds.reading.reader import FileProblem, read_file
from apps.timetable_feeds.reading.rows import FeedRow, FileRows, Options, Unreadable
from tests.timetable_feeds.support import Event, Lesson
from tests.timetable_feeds.support import fet as fet_file
from tests.timetable_feeds.support import ical as ical_file

FIRST, LAST = date(2026, 9, 1), date(2026, 9, 30)
GIVEN: dict[str, Any] = {"first": "2026-09-01", "last": "2026-09-30", "zone": "Europe/Berlin"}
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
ENTITIES = (
    '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>'
)
OUTSIDE = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


def options(**fields: Any) -> Options:
    return Options(first=FIRST, last=LAST, zone="Europe/Berlin", **fields)


def when(row: FeedRow) -> tuple[int, str, str]:
    return row.weekday, row.starts, row.ends


def codes(found: FileRows) -> list[tuple[str, str]]:
    return [(one.code, one.value) for one in found.troubles]


def said(read: Callable[[bytes, Options], FileRows], data: bytes) -> str:
    with pytest.raises(Unreadable) as refused:
        read(data, options())
    return refused.value.code


# --- FET -------------------------------------------------------------------------------------


def test_a_solved_file_of_fet() -> None:
    found = fet.read(fet_file(Lesson(), Lesson("2", "Donnerstag", "08:00", room="")), options())
    first, second = found.rows
    assert (first.key, first.course, first.sections, first.teachers, first.rooms) == (
        *("1", "CS201", ("2A",), ("LECT",), ("101",)),
    )
    assert [when(first), when(second)] == [(1, "10:00", "11:00"), (4, "08:00", "09:00")]
    assert second.rooms == ()


def test_lessons_of_several_hours_and_classes_in_real_rooms() -> None:
    data = fet_file(Lesson(hour="13:00"))
    data = data.replace(b"<Duration>1<", b"<Duration>2<")
    data = data.replace(b"</Students>", b"</Students><Students>2B</Students>")
    data = data.replace(b"<Room>101</Room>", b"<Room>V</Room><Real_Room>101</Real_Room>")
    row = fet.read(data, options()).rows[0]
    assert (when(row), row.sections, row.rooms) == (
        (1, "13:00", "15:00"),
        ("2A", "2B"),
        ("101",),
    )


def test_what_fet_has_not_placed_or_only_wishes_has_no_time() -> None:
    wish = fet_file(Lesson()).replace(b"<Weight_Percentage>100<", b"<Weight_Percentage>95<", 1)
    assert codes(fet.read(wish, options())) == [("not_placed", "CS201")]
    inactive = fet_file(Lesson()).replace(b"<Active>true<", b"<Active>false<", 1)
    assert fet.read(inactive, options()) == FileRows()


def test_names_of_days_and_hours_by_the_feeds_codes() -> None:
    data = fet_file(Lesson(day="D1", hour="first"))
    data = data.replace(b"<Name>08:00</Name>", b"<Name>first</Name>")
    assert codes(fet.read(data, options())) == [("unknown_day", "D1 first")]
    known = options(days={"d1": 2}, periods={"first": ("07:45", "08:30")})
    assert when(fet.read(data, known).rows[0]) == (2, "07:45", "08:30")


def test_fets_timetable_as_csv() -> None:
    head = '"Activity Id","Day","Hour","Students Sets","Subject","Teachers","Activity Tags","Room"'
    lines = [
        head,
        '7,"Monday","08:00 - 08:45","2A+2B","CS201","LECT+OUTS","","101"',
        '7,"Monday","08:50 - 09:35","2A+2B","CS201","LECT+OUTS","","101"',
        '8,"","","2A","CS305","OUTS","",""',
        '9,"Monday","later","2A","CS305","OUTS","",""',
    ]
    found = fet.read("\n".join(lines).encode("utf-8-sig"), options())
    row = found.rows[0]
    assert (row.key, when(row), row.sections) == ("7", (1, "08:00", "09:35"), ("2A", "2B"))
    assert row.teachers == ("LECT", "OUTS")
    assert codes(found) == [("not_placed", "CS305"), ("unknown_time", "Monday later")]


def test_files_of_fet_that_do_not_say_what() -> None:
    alone = "<Activities_Timetable><Activity><Id>1</Id></Activity></Activities_Timetable>"
    assert said(fet.read, (XML + alone).encode()) == "fet_without_lessons"
    assert said(fet.read, b"code,name\n1,2\n") == "fet_no_csv"
    within = fet_file(Lesson(day="Friday"))
    placed = (
        b"<Timetable><Activities_Timetable><Activity><Id>1</Id><Day>Tuesday</Day>"
        b"<Hour>11:00</Hour><Room>202</Room></Activity></Activities_Timetable></Timetable></fet>"
    )
    row = fet.read(within.replace(b"</fet>", placed), options()).rows[0]
    assert (when(row), row.rooms) == ((2, "11:00", "12:00"), ("202",))


# --- aSc Timetables --------------------------------------------------------------------------


def asc_file(cards: str, *, lesson: str = "", periods: str = "") -> bytes:
    return (
        '<?xml version="1.0" encoding="windows-1252"?>\n'
        '<timetable ascttversion="2024.12.1" importtype="database" '
        'options="idprefix:X,daynumbering1" defaultexport="1">\n'
        '<periods options="canadd" columns="period,name,short,starttime,endtime">'
        + (
            periods
            or '<period name="1" short="1" period="1" starttime="7:45" endtime="8:30"/>'
            '<period name="2" short="2" period="2" starttime="8:35" endtime="9:20"/>'
        )
        + '</periods><subjects columns="id,name,short">'
        '<subject id="S1" name="Algorithms" short="CS201"/></subjects>'
        '<teachers columns="id,name,short"><teacher id="T1" name="Müller" short="LECT"/></teachers>'
        '<classrooms columns="id,name,short"><classroom id="R1" name="Room" short="101"/>'
        '</classrooms><classes columns="id,name,short"><class id="C1" name="2A" short="2A"/>'
        '<class id="C2" name="2B" short=""/></classes>'
        '<groups columns="id,name,classid,entireclass">'
        '<group id="G1" name="Entire class" classid="C1" entireclass="1"/>'
        '<group id="G2" name="Group 1" classid="C2" entireclass="0"/></groups>'
        '<lessons columns="id,classids,subjectid,periodspercard,teacherids,groupids">'
        + (
            lesson
            or '<lesson id="L1" classids="C1,C2" subjectid="S1" teacherids="T1" groupids="G1,G2" '
            'periodspercard="2.0" classroomids=""/>'
        )
        + '</lessons><cards columns="lessonid,period,days,weeks,terms,classroomids">'
        + cards
        + "</cards></timetable>"
    ).encode("windows-1252")


def test_cards_of_asc_timetables() -> None:
    data = asc_file(
        '<card lessonid="L1" classroomids="R1" period="1" weeks="10" terms="1" days="01000"/>'
        '<card lessonid="L1" classroomids="" period="" weeks="1" terms="1" days=""/>'
        '<card lessonid="none" classroomids="" period="1" weeks="1" terms="1" days="1"/>'
    )
    found = asc.read(data, options())
    row = found.rows[0]
    assert (row.key, when(row), row.cycle) == ("L1", (2, "07:45", "09:20"), "10")
    assert (row.course, row.also_called, row.sections) == (
        *("CS201", ("Algorithms",), ("2A", "2B Group 1")),
    )
    assert (row.teachers, row.rooms) == (("LECT",), ("101",))
    assert codes(found) == [("not_placed", "CS201"), ("no_lesson", "none")]


def test_weeks_that_begin_on_sunday_old_days_and_terms() -> None:
    card = '<card lessonid="L1" classroomids="R1" period="1" {}/>'
    sunday = options(first_weekday=7)
    days = asc.read(asc_file(card.format('days="11000"')), sunday).rows
    assert [row.weekday for row in days] == [7, 1]
    assert asc.read(asc_file(card.format('day="2"')), options()).rows[0].weekday == 3
    second = asc_file(card.format('days="1" terms="01"'))
    assert asc.read(second, options()).rows == []
    assert len(asc.read(second, options(term=2)).rows) == 1


def test_periods_without_times_need_the_feeds_codes() -> None:
    data = asc_file(
        '<card lessonid="L1" period="1" days="1"/>',
        periods='<period name="1" period="1"/><period name="2" period="2"/>',
    )
    assert codes(asc.read(data, options())) == [("unknown_time", "1")]
    known = options(periods={"1": ("08:00", "08:45"), "2": ("08:45", "09:30")})
    assert when(asc.read(data, known).rows[0]) == (1, "08:00", "09:30")


def test_a_file_of_asc_without_cards_is_no_timetable() -> None:
    assert said(asc.read, asc_file("")) == "asc_no_cards"


# --- Untis -----------------------------------------------------------------------------------

PERIODS = {str(n): (f"{7 + n:02}:00", f"{7 + n:02}:45") for n in range(1, 7)}


def test_gpu001() -> None:
    """Two periods are one meeting, two classes one lesson; after a long break it is another."""
    text = (
        '7,"2A","LECT","CS201","101",1,1,,\r\n7,"2B","LECT","CS201","101",1,1,,\r\n'
        '7,"2A","LECT","CS201","101",1,2,,\r\n7,"2A","LECT","CS201","101",1,5,,\r\n'
        '8,"Jä","OUTS","CS305","",5,3,,\r\n9,"2A","","X","",0,0,,\r\n9,"2A","","X","",1,9,,\r\n'
    )
    for data, separator in ((text, ","), (text.replace(",", ";"), ";")):
        for coding in ("utf-8-sig", "cp1252"):
            found = untis.read(data.encode(coding), options(periods=PERIODS))
            assert [(row.key, *when(row)) for row in found.rows] == [
                ("7", 1, "08:00", "09:45"),
                ("7", 1, "12:00", "12:45"),
                ("8", 5, "10:00", "10:45"),
            ], separator
            assert found.rows[0].sections == ("2A", "2B")
            assert found.rows[2].sections == ("Jä",)
            assert codes(found) == [("not_placed", "X"), ("unknown_time", "9")]


def test_gpu001_needs_the_times_of_its_periods() -> None:
    found = untis.read(b'7,"2A","LECT","CS201","101",1,1,,\n', options())
    assert (found.rows, codes(found)) == ([], [("unknown_time", "1")])
    assert found.troubles[0].key == "7"
    assert said(untis.read, b"Monday,8:00,CS201\n") == "untis_no_lines"


def untis_file(times: str, more: str = "") -> bytes:
    return (
        XML + '<document xmlns="https://untis.at/untis/XmlInterface"><general>'
        "<schoolyearbegindate>20260901</schoolyearbegindate>"
        "<schoolyearenddate>20270131</schoolyearenddate></general><lessons>"
        '<lesson id="LS_700"><periods>2</periods><lesson_subject id="SU_CS201"/>'
        '<lesson_teacher id="TR_LECT"/><lesson_classes id="CL_2 A CL_2B"/>'
        "<effectivebegindate>20260907</effectivebegindate>"
        f"<effectiveenddate>20261031</effectiveenddate>{more}<times>{times}</times></lesson>"
        "</lessons></document>"
    ).encode()


def test_the_xml_file_of_untis() -> None:
    time_of = (
        "<time><assigned_day>{}</assigned_day><assigned_period>1</assigned_period>"
        "<assigned_starttime>{}</assigned_starttime><assigned_endtime>{}</assigned_endtime>"
        '<assigned_room id="RM_101"/></time>'
    )
    times = time_of.format(1, "0800", "0845") + time_of.format(1, "0850", "0935")
    found = untis.read(untis_file(times), options())
    row = found.rows[0]
    assert (row.key, when(row), row.first, row.last) == (
        *("700", (1, "08:00", "09:35"), "2026-09-07", "2026-10-31"),
    )
    assert (row.sections, row.teachers, row.rooms) == (("2 A", "2B"), ("LECT",), ("101",))
    assert found.period == ("2026-09-01", "2027-01-31")
    days = "<occurence>11111FF0111100FF1</occurence>"
    by_days = untis.read(untis_file(times, days), options()).rows[0]
    assert (by_days.weekday, by_days.dates) == (0, ("2026-09-07",))
    untimed = untis_file("<time><assigned_day>2</assigned_day></time>")
    assert codes(untis.read(untimed, options())) == [("unknown_time", "")]


# --- UniTime ---------------------------------------------------------------------------------


def unitime_file(content: str, root: str = 'dateFormat="yyyy/M/d" timeFormat="HHmm"') -> bytes:
    return (
        f'{XML}<!DOCTYPE timetable PUBLIC "-//UniTime//DTD University Course Timetabling/EN" '
        '"http://www.unitime.org/interface/CourseTimetable.dtd">\n'
        f'<timetable action="update" campus="North" year="2026" term="Fal" {root}>'
        f"{content}</timetable>"
    ).encode()


UNITIME_CLASS = (
    '<class id="88" subject="CS" courseNbr="201" type="Lec" suffix="A">{}'
    '<room building="Main" roomNbr="101"/><instructor id="X" share="0.2"/>'
    '<instructor id="LECT" share="0.8" lead="true"/></class>'
)


def test_the_course_timetable_of_unitime() -> None:
    content = UNITIME_CLASS.format(
        '<date startDate="2026/9/1" endDate="2026/12/1"/>'
        '<time days="MTh" startTime="0930" endTime="1020"/>'
    )
    found = unitime.read(unitime_file(content), options())
    first, second = found.rows
    assert [when(first), when(second)] == [(1, "09:30", "10:20"), (4, "09:30", "10:20")]
    assert (first.key, first.course, first.sections) == ("88", "CS 201", ("A",))
    assert (first.teachers, first.rooms) == (("LECT", "X"), ("Main 101",))
    assert (first.first, first.last) == ("2026-09-01", "2026-12-01")


def test_unitimes_older_dates_and_what_has_no_time() -> None:
    spring = UNITIME_CLASS.format(
        '<date startDate="11/30" endDate="01/15"/><time days="SSu" startTime="730" endTime="820"/>'
    )
    row = unitime.read(unitime_file(spring, ""), options()).rows[1]
    assert (row.weekday, row.first, row.last) == (7, "2026-11-30", "2027-01-15")
    arranged = UNITIME_CLASS.format('<arrangeTime minPerWeek="100"/>')
    assert codes(unitime.read(unitime_file(arranged), options())) == [("not_placed", "CS 201 A")]
    for part, code in (
        ('<time days="XY" startTime="0930" endTime="1020"/>', "unknown_day"),
        ('<time days="M" startTime="later" endTime="1020"/>', "unknown_time"),
        (
            '<date startDate="1 Sep" endDate="2 Sep"/><time days="M" startTime="9:30" '
            'endTime="1020"/>',
            "unknown_date",
        ),
    ):
        found = unitime.read(unitime_file(UNITIME_CLASS.format(part)), options())
        assert [one.code for one in found.troubles] == [code]
        assert found.troubles[0].key == "88"


# --- iCalendar -------------------------------------------------------------------------------


def test_events_and_their_recurrences() -> None:
    data = ical_file(
        Event(
            "a",
            "20260907T100000",
            more=("RRULE:FREQ=WEEKLY", "EXDATE;TZID=Europe/Berlin:20260914T100000"),
        ),
        Event(
            "a",
            "20260923T140000",
            location="",
            more=("RECURRENCE-ID;TZID=Europe/Berlin:20260921T100000",),
        ),
        Event("b", "20260903T100000"),
        Event("c", "20260904T100000", more=("STATUS:CANCELLED",)),
        Event("d", "20251201T100000"),
    )
    found = ical.read(data, options())
    rows = [(row.key, row.moments[0][5:16], row.original, row.rooms) for row in found.rows]
    assert sorted(rows, key=lambda row: row[1]) == [
        ("b", "09-03T08:00", "", ("Main 101",)),
        ("a", "09-07T08:00", "2026-09-07", ("Main 101",)),
        ("a", "09-23T12:00", "2026-09-21", ()),
        ("a", "09-28T08:00", "2026-09-28", ("Main 101",)),
    ]
    assert found.troubles == []


def test_times_without_a_zone_are_the_campuss() -> None:
    data = ical_file(Event("a", "20260907T100000")).replace(b";TZID=Europe/Berlin", b"")
    assert ical.read(data, options()).rows[0].moments[0] == "2026-09-07T08:00:00+00:00"
    in_utc = data.replace(b"T100000", b"T100000Z").replace(b"T110000", b"T110000Z")
    assert ical.read(in_utc, options()).rows[0].moments[0] == "2026-09-07T10:00:00+00:00"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("RRULE:FREQ=SECONDLY", "bad_recurrence"),
        ("RRULE:FREQ=MINUTELY;INTERVAL=1", "bad_recurrence"),
        ("RRULE:FREQ=HOURLY", "bad_recurrence"),
        ("RRULE:FREQ=DAILY;BYHOUR=0,1,2;BYMINUTE=0,1;BYSECOND=0,1", "bad_recurrence"),
        ("RRULE:FREQ=NEVER", "bad_recurrence"),
        ("RRULE:FREQ=WEEKLY;INTERVAL=0", "bad_recurrence"),
        ("RRULE:FREQ=WEEKLY;INTERVAL=-1", "bad_recurrence"),
        ("RRULE:FREQ=WEEKLY;INTERVAL=99999999999", "bad_recurrence"),
        ("RRULE:FREQ=WEEKLY;BYSETPOS=0", "bad_recurrence"),
        ("RRULE:RSCALE=HEBREW;FREQ=WEEKLY", "bad_recurrence"),
        ("RRULE:nonsense", "bad_recurrence"),
        (
            "RDATE:" + ",".join(f"2026{1 + n // 28:02}{1 + n % 28:02}T000000Z" for n in range(300))
            + "," + ",".join(f"2026{1 + n // 28:02}{1 + n % 28:02}T010000Z" for n in range(300))
            + "," + ",".join(f"2026{1 + n // 28:02}{1 + n % 28:02}T020000Z" for n in range(300))
            + "," + ",".join(f"2026{1 + n // 28:02}{1 + n % 28:02}T030000Z" for n in range(300)),
            "bad_recurrence",
        ),
    ],
)  # fmt: skip
def test_recurrences_within_a_day_or_without_measure_are_left_out(line: str, code: str) -> None:
    data = ical_file(Event("bad", "20260907T100000", more=(line,)), Event("b", "20260903T100000"))
    found = ical.read(data, options())
    assert [row.key for row in found.rows] == ["b"]
    assert [(one.code, one.key) for one in found.troubles] == [(code, "bad")]


def test_events_that_are_no_lessons() -> None:
    data = ical_file(
        Event("long", "20260907T100000", hours=30),
        Event("broken", "20260907T100000"),
        Event("day", "20260907T100000"),
        Event("", "20260907T100000", "nameless"),
    )
    data = data.replace(
        b"UID:broken\r\nDTSTAMP:20260901T000000Z\r\nDTSTART;TZID=Europe/Berlin:20260907T100000",
        b"UID:broken\r\nDTSTART:nonsense",
    )
    data = data.replace(
        b"UID:day\r\nDTSTAMP:20260901T000000Z\r\nDTSTART;TZID=Europe/Berlin:20260907T100000\r\n"
        b"DTEND;TZID=Europe/Berlin:20260907T110000",
        b"UID:day\r\nDTSTART;VALUE=DATE:20260907",
    )
    found = ical.read(data, options())
    assert found.rows == []
    assert sorted(one.code for one in found.troubles) == [
        *("bad_length", "no_event", "no_event", "whole_day"),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        b"<html>Sign in</html>",
        b"\x00\xff\xfe\x00",
        b"BEGIN:VEVENT\r\nUID:1\r\nEND:VEVENT\r\n",
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n",
        b"END:VCALENDAR\r\n",
    ],
)
def test_what_is_no_calendar(data: bytes) -> None:
    assert said(ical.read, data) == "no_ical"


def test_an_endless_series_in_a_thousand_years_is_only_the_days_that_are_covered() -> None:
    old = Event("a", "19000101T100000", more=("RRULE:FREQ=DAILY",))
    began = time.monotonic()
    found = ical.read(ical_file(old), options())
    assert len(found.rows) == 30
    assert time.monotonic() - began < 10


# --- Harm ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["fet", "asc", "untis", "unitime"])
@pytest.mark.parametrize("declared", [ENTITIES, OUTSIDE])
def test_entities_are_not_read(kind: str, declared: str) -> None:
    data = f"{XML}{declared}<timetable>&a;</timetable>".encode()
    assert answer_to(kind, data, dict(GIVEN)) == {"error": "xml_entities", "value": ""}


@pytest.mark.parametrize("kind", ["fet", "asc", "untis", "unitime"])
@pytest.mark.parametrize(
    "data",
    [
        b"<a><b></a>",
        b"<?xml version='1.0' encoding='no-such-coding'?><a/>",
        b"<?xml version='1.0' encoding='UTF-8'?><timetable>\xff\xfe</timetable>",
        b"<a>" * 5000 + b"</a>" * 5000,
        b"<timetable>" + b"<class>" * 200 + b"</class>" * 200 + b"</timetable>",
        b"<html/>",
    ],
)
def test_broken_xml_is_one_answer(kind: str, data: bytes) -> None:
    found = answer_to(kind, data, dict(GIVEN))
    assert found["error"] in ("no_xml", "other_xml")


@pytest.mark.parametrize("kind", ["ical", "fet", "asc", "untis", "unitime"])
def test_each_kind_is_read_in_a_process_of_its_own(kind: str) -> None:
    with pytest.raises(FileProblem):
        read_file(kind, b"\x00\x01 nonsense", dict(GIVEN))


def test_rows_come_back_as_they_were() -> None:
    found = read_file("fet", fet_file(Lesson()), dict(GIVEN))
    assert found.rows == fet.read(fet_file(Lesson()), options()).rows
    found = read_file("untis", untis_file("", ""), dict(GIVEN))
    assert found.period == ("2026-09-01", "2027-01-31")


def test_a_file_that_keeps_its_process_busy_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that never comes true is looked for until the year 9999."""
    monkeypatch.setattr("apps.timetable_feeds.reading.reader.SECONDS", 1)
    never = ("RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",)
    data = ical_file(*(Event(str(n), "20200101T100000", more=never) for n in range(300)))
    began = time.monotonic()
    with pytest.raises(FileProblem, match="far too much"):
        read_file("ical", data, dict(GIVEN))
    assert time.monotonic() - began < 5


def test_a_file_that_takes_all_memory_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.timetable_feeds.reading.reader.MEMORY", 150 << 20)
    data = b"<timetable>" + b"<card/>" * 3_000_000 + b"</timetable>"
    with pytest.raises(FileProblem, match="far too much"):
        read_file("asc", data, dict(GIVEN))
