"""Which sessions fall on holidays."""

from django.db.models import DateField, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Cast, TruncDate

from apps.sessions.models import ClassSession
from apps.sessions.selectors import campus_zone
from apps.timetable.models import Holiday


def off_holidays(rows: QuerySet[ClassSession]) -> QuerySet[ClassSession]:
    """These sessions without those on a holiday of the campus, their department or their course.

    Sessions are cancelled when a holiday is declared ahead; this is for holidays of the past.
    """
    day = Cast(TruncDate("starts_at", tzinfo=campus_zone()), DateField())
    covering = Holiday.objects.filter(
        Q(course__isnull=True, department__isnull=True)
        | Q(course=OuterRef("course"))
        | Q(department=OuterRef("course__section__department")),
        first_day__lte=OuterRef("class_day"),
        last_day__gte=OuterRef("class_day"),
    )
    return rows.alias(class_day=day).filter(~Exists(covering))
