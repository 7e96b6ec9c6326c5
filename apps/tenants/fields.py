"""Foreign keys that cannot leave their campus."""

from typing import Any

from django.db import models

from apps.tenants.scope import WrongCampus, current_campus_id


class CampusField(models.ForeignKey):
    """The tenant of a row: stamped from the entered campus, refused when it names another.

    `pre_save` runs for `save()` and `bulk_create()` alike, so no write path needs to remember it.
    The database's constraint is written by `IsolateByCampus`, where nothing else implies it.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("to", "tenants.Campus")
        kwargs.setdefault("on_delete", models.PROTECT)
        kwargs.setdefault("related_name", "+")
        kwargs.setdefault("db_index", False)
        kwargs.setdefault("editable", False)
        kwargs["db_constraint"] = False
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("db_constraint", None)
        return name, path, args, kwargs

    def pre_save(self, model_instance: models.Model, add: bool) -> int:
        campus_id = current_campus_id()
        owner = getattr(model_instance, self.attname)
        if owner is None:
            setattr(model_instance, self.attname, campus_id)
        elif owner != campus_id:
            message = f"A row of campus {owner} was written from campus {campus_id}."
            raise WrongCampus(message)
        return campus_id


class CampusForeignKey(models.ForeignKey):
    """A foreign key between two rows of one campus.

    Django's own constraint (x_id) → (id) is left out: `IsolateByCampus` writes the composite one,
    (campus_id, x_id) → (campus_id, id), which alone makes a row of another campus unreachable.
    """

    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        super().__init__(to, on_delete, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("db_constraint", None)
        return name, path, args, kwargs
