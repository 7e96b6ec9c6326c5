"""The arithmetic of rotating codes."""

import contextlib
import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from apps.qr_otp import tokens

SECRET = bytes(range(32))
FACTS = {"campus_id": 7, "purpose": "check_in", "subject": "42"}


@given(
    campus_id=st.integers(1, 2**63 - 1),
    subject=st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-", min_size=1, max_size=60),
    window=st.integers(0, 2**53 - 1),
)
def test_a_token_says_what_was_put_into_it(campus_id: int, subject: str, window: int) -> None:
    facts = {"campus_id": campus_id, "purpose": "p", "subject": subject}
    token = tokens.parse_token(tokens.token_text(SECRET, window=window, **facts))
    assert (token.campus_id, token.subject, token.window) == (campus_id, subject, window)
    assert token.mac == tokens.token_mac(SECRET, window=window, **facts)


def test_the_mac_is_hmac_sha256_cut_to_128_bits() -> None:
    message = b"7\ncheck_in\n42\n100"
    expected = hmac.new(SECRET, message, hashlib.sha256).digest()[:16]
    mac = tokens.token_mac(SECRET, window=100, **FACTS)
    assert mac == expected
    assert len(mac) * 8 >= 112


def test_the_token_fits_the_compact_mode_of_qr_codes() -> None:
    text = tokens.token_text(SECRET, window=355_000_000, **FACTS)
    assert set(text) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
    assert len(text) < 50


@pytest.mark.parametrize("changed", ["campus_id", "purpose", "subject"])
def test_another_campus_purpose_or_subject_gives_another_mac(changed: str) -> None:
    other = {**FACTS, changed: 8 if changed == "campus_id" else "other"}
    assert tokens.token_mac(SECRET, window=1, **FACTS) != tokens.token_mac(
        SECRET, window=1, **other
    )


@given(st.text(max_size=300))
def test_any_text_is_parsed_or_called_malformed(text: str) -> None:
    with contextlib.suppress(tokens.Malformed):
        tokens.parse_token(text)


@pytest.mark.parametrize(
    "text",
    ["", "C", "C.1.2.3", "X.1.2.3.AAAA", "C.1..3." + "A" * 26, "C.1.2.3.AAAA", "C.-1.2.3.AAAA"],
)
def test_broken_tokens_are_malformed(text: str) -> None:
    with pytest.raises(tokens.Malformed):
        tokens.parse_token(text)


def test_a_minute_has_twelve_windows() -> None:
    start = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)
    windows = {tokens.window_at(start + timedelta(seconds=s)) for s in range(60)}
    assert len(windows) == 12


def test_text_codes_avoid_letters_that_look_alike_and_mend_those_that_are_typed() -> None:
    code = tokens.short_text(SECRET, window=1, **FACTS)
    assert len(code) == 8
    assert not set(code) & set("ILOU")
    assert tokens.normal_text(" k7pm-3qxd ") == "K7PM3QXD"
    assert tokens.normal_text("oi") == "01"


TOKEN = "C.1.12.5XUIAZ.TJ4DSMXAL5JXBGKE4FGC3EWVBI"


@pytest.mark.parametrize("origin", ["https://north.example", "http://localhost:8000"])
def test_the_link_fits_the_compact_mode_of_qr_codes(origin: str) -> None:
    link = tokens.link_text(TOKEN, origin=origin)
    assert link == f"{origin.upper()}/C/{TOKEN}"
    assert re.fullmatch(r"[0-9A-Z $%*+\-./:]+", link)
    assert segno.make(link, error="m", micro=False).mode == "alphanumeric"


@pytest.mark.parametrize(
    "scanned",
    [
        TOKEN,
        f"  {TOKEN}\n",
        f"HTTPS://NORTH.EXAMPLE/C/{TOKEN}",
        f"http://localhost:8000/c/{TOKEN.lower()}",
        f"https://north.example/C/{TOKEN}/",
        f"https://north.example/C/{TOKEN}?from=camera#top",
    ],
)
def test_link_and_bare_token_are_read_alike(scanned: str) -> None:
    assert tokens.parse_token(scanned) == tokens.parse_token(TOKEN)


@pytest.mark.parametrize(
    "scanned",
    [
        f"https://north.example/x/{TOKEN}",
        f"https://north.example/C/{TOKEN}/more",
        f"ftp://north.example/C/{TOKEN}",
        f"https:///C/{TOKEN}",
        "https://north.example/C/",
        f"https://{'a' * 480}/C/{TOKEN}",
    ],
)
def test_other_addresses_are_no_codes(scanned: str) -> None:
    with pytest.raises(tokens.Malformed):
        tokens.parse_token(scanned)
