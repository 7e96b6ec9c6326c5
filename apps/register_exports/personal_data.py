"""Nothing in here is a person's: what an export holds of people lies where the campus put it."""

from apps.privacy.registry import add_impersonal
from apps.register_exports.models import DeletedRow, RegisterExport, WarehouseSetting


def register() -> None:
    add_impersonal("what is exported, and where to", WarehouseSetting)
    add_impersonal("that an export was written, by counts and checksums", RegisterExport)
    add_impersonal("that a row is gone, by its key alone", DeletedRow)
