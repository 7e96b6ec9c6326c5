"""Looking at sensitive things is written down, whether it was allowed or not."""

from datetime import date, datetime, timedelta

import pytest
from django.urls import reverse

from apps.accounts.models import Contact
from apps.audit.models import Entry
from apps.audit.sealed_data import open_data
from apps.audit.services import SYSTEM, Redacted, RedactionCounts, entries_redact, log_event, verify
from apps.biometrics.services import image_store
from apps.common.crypto import SealBroken
from apps.tenants.scope import campus_scope
from tests.accounts.support import signed_in
from tests.admin.support import client_of, fields_of
from tests.biometrics.support import plain_jpeg
from tests.factories import Cast

pytestmark = pytest.mark.django_db


def said(cast: Cast, action: str) -> list[Entry]:
    with campus_scope(cast.campus):
        return list(Entry.objects.filter(action=action).order_by("pk"))


@pytest.fixture
def look(cast: Cast, now: datetime) -> str:
    """The address at which a stored photo is looked at."""
    with campus_scope(cast.campus):
        image = image_store(data=plain_jpeg(), now=now, kept_for=timedelta(days=30))
    return reverse("admin:biometrics_storedimage_look", args=[image.pk])


def test_a_photo_is_shown_for_a_reason_with_the_name_of_who_looks(cast: Cast, look: str) -> None:
    office = client_of(cast, cast.admin)
    assert office.get(look)["Content-Type"].startswith("text/html")
    assert office.post(look, {"reason": "short"})["Content-Type"].startswith("text/html")
    assert said(cast, "biometrics.image.opened") == []
    shown = office.post(look, {"reason": "The student asked what is stored."})
    assert (shown["Content-Type"], shown.content[:2]) == ("image/jpeg", b"\xff\xd8")
    assert "no-store" in shown["Cache-Control"]
    [entry] = said(cast, "biometrics.image.opened")
    assert entry.actor_id == f"user:{cast.admin.pk}"
    assert "asked" not in str(entry.data)
    assert open_data(entry) == {"reason": "The student asked what is stored."}


def test_a_refused_look_is_written_down(cast: Cast, look: str) -> None:
    for user in (cast.operator, cast.principal):
        assert (
            client_of(cast, user).post(look, {"reason": "Curious, nothing else."}).status_code
            == 403
        )
    assert len(said(cast, "biometrics.image.refused")) == 2
    assert said(cast, "biometrics.image.opened") == []


def test_another_campus_does_not_find_the_photo(cast: Cast, other_cast: Cast, look: str) -> None:
    assert client_of(other_cast, other_cast.admin).get(look).status_code == 404


def test_reading_the_log_is_in_the_log(cast: Cast) -> None:
    office = client_of(cast, cast.principal)
    office.get(reverse("admin:audit_entry_changelist"), {"q": "consent"})
    [entry] = said(cast, "audit.log.read")
    assert entry.actor_id == f"user:{cast.principal.pk}"
    assert entry.data == {"log": "audit.entry", "asked": {"q": "consent"}}
    office.get(reverse("admin:audit_entry_change", args=[entry.pk]))
    assert said(cast, "audit.log.read")[1].data["asked"] == {"entry": str(entry.pk)}


def test_taking_a_report_along_is_in_the_log(cast: Cast) -> None:
    phone = signed_in(cast.host, cast.principal.email)
    phone.get("/api/v1/reports/defaulters")
    assert said(cast, "report.file.read") == []
    answer = phone.get("/api/v1/reports/defaulters", {"format": "csv"})
    assert answer.status_code == 200, answer.content
    [entry] = said(cast, "report.file.read")
    assert entry.actor_id == f"user:{cast.principal.pk}"


def test_changes_of_contacts_are_sealed_in_the_log(cast: Cast) -> None:
    """Read by administrators alone, and looking is an entry, granted or refused."""
    with campus_scope(cast.campus):
        contact = Contact.objects.create(
            student=cast.student,
            name="Mira",
            relation="guardian",
            email="mira@mail.example",
            consented_on=date(2026, 9, 1),
            consent_note="form",
        )
    office = client_of(cast, cast.admin)
    page = office.get(reverse("admin:accounts_contact_change", args=[contact.pk]))
    sent = {**fields_of(page), "email": "new@mail.example"}
    office.post(reverse("admin:accounts_contact_change", args=[contact.pk]), sent)
    [entry] = said(cast, "admin.contact.changed")
    assert "mail.example" not in str(entry.data)
    look = reverse("admin:audit_entry_sealed", args=[entry.pk])
    assert office.get(look).json() == {"email": ["mira@mail.example", "new@mail.example"]}
    refused = client_of(cast, cast.operator).get(look)
    assert (refused.status_code, "mail.example" in refused.content.decode()) == (403, False)
    assert len(said(cast, "audit.sealed.read")) == 1
    assert len(said(cast, "audit.sealed.refused")) == 1
    assert (
        "Read it"
        in office.get(reverse("admin:audit_entry_change", args=[entry.pk])).content.decode()
    )


def test_a_sealed_part_fits_its_own_entry_only(in_campus: Cast, now: datetime) -> None:
    one, two = (log_event(actor=SYSTEM, action="test", now=now, private={"n": n}) for n in (1, 2))
    one.data = two.data
    with pytest.raises(SealBroken):
        open_data(one)


def test_an_erasure_shortens_sealed_parts_too(in_campus: Cast, now: datetime) -> None:
    entry = log_event(
        actor=SYSTEM, action="test", now=now, private={"why": "Zqana Zqovic asked", "n": 1}
    )
    other = log_event(actor=SYSTEM, action="test", now=now, private={"why": "nobody"})
    name = "Zqana Zqovic"
    who = Redacted(actor_id="", pattern=name, in_json=name, pseudonym="erased-1")
    assert entries_redact(who=who, now=now) == RedactionCounts(changed=1)
    entry.refresh_from_db()
    assert open_data(entry) == {"why": "erased-1 asked", "n": 1}
    outcome = verify()
    assert (outcome.holds, outcome.redacted) == (True, 1)
    kept = other.data
    other.refresh_from_db()
    assert other.data == kept
