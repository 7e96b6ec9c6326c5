"""Two beats: one sends, the other goes on where it ended."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery.schedules import crontab

from apps.common.cache import ask_server
from apps.ops import beat_lease
from apps.ops.beat_lease import KEPT, KEY, RUNS, TAKEN, BeatLease, last_runs, note_run
from campus import beat
from campus.celery import app
from tests.ops.beat_settings import QUEUE
from tests.ops.running import Script, running

NOW = datetime(2026, 11, 18, 12, 2, 30, tzinfo=UTC)
SENDING = "Sending due task"


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    def clean() -> None:
        ask_server(lambda client: client.delete(KEY, RUNS, QUEUE), otherwise=None)

    clean()
    yield
    clean()


def length() -> int:
    return int(ask_server(lambda client: client.llen(QUEUE), otherwise=-1))


def sent(script: Script) -> int:
    return sum(SENDING in line for line in script.lines)


def one_beat(folder: Path, name: str) -> AbstractContextManager[Script]:
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    env["DJANGO_SETTINGS_MODULE"] = "tests.ops.beat_settings"
    schedule = f"--schedule={folder / name}-schedule"
    command = ("-m", "celery", "-A", "campus", "beat", "--loglevel=INFO", "--pidfile=", schedule)
    return running(*command, log=folder / f"{name}.log", env=env)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_of_two_beats_one_sends_and_the_other_goes_on_when_it_is_killed(tmp_path: Path) -> None:
    with one_beat(tmp_path, "first") as first:
        first.wait_for(SENDING, times=2)
        with one_beat(tmp_path, "second") as second:
            second.wait_for("This beat waits: ")
            before = sent(first)
            first.wait_for(SENDING, times=before + 5)
            assert sent(second) == 0
            first.process.kill()
            first.process.wait()
            second.wait_for(SENDING, times=3)
            second.process.terminate()
            assert second.finish() == 0
            # Nothing twice: what lies in the queue is what both said that they sent.
            assert abs(sent(first) + sent(second) - length()) <= 1  # the last one of the killed
    assert BeatLease.holder() == ""
    assert (tmp_path / "second-schedule").exists()


def test_a_lease_is_one_holders_until_it_ends_or_is_given_back() -> None:
    mine, other = BeatLease("mine"), BeatLease("other")
    assert [mine.take(), mine.take(), other.take()] == [TAKEN, KEPT, 0]
    assert BeatLease.holder() == "mine"
    left = int(ask_server(lambda client: client.pttl(KEY), otherwise=0))
    assert 30_000 < left <= 40_000
    other.give_back()  # not its own
    assert BeatLease.holder() == "mine"
    mine.give_back()
    assert other.take() == TAKEN


def test_without_an_answer_nobody_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beat_lease, "ask_server", lambda _call, *, otherwise: otherwise)
    lease = BeatLease()
    assert lease.take() == 0
    lease.give_back()
    assert last_runs() == {}


@pytest.fixture
def scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "beat.LeasedScheduler":
    """With an entry for each night, whose sends are listed instead of made."""
    schedule: dict[str, Any] = {
        name: {"task": "apps.ops.tasks.prove_queue", "schedule": crontab(hour=1, minute=23)}
        for name in ("nightly", "new")
    }
    made = beat.LeasedScheduler(app, schedule_filename=str(tmp_path / "schedule"))
    made.schedule.clear()
    made.update_from_dict(schedule)
    made.sends = []
    monkeypatch.setattr(
        made, "apply_async", lambda entry, **_options: made.sends.append(entry.name)
    )
    return made


def test_what_became_due_while_no_beat_ran_is_sent_once(
    scheduler: "beat.LeasedScheduler",
) -> None:
    before = datetime.now(UTC)
    note_run("nightly", at=before - timedelta(days=3))
    turns = [scheduler.tick() for _turn in range(4)]
    assert scheduler.sends == ["nightly"]  # and not what the schedule has only now
    assert turns[0] == 0
    assert 0 < turns[-1] <= 10
    assert last_runs()["nightly"] >= before


def test_who_waits_sends_nothing_and_takes_over_with_the_others_times(
    scheduler: "beat.LeasedScheduler", caplog: pytest.LogCaptureFixture
) -> None:
    other = BeatLease("the other")
    other.take()
    note_run("nightly", at=datetime.now(UTC) - timedelta(days=3))
    assert 0 < scheduler.tick() <= 5
    scheduler.tick()
    assert caplog.text.count("This beat waits: the other has the lease.") == 1
    note_run("nightly", at=datetime.now(UTC))  # the other one did it
    other.give_back()
    scheduler.tick()
    assert scheduler.sends == []


def test_a_beat_that_lost_its_lease_waits(scheduler: "beat.LeasedScheduler") -> None:
    scheduler.tick()
    ask_server(lambda client: client.set(KEY, "another"), otherwise=None)
    note_run("nightly", at=datetime.now(UTC) - timedelta(days=3))
    assert 0 < scheduler.tick() <= 5
    assert scheduler.sends == []
    scheduler.close()
    assert BeatLease.holder() == "another"
