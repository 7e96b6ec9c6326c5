"""What each student does. An act returns what the phone was told and the last check-in."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from apps.demo.simulation.album import AlbumPerson, blurred, taken_again
from apps.demo.simulation.lecturer import Lecturer, Projector
from apps.demo.simulation.phone import Phone, PhoneEvidence, Signed
from apps.demo.simulation.room import VAGUE_ACCURACY_M, Room
from apps.demo.simulation.server import Client


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything that a student in the room (or outside it) has around them."""

    session: int
    room: Room
    lecturer: Lecturer
    projector: Projector
    first_token: str  # what the projector showed when the session was opened


@dataclass(kw_only=True)
class Player:
    """A student with a phone, and a face where one was dealt."""

    phone: Phone
    sign_in_elsewhere: Callable[[], Client]
    random: Random
    student: int = 0  # the account's number, as the lecturer's list has it
    person: AlbumPerson | None = None
    stranger: AlbumPerson | None = None  # whose face the wrong person shows
    check_in_by_browser: Callable[["Scene"], "Played"] | None = None
    second_tries: int = 0


@dataclass(frozen=True, kw_only=True)
class Played:
    """What came of it: `answer` in words, and the attempt as it was settled."""

    answer: str
    attempt: dict[str, Any] = field(default_factory=dict)


Act = Callable[[Player, Scene], Played]


def evidence(player: Player, scene: Scene, **changes: Any) -> PhoneEvidence:
    """All that an honest phone in the room sends."""
    selfie = player.person.selfies[0] if player.person else None
    facts = {
        "location": scene.room.fix(player.random),
        "beacons": scene.room.heard(),
        "selfie": selfie,
    }
    return PhoneEvidence(**{**facts, **changes})


def check_in(player: Player, scene: Scene, *, code: dict[str, Any], **changes: Any) -> Played:
    """Redeem a code and check in with its ticket."""
    redeemed = player.phone.redeem(**code)
    if not redeemed.ok:
        return Played(answer=redeemed.problem)
    signed = player.phone.signed(redeemed.body["ticket"], evidence(player, scene, **changes))
    return send(player, signed)


def send(player: Player, signed: Signed) -> Played:
    sent = player.phone.send(signed)
    if not sent.ok:
        return Played(answer=sent.problem)
    attempt = player.phone.settled(sent.body)
    return Played(answer=f"{attempt['outcome']} {attempt['reason']}".strip(), attempt=attempt)


def on_the_wall(scene: Scene) -> dict[str, Any]:
    return {"token": scene.projector.token}


def honest(player: Player, scene: Scene) -> Played:
    """Scan and check in; if the face was not recognised, smile and try once more."""
    played = check_in(player, scene, code=on_the_wall(scene))
    more = player.person.selfies[1:] if player.person else ()
    if played.answer == "refused face_mismatch" and more:
        player.second_tries += 1
        played = check_in(player, scene, code=on_the_wall(scene), selfie=more[0])
    return played


def by_browser(player: Player, scene: Scene) -> Played:
    """The check-in page, opened by the link of the code."""
    assert player.check_in_by_browser is not None  # the runner has a browser for this part
    return player.check_in_by_browser(scene)


def by_text_code(player: Player, scene: Scene) -> Played:
    code = {"session": scene.session, "text_code": scene.projector.text.lower()}
    return check_in(player, scene, code=code)


def by_one_time_code(player: Player, scene: Scene) -> Played:
    told = scene.lecturer.one_time_code(scene.session, student=player.student)
    return check_in(player, scene, code={"session": scene.session, "one_time_code": told})


def outside(player: Player, scene: Scene) -> Played:
    far = scene.room.far_away(player.random)
    return check_in(player, scene, code=on_the_wall(scene), location=far)


def vague(player: Player, scene: Scene) -> Played:
    fix = scene.room.fix(player.random, accuracy_m=VAGUE_ACCURACY_M)
    return check_in(player, scene, code=on_the_wall(scene), location=fix)


def other_face(player: Player, scene: Scene) -> Played:
    """Somebody else holds the phone."""
    assert player.stranger is not None  # the cast leaves this part out without two faces
    selfie = taken_again(player.stranger.selfies[0])
    return check_in(player, scene, code=on_the_wall(scene), selfie=selfie)


def blurred_face(player: Player, scene: Scene) -> Played:
    assert player.person is not None  # the cast leaves this part out without a face
    selfie = blurred(player.person.selfies[0])
    return check_in(player, scene, code=on_the_wall(scene), selfie=selfie)


def enrolled_photo(player: Player, scene: Scene) -> Played:
    """The phone sends the very photo that was enrolled, and, asked for another one, takes it."""
    assert player.person is not None  # the cast leaves this part out without a face
    redeemed = player.phone.redeem(**on_the_wall(scene))
    if not redeemed.ok:
        return Played(answer=redeemed.problem)
    ticket = redeemed.body["ticket"]
    copied = evidence(player, scene, selfie=player.person.samples[0])
    first = send(player, player.phone.signed(ticket, copied))
    again = send(player, player.phone.signed(ticket, evidence(player, scene)))
    return replace(again, answer=f"{first.answer}, {again.answer}")


def stolen_code(player: Player, scene: Scene) -> Played:
    """A friend sent a picture of the code as it was at the beginning."""
    return check_in(player, scene, code={"token": scene.first_token})


def forged_code(player: Player, scene: Scene) -> Played:
    head, _dot, mac = scene.projector.token.rpartition(".")
    forged = f"{head}.{mac[1:]}{mac[0]}" if len(set(mac)) > 1 else f"{head}.{mac[::-1]}"
    return check_in(player, scene, code={"token": forged})


def other_signature(player: Player, scene: Scene) -> Played:
    """The evidence is signed by a phone that is not the bound one."""
    redeemed = player.phone.redeem(**on_the_wall(scene))
    if not redeemed.ok:
        return Played(answer=redeemed.problem)
    stranger = Phone(client=player.phone.client)
    return send(
        player, stranger.signed(redeemed.body["ticket"], evidence(player, scene, selfie=None))
    )


def tampered(player: Player, scene: Scene) -> Played:
    """Signed far away; then the text is changed to say "in the room"."""
    redeemed = player.phone.redeem(**on_the_wall(scene))
    if not redeemed.ok:
        return Played(answer=redeemed.problem)
    far = evidence(player, scene, location=scene.room.far_away(player.random))
    signed = player.phone.signed(redeemed.body["ticket"], far)
    text = json.dumps({**json.loads(signed.text), "location": scene.room.fix(player.random)})
    return send(player, replace(signed, text=text))


def retried(player: Player, scene: Scene) -> Played:
    """The answer got lost on its way, so the app sends the very same check-in again."""
    redeemed = player.phone.redeem(**on_the_wall(scene))
    if not redeemed.ok:
        return Played(answer=redeemed.problem)
    signed = player.phone.signed(redeemed.body["ticket"], evidence(player, scene))
    first, second = player.phone.send(signed), send(player, signed)
    same = first.ok and first.body["id"] == second.attempt.get("id")
    return Played(
        answer=f"{second.answer}, {'same' if same else 'another'} attempt", attempt=second.attempt
    )


def two_phones(player: Player, scene: Scene) -> Played:
    """A second phone tries to become the student's too; the first one checks in."""
    second = Phone(client=player.sign_in_elsewhere())
    refusal = second.bind().problem
    played = honest(player, scene)
    return replace(played, answer=f"{refusal}, {played.answer}")
