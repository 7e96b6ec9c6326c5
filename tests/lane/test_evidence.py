"""The quick reader of evidence takes what leaves no doubt, and reads it as the serializers do."""

import json
from typing import Any

import pytest

from apps.checkin.api.serializers import CHECK_IN_JSON
from apps.checkin.api.views import submission_of
from apps.lane.api import evidence
from tests.attendance.support import HEARD, HERE


def both_readers(fields: dict[str, Any]) -> tuple[Any, Any]:
    body = {"evidence": json.dumps(fields), "signature": "AAAA"}
    return evidence.submission_in(body), submission_of(CHECK_IN_JSON.run_validation(body))


def test_the_quick_reader_reads_what_the_serializers_read() -> None:
    plain = {"ticket": "a:b", "nonce": "nonce-0001"}
    for more in (
        {},
        {"location": None, "beacons": None},
        {"location": HERE, "beacons": HEARD, "device_info": {"os": "Android 16"}},
        {"location": {"latitude": -1, "longitude": 2.5, "accuracy_m": 0.5, "age_s": 0}},
        {"location": {**HERE, "longitude": "179.123456789012345"}, "beacons": []},
        {"beacons": [{"identifier": "~!", "rssi": 0}, {"identifier": "A" * 100, "rssi": -120}]},
    ):
        quick, slow = both_readers({**plain, **more})
        assert quick == slow, more


@pytest.mark.parametrize(
    "odd",
    [
        {"location": {**HERE, "latitude": True}},
        {"location": {**HERE, "latitude": "90.1"}},
        {"location": {**HERE, "latitude": "１"}},
        {"location": {**HERE, "latitude": 1e-7}},
        {"location": {**HERE, "accuracy_m": "8"}},
        {"location": {**HERE, "age_s": -1}},
        {"beacons": [{"identifier": " a", "rssi": -1}]},
        {"beacons": [{"identifier": "a", "rssi": -1.0}]},
        {"beacons": [{"identifier": "a", "rssi": -1}] * 51},
        {"device_info": {"os": " Android"}},
        {"device_info": {"os": 16}},
        {"selfie_sha256": "0" * 64},
        {"nonce": "nonce-0001\n"},
    ],
)
def test_the_quick_reader_leaves_what_is_odd(odd: dict[str, Any]) -> None:
    fields = {"ticket": "a:b", "nonce": "nonce-0001", **odd}
    assert evidence.submission_in({"evidence": json.dumps(fields), "signature": "AAAA"}) is None
