"""`manage.py evaluate_liveness`: rates of recordings in folders."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.biometrics.engines import Engine, Pixels
from apps.liveness.evaluation import wilson
from tests.liveness.support import ASKED, Portrait


def record(place: Path, portrait: Portrait, frames: list[tuple[bytes, int, int]]) -> None:
    place.mkdir(parents=True)
    (place / "turns.txt").write_text("right,down\n")
    (place / "enrolled.jpg").write_bytes(portrait.enrolled())
    for jpeg, turn, at_ms in frames:
        (place / f"{turn}_{at_ms}.jpg").write_bytes(jpeg)


def said(folder: Path) -> list[str]:
    out = StringIO()
    call_command("evaluate_liveness", folder, stdout=out)
    return out.getvalue().splitlines()


def test_rates_are_counted_by_kind(engine: Engine, astronaut: Pixels, tmp_path: Path) -> None:
    portrait = Portrait(engine, astronaut)
    record(tmp_path / "live" / "1", portrait, portrait.live(ASKED))
    record(tmp_path / "print" / "1", portrait, portrait.held_up(ASKED))
    live, attack = said(tmp_path)
    assert live.split() == [
        *["live", "BPCER", "0.0", "%", "(0.0", "to", "79.3)", "of", "1:", "1", "passed"]
    ]
    assert attack.startswith(
        "print            APCER   0.0 % (0.0 to 79.3) of 1: 1 failed turns_flat"
    )


def test_what_is_no_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is no folder"):
        call_command("evaluate_liveness", tmp_path / "nowhere")
    with pytest.raises(CommandError, match="no recordings"):
        call_command("evaluate_liveness", tmp_path)
    place = tmp_path / "live" / "first"
    place.mkdir(parents=True)
    with pytest.raises(CommandError, match=r"live/first: .*turns\.txt"):
        call_command("evaluate_liveness", tmp_path)
    (place / "turns.txt").write_text("left,sideways")
    with pytest.raises(CommandError, match="sideways"):
        call_command("evaluate_liveness", tmp_path)
    (place / "turns.txt").write_text("left,up")
    with pytest.raises(CommandError, match="it needs"):
        call_command("evaluate_liveness", tmp_path)


def test_intervals_are_wilsons() -> None:
    """Two values of Newcombe, Statistics in Medicine 17 (1998), table I."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
