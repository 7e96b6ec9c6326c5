"""Links into a campus from where no request is: mails that workers send."""

from django.conf import settings

from apps.tenants.models import Domain


def campus_link(*, campus_id: int, path: str) -> str:
    """The whole address of this path on that campus; "" where it has no host name.

    Never from the Host header of some request, which whoever sends it chooses.
    """
    domains = Domain.objects.filter(campus_id=campus_id).order_by("pk")
    host = domains.values_list("host", flat=True).first()
    return settings.CAMPUS_ADDRESS.format(host=host) + path if host else ""
