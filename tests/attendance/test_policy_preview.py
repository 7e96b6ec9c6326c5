"""What typical check-ins score under a policy: on its form, and on the page of one that exists."""

from typing import Any

import pytest
from django.db import connection
from django.forms.models import model_to_dict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.attendance.admin.forms import PolicyForm
from apps.attendance.models import Policy
from apps.attendance.registry import policy_preview
from apps.attendance.selectors.policies import policy_snapshot
from apps.checkin.models import CheckInAttempt
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, url
from tests.factories import Cast

pytestmark = pytest.mark.django_db
PREVIEW = "/admin/attendance/policy/preview/"


def scores(cast: Cast, **rules: Any) -> dict[str, tuple[str, str]]:
    with campus_scope(cast.campus):
        rows = policy_preview(policy=Policy(**rules), now=timezone.now())
    return {str(row.label): (str(row.score), row.outcome) for row in rows}


def typed(**changes: Any) -> dict[str, Any]:
    """The form of a new policy as it opens."""
    form = PolicyForm(initial=model_to_dict(Policy()))
    sent = {bound.html_name: bound.value() for bound in form if bound.value() is not None}
    return {**sent, **changes}


def test_scores_follow_from_the_weights(cast: Cast) -> None:
    weights = {"qr": 0.5, "device": 0.25, "location": 0.15, "bluetooth": 0.1}
    found = scores(cast, weights=weights, person="off")
    assert found["Everything is proven"] == ("1.00", "accepted")
    assert found["Without place and beacon"] == ("0.88", "accepted")  # half of 0.25 is missing
    assert found["Far from the room"] == ("0.75", "accepted")
    assert found["In a room without either"] == ("1.00", "accepted")
    assert found["From a device that is not bound"] == ("0.75", "refused")
    assert found["The code is typed"] == ("0.98", "accepted")  # 0.95 of half
    assert found["Without network, sent later"] == ("0.80", "accepted")
    assert "Without a photo" not in found  # the campus has faces off


def test_faces_and_passkeys_are_shown_where_they_count(cast: Cast) -> None:
    cast.campus.face_enabled = True
    cast.campus.save()
    found = scores(cast, face="required", passkey="required", person="required")
    assert found["Without a photo"][1] == "waiting"
    assert found["With somebody else's face"][1] == "refused"
    assert found["By passkey, without the device's key"][1] == "accepted"
    assert found["Without a passkey"][1] == "refused"
    lenient = scores(cast, face="off", passkey="accepted", person="off")
    assert lenient["Without a passkey"] == lenient["Everything is proven"]
    assert lenient["By passkey, without the device's key"][0] < lenient["Without a passkey"][0]


def test_a_policy_that_nothing_passes_says_so(cast: Cast) -> None:
    found = scores(cast, present_threshold="1.00", required=["qr", "device", "bluetooth"])
    assert found["Without place and beacon"][1] == "refused"
    assert found["Without network, sent later"][1] == "refused"


def test_the_preview_saves_nothing_and_asks_little(cast: Cast) -> None:
    with campus_scope(cast.campus):
        policy_snapshot(policy=Policy(), classroom=None)
        with CaptureQueriesContext(connection) as found:
            policy_preview(policy=Policy(), now=timezone.now())
        assert not CheckInAttempt.objects.exists()
    assert len(found) <= 6
    assert all(query["sql"].startswith("SELECT") for query in found)


class TestPage:
    @pytest.fixture
    def client(self, cast: Cast) -> Client:
        return client_of(cast, cast.admin)

    def test_what_is_typed_is_scored(self, cast: Cast, client: Client) -> None:
        before = client.post(PREVIEW, typed()).content.decode()
        assert "A score of 0.60 is needed." in before
        after = client.post(PREVIEW, typed(present_threshold="0.9")).content.decode()
        assert after.count("is refused") > before.count("is refused")
        with campus_scope(cast.campus):
            assert not Policy.objects.exists()

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"weight_location": "0.3"}, "Location weighs at most 0.2."),
            ({"weight_qr": "x"}, "Enter a number."),
            ({"present_threshold": "2"}, "Score needed"),
            ({"required": ["face"]}, "Required factors"),
            ({"face": "sometimes"}, "Faces"),
        ],
        ids=str,
    )
    def test_what_is_wrong_is_said(
        self, cast: Cast, client: Client, change: dict[str, Any], said: str
    ) -> None:
        answer = client.post(PREVIEW, typed(**change))
        assert answer.status_code == 200
        assert said.lower() in answer.content.decode().lower()

    def test_what_scores_do_not_follow_from_may_be_wrong(self, cast: Cast, client: Client) -> None:
        answer = client.post(PREVIEW, typed(edit_days="", course="x", warn_percent="200"))
        assert "Everything is proven" in answer.content.decode()

    def test_an_empty_form_is_answered(self, cast: Cast, client: Client) -> None:
        assert client.post(PREVIEW, {}).status_code == 200

    def test_only_who_may_add_policies_tries_them(self, cast: Cast, client: Client) -> None:
        for who in (cast.principal, cast.operator):
            assert client_of(cast, who).post(PREVIEW, typed()).status_code == 403
        assert client_of(cast, cast.lecturer.user).post(PREVIEW, typed()).status_code == 302
        assert client.get(PREVIEW).status_code == 405

    def test_a_version_that_exists_is_shown_in_words(self, cast: Cast, client: Client) -> None:
        with campus_scope(cast.campus):
            policy = Policy.objects.create(version=1, created_at=timezone.now())
        page = client.get(url(Policy, "change", policy.pk)).content.decode()
        assert "Code on the screen 0.35, Bound device 0.2" in page
        assert "Code on the screen, Bound device" in page
        assert "Everything is proven" in page
        assert "{&#x27;" not in page
