"""How far faces have moved from their templates."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction

from apps.accounts.models import Student
from apps.audit.services import Actor
from apps.biometrics.models import FaceVerification
from apps.common.rows import table_name
from apps.learning.models import FaceDrift
from apps.privacy.models import Consent
from apps.tenants.scope import current_campus_id

SPAN: Final = timedelta(days=180)
FEW: Final = 5  # matches whose mean stands for a time
LEAST: Final = 2 * FEW

# One statement for a campus. Shares of the threshold: it depends on the number of templates.
_MEASURE: Final = """
    WITH numbered AS (
        SELECT student_id, distance / threshold AS share,
            row_number() OVER (PARTITION BY student_id ORDER BY at, id) AS first,
            row_number() OVER (PARTITION BY student_id ORDER BY at DESC, id DESC) AS last
        FROM {verifications} AS verified
        WHERE campus_id = %(campus)s AND decision = 'matched' AND at >= %(since)s
            AND distance IS NOT NULL AND threshold > 0
            AND EXISTS (
                SELECT FROM {consents} AS consent
                WHERE consent.campus_id = %(campus)s AND consent.student_id = verified.student_id
                    AND consent.kind = %(face)s AND consent.withdrawn_at IS NULL
            )
    )
    INSERT INTO {drifts} (campus_id, student_id, matches, earlier, lately, measured_at)
    SELECT %(campus)s, student_id, count(*),
        least(avg(share) FILTER (WHERE first <= %(few)s), 1),
        least(avg(share) FILTER (WHERE last <= %(few)s), 1),
        %(now)s
    FROM numbered GROUP BY student_id HAVING count(*) >= %(least)s
"""


def drift_erase(*, student: Student, now: datetime, actor: Actor) -> int:
    """With the consent to faces."""
    return FaceDrift.objects.filter(student=student).delete()[0]


@transaction.atomic
def drift_measure(*, now: datetime) -> int:
    """Measure the entered campus anew; returns of how many students. It reads the distances that
    check-ins have left, of those whose consent to faces holds."""
    FaceDrift.objects.all().delete()
    statement = _MEASURE.format(
        verifications=table_name(FaceVerification),
        consents=table_name(Consent),
        drifts=table_name(FaceDrift),
    )
    values: dict[str, Any] = {
        "campus": current_campus_id(),
        "since": now - SPAN,
        "now": now,
        "few": FEW,
        "least": LEAST,
        "face": Consent.Kind.FACE,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)
