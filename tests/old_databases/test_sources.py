"""Reading sources: dumps of two databases, SQLite, and what somebody made up."""

import sqlite3
import subprocess
import tracemalloc
from pathlib import Path

import psycopg
import pytest
from django.db import connections
from psycopg.conninfo import make_conninfo

from apps.common.errors import Invalid
from apps.old_databases import OldData, OldRow, SourceLimits, source_open
from apps.processes.embedded.postgres import find_postgres
from tests.legacy.support import json_file, sqlite_file, text_file

MYSQL = r"""-- MySQL dump 10.13  Distrib 8.0.36
/*!40101 SET NAMES utf8mb4 */;
DROP TABLE IF EXISTS `students`;
CREATE TABLE `students` (
  `student_id` int NOT NULL AUTO_INCREMENT,
  `name` varchar(50) DEFAULT 'a,b);',
  `gpa` decimal(3,2) DEFAULT NULL,
  `photo` blob,
  PRIMARY KEY (`student_id`),
  UNIQUE KEY `name` (`name`),
  CONSTRAINT `c` CHECK ((`gpa` between 1 and 4))
) ENGINE=InnoDB;
LOCK TABLES `students` WRITE;
INSERT INTO `students` VALUES (1,'O\'Neill; -- \"x\"',3.50,_binary 'a\0b'),
(2,'it''s\nhere',NULL,0xFF00),
(-3,'); DROP TABLE students;',-1.5e3,NULL);
UNLOCK TABLES;
DELIMITER ;;
/*!50003 CREATE TRIGGER t AFTER INSERT ON students FOR EACH ROW BEGIN
INSERT INTO students VALUES (99,'never',NULL,NULL); END */;;
INSERT INTO `students` VALUES (98,'never',NULL,NULL);;
DELIMITER ;
INSERT INTO students (name, student_id) VALUES ('你好 😀', 4), (CONCAT('a','b'), 5), ('short');
INSERT INTO other.audit SELECT * FROM students;
"""
POSTGRESQL = r"""-- PostgreSQL database dump
SET client_encoding = 'UTF8';
CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN INSERT INTO student VALUES ('x'); END; $$;
CREATE TABLE public.student (
    id character varying(20) NOT NULL,
    name character varying(100) DEFAULT 'a;b'::character varying,
    "year" integer
);
COPY public.student (id, name, "year") FROM stdin;
N1	tab\there \\ and	2
N2	\N	3
N3	too few
\.
INSERT INTO public.student VALUES ('N4', E'it\'s', 1) ON CONFLICT DO NOTHING;
INSERT INTO public.student (id, name) VALUES ('N5', 'back\slash''s');
ALTER TABLE ONLY public.student ADD CONSTRAINT student_pkey PRIMARY KEY (id);
"""


def rows(old: OldData, table: str) -> list[OldRow]:
    return [row for _number, row in old.rows(table)]


def test_inserts_of_mysqldump_are_read_and_nothing_else(tmp_path: Path) -> None:
    with source_open(text_file(tmp_path / "dump.sql", MYSQL)) as old:
        found = rows(old, "students")
        assert old.columns("students") == ["student_id", "name", "gpa", "photo"]
        assert [row["student_id"] for row in found] == [1, 2, -3, 4, 5]
        assert found[0] == {
            "student_id": 1,
            "name": 'O\'Neill; -- "x"',
            "gpa": 3.5,
            "photo": b"a\0b",
        }
        assert (found[1]["name"], found[1]["photo"]) == ("it's\nhere", b"\xff\x00")
        assert (found[2]["name"], found[2]["gpa"]) == ("); DROP TABLE students;", -1500.0)
        assert (found[3]["name"], found[3]["gpa"]) == ("你好 😀", None)
        assert dict(old.notes) == {
            "row of students with another number of values than columns": 1,
            "value of students that is calculated": 1,
            "INSERT into audit that names no values": 1,
        }


def test_copy_and_insert_of_pg_dump_are_read(tmp_path: Path) -> None:
    with source_open(text_file(tmp_path / "dump.sql", POSTGRESQL)) as old:
        assert rows(old, "student") == [
            {"id": "N1", "name": "tab\there \\ and", "year": "2"},
            {"id": "N2", "name": None, "year": "3"},
            {"id": "N4", "name": "it's", "year": 1},
            {"id": "N5", "name": "back\\slash's", "year": None},
        ]
        assert old.notes.total() == 1


