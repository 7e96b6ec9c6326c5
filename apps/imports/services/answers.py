"""What people say about files: for one of them, and for the next ones of its kind."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction

from apps.audit.services import Actor, log_event
from apps.import_types.registry import import_type_named
from apps.imports.models import ImportAnswer, ImportRun
from apps.imports.selectors import asked_by
from apps.imports.services.runs import import_check, writer_of
from apps.tabular_files.questions import FileAnswers


@transaction.atomic
def import_answer(
    *,
    run: ImportRun,
    answers: Mapping[str, str | None],
    user_id: int | None,
    now: datetime,
    actor: Actor,
) -> ImportRun:
    """Answer what the last check asked (None: forget an answer), and check again.

    The answers are remembered for this kind. Raises `Invalid` (unknown_question, unknown_answer),
    and `Forbidden` for types that this account may not write by hand either.
    """
    import_type_named(run.kind).refuse(writer_of(user_id))
    asked = asked_by(run)
    given = {key: value for key, value in answers.items() if value is not None}
    for key in answers:
        asked.check(key, answers[key])
    run = import_check(run=run, user_id=user_id, now=now)
    kept = {key: value for key, value in run.answers.items() if key not in answers}
    run.answers = {**kept, **given}
    run.save(update_fields=["answers"])
    asked.given = given
    answers_remember(
        kind=run.kind, answers=asked, user_id=user_id, now=now, actor=actor, target=run
    )
    forgotten = sorted(set(answers) - set(given))
    answers_forget(
        ImportAnswer.objects.filter(kind=run.kind, key__in=forgotten), now=now, actor=actor
    )
    return run


@transaction.atomic
def answers_remember(
    *,
    kind: str,
    answers: FileAnswers,
    user_id: int | None,
    now: datetime,
    actor: Actor,
    target: ImportRun | None = None,
) -> None:
    """Keep what was given for the next file of this kind; what a file shows certainly is its own
    and is not kept."""
    rows = []
    for question in answers.questions.values():
        value = question.choice_of(answers.given.get(question.key, ""))
        if value and not question.certain:
            label = next(choice.label for choice in question.choices if choice.value == value)
            rows.append(
                ImportAnswer(
                    kind=kind,
                    key=question.key,
                    value=value[:200],
                    text=question.text[:500],
                    label=label[:500],
                    answered_by_id=user_id,
                    answered_at=now,
                )
            )
    ImportAnswer.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["campus", "kind", "key"],
        update_fields=["value", "text", "label", "answered_by", "answered_at"],
    )
    if answers.given:
        data = {"kind": kind, "answers": dict(answers.given)}
        log_event(actor=actor, action="imports.answered", now=now, target=target, data=data)


@transaction.atomic
def answers_forget(found: Iterable[ImportAnswer], *, now: datetime, actor: Actor) -> int:
    """Ask again with the next file; returns how many were forgotten."""
    forgotten = list(found)
    for answer in forgotten:
        log_event(
            actor=actor,
            action="imports.answer_forgotten",
            now=now,
            target=answer,
            data={"kind": answer.kind, "key": answer.key, "value": answer.value},
        )
    ImportAnswer.objects.filter(pk__in=[answer.pk for answer in forgotten]).delete()
    return len(forgotten)