@pytest.mark.parametrize("size", [1, 7, 64])
def test_where_the_reader_stops_to_read_on_plays_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr("apps.old_databases.sql_tokens.CHUNK", size)
    with source_open(text_file(tmp_path / "a.sql", MYSQL)) as old:
        assert len(rows(old, "students")) == 5
        assert rows(old, "students")[0]["name"] == 'O\'Neill; -- "x"'
    with source_open(text_file(tmp_path / "b.sql", POSTGRESQL)) as old:
        assert [row["id"] for row in rows(old, "student")] == ["N1", "N2", "N4", "N5"]


def test_a_large_dump_is_read_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.old_databases.sql_tokens.CHUNK", 2**16)
    path = tmp_path / "large.sql"
    with path.open("w") as stream:
        stream.write("CREATE TABLE `t` (`id` int, `name` text);\n")
        for start in range(0, 20_000, 1000):
            values = ",".join(f"({n},'{'x' * 200}')" for n in range(start, start + 1000))
            stream.write(f"INSERT INTO `t` VALUES {values};\n")
    assert path.stat().st_size > 4_000_000
    tracemalloc.start()
    try:
        with source_open(path) as old:
            assert old.count("t") == 20_000
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_500_000


@pytest.mark.django_db  # for the server
def test_a_dump_in_the_own_format_of_postgresql_goes_through_pg_restore(tmp_path: Path) -> None:
    path = tmp_path / "ams.dump"
    found = connections["owner"].settings_dict
    address = {"host": found["HOST"], "port": found["PORT"], "dbname": found["NAME"]}
    address |= {"user": found["USER"], "password": found["PASSWORD"]}
    owner = psycopg.connect(make_conninfo(**address), autocommit=True)
    owner.execute("CREATE TABLE public.old_subject (subject_code text, subject_name text)")
    try:
        owner.execute("INSERT INTO public.old_subject VALUES ('CS201', E'Algo\\trithms')")
        command = ["--format=custom", "--table=public.old_subject", f"--file={path}"]
        program = str(find_postgres() / "pg_dump")
        subprocess.run([program, *command, f"--dbname={make_conninfo(**address)}"], check=True)
    finally:
        owner.execute("DROP TABLE public.old_subject")
        owner.close()
    with source_open(path) as old:
        assert rows(old, "old_subject") == [
            {"subject_code": "CS201", "subject_name": "Algo\trithms"}
        ]


def test_timestamps_of_mysqldump_are_in_utc(tmp_path: Path) -> None:
    """It says so once, at the top, and writes no zone beside them; DATETIME is what was typed."""
    dump = (
        "-- MySQL dump 10.13\n/*!40103 SET TIME_ZONE='+00:00' */;\n"
        "CREATE TABLE `t` (`timestamp` int, `a` timestamp NULL, `b` datetime);\n"
        "INSERT INTO `t` VALUES (1,'2026-08-10 07:00:00','2026-08-10 09:00:00'),(2,NULL,NULL);\n"
        "INSERT INTO `t` (`b`, `a`) VALUES (NULL,'2026-08-11 07:00:00');\n"
    )
    with source_open(text_file(tmp_path / "dump.sql", dump)) as old:
        assert [row["a"] for row in rows(old, "t")] == [
            *("2026-08-10 07:00:00+00:00", None, "2026-08-11 07:00:00+00:00")
        ]
        assert rows(old, "t")[0]["b"] == "2026-08-10 09:00:00"
        assert rows(old, "t")[0]["timestamp"] == 1
    with source_open(text_file(tmp_path / "dump.sql", dump.replace("+00:00", "SYSTEM"))) as old:
        assert rows(old, "t")[0]["a"] == "2026-08-10 07:00:00"


def test_a_dump_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    values = ",".join(f"({n},'{'x' * 200}')" for n in range(5000))
    dump = f"CREATE TABLE `t` (`id` int, `a` text); INSERT INTO `t` VALUES {values};"
    path = text_file(tmp_path / "dump.sql", dump)
    small = SourceLimits(tables=100_000, json=10)
    with pytest.raises(Invalid, match="more than there is room"), source_open(path, limits=small):
        pass
    short = SourceLimits(text=100_000)
    with pytest.raises(Invalid, match="more than there is room"), source_open(path, limits=short):
        pass
    path = json_file(tmp_path / "a.json", {"students": [{"id": 1}]})
    with pytest.raises(Invalid, match="of up to 0 MB"), source_open(path, limits=small):
        pass


def test_whoever_watches_stops_the_reading(tmp_path: Path) -> None:
    class StopIt(Exception):
        pass

    def stop() -> None:
        raise StopIt

    dump = text_file(tmp_path / "dump.sql", "CREATE TABLE `t` (`a` int);")
    with pytest.raises(StopIt), source_open(dump, watch=stop):
        pass
    rowed = sqlite_file(tmp_path / "a.db", "CREATE TABLE t (a);", t=[(n,) for n in range(3000)])
    with pytest.raises(StopIt), source_open(rowed, watch=stop) as old:
        rows(old, "t")


def test_a_folder_without_a_database_has_one_dump(tmp_path: Path) -> None:
    text_file(tmp_path / "dump.sql", "CREATE TABLE `t` (`a` int); INSERT INTO `t` VALUES (1);")
    with source_open(tmp_path) as old:
        assert (rows(old, "t"), old.folder) == ([{"a": 1}], tmp_path)


def test_an_endless_string_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.old_databases.sql_tokens.CHUNK", 100)
    monkeypatch.setattr("apps.old_databases.sql_tokens.LONGEST", 1000)
    path = text_file(tmp_path / "dump.sql", "INSERT INTO `t` VALUES ('" + "x" * 5000)
    with pytest.raises(Invalid, match="64 MB"), source_open(path):
        pass


def test_an_endless_value_of_a_sqlite_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.old_databases.opening.LONGEST", 1000)
    path = sqlite_file(tmp_path / "a.db", "CREATE TABLE t (a, b);", t=[(1, "x" * 5000)])
    with pytest.raises(Invalid, match="too big"), source_open(path) as old:
        rows(old, "t")


def test_bytes_that_are_no_text_stay_bytes(tmp_path: Path) -> None:
    path = tmp_path / "latin.sql"
    path.write_bytes(b"CREATE TABLE `t` (`a` text);\nINSERT INTO `t` VALUES ('M\xfcller');\n")
    with source_open(path) as old:
        assert rows(old, "t") == [{"a": b"M\xfcller"}]


def test_a_sqlite_file_is_only_read(tmp_path: Path) -> None:
    path = sqlite_file(tmp_path / "a.db", 'CREATE TABLE "odd ""name" (a);', **{'odd "name': []})
    before = path.read_bytes()
    with source_open(path) as old:
        assert old.tables == ['odd "name']
        with pytest.raises(Invalid):
            old.query("DELETE FROM sqlite_master")
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            old.connection.execute("CREATE TABLE b (c)")
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.sql", b""),
        ("noise.bin", b"\x00\x01\x02" * 100),
        ("cut.db", b"SQLite format 3\x00" + b"\x00" * 50),
        ("broken.json", b'{"students": ['),
        ("deep.json", b"[" * 100_000),
        ("list.json", b"[1, 2]"),
        ("cut.dump", b"PGDMP\x01\x0e\x00\x04\x08\x03"),
    ],
)
def test_what_is_no_source_is_refused_in_words(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(Invalid) as refused, source_open(path):
        pass
    assert refused.value.code in ("source_unreadable", "source_empty")


def test_a_missing_file_and_a_folder_with_two_databases_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid), source_open(tmp_path / "none.db"):
        pass
    for name in ("a.db", "b.db"):
        sqlite_file(tmp_path / name, "CREATE TABLE t (a);")
    with pytest.raises(Invalid, match="2 databases"), source_open(tmp_path):
        pass


def test_long_numbers_stay_as_their_digits(tmp_path: Path) -> None:
    digits = "9" * 5000
    dump = f"CREATE TABLE `t` (`a` int); INSERT INTO `t` VALUES ({digits}), (-12), (1e999);"
    with source_open(text_file(tmp_path / "a.sql", dump)) as old:
        assert [row["a"] for row in rows(old, "t")] == [digits, -12, float("inf")]


@pytest.mark.parametrize("name", ["", "\ud800", "a\0b", "x" * 300])
def test_names_that_are_none_are_refused(tmp_path: Path, name: str) -> None:
    for content in ({name: [{"a": 1}]}, {"students": [{name: 1}]}):
        with pytest.raises(Invalid), source_open(json_file(tmp_path / "a.json", content)):
            pass


def test_tables_without_row_ids_and_empty_records_are_rows_too(tmp_path: Path) -> None:
    schema = "CREATE TABLE t (a TEXT PRIMARY KEY) WITHOUT ROWID;"
    with source_open(sqlite_file(tmp_path / "a.db", schema, t=[("y",), ("x",)])) as old:
        assert [row["a"] for row in rows(old, "t")] == ["x", "y"]
    with source_open(json_file(tmp_path / "a.json", {"students": [{}, {"id": 1}]})) as old:
        assert rows(old, "students") == [{"_key": None, "id": None}, {"_key": None, "id": 1}]


def test_records_below_records_become_tables(tmp_path: Path) -> None:
    path = json_file(tmp_path / "a.json", {"students": {"7": {"name": "A", "marks": {"X": 5}}}})
    with source_open(path) as old:
        assert rows(old, "students") == [{"_key": "7", "name": "A"}]
        assert rows(old, "marks") == [{"student_id": "7", "_key": "X", "value": 5}]
