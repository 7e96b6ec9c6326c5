"""The states between migrations, whose models are made one by one."""

from django.db import models
from django.db.migrations.state import ModelState

from apps.tenants.migration_states import GrowingState


def new_model(name: str, **fields: models.Field) -> ModelState:
    return ModelState("zoo", name, [("id", models.BigAutoField(primary_key=True)), *fields.items()])


def test_a_new_model_is_seen_from_those_that_stay() -> None:
    state = GrowingState()
    state.add_model(new_model("Keeper"))
    keeper = state.apps.get_model("zoo", "Keeper")
    before = state.clone()
    state.add_model(
        new_model("Lion", keeper=models.ForeignKey("zoo.Keeper", models.CASCADE, "lions"))
    )
    assert state.apps.get_model("zoo", "Keeper") is keeper
    assert state.apps.get_model("zoo", "Lion")._meta.get_field("keeper").related_model is keeper
    assert [relation.name for relation in keeper._meta.related_objects] == ["lions"]
    assert "lion" not in before.apps.all_models["zoo"]


def test_what_is_renamed_or_changed_is_made_anew() -> None:
    state = GrowingState()
    state.add_model(new_model("Keeper"))
    state.add_model(new_model("Lion", keeper=models.ForeignKey("zoo.Keeper", models.CASCADE)))
    lion = state.apps.get_model("zoo", "Lion")
    state = state.clone()
    state.add_field("zoo", "keeper", "name", models.TextField(null=True), preserve_default=True)
    state.rename_model("zoo", "Keeper", "Guard")
    assert state.apps.get_model("zoo", "Lion") is not lion
    target = state.apps.get_model("zoo", "Lion")._meta.get_field("keeper").related_model
    assert target is state.apps.get_model("zoo", "Guard")
    assert [field.name for field in target._meta.fields] == ["id", "name"]


def test_a_constraint_or_an_index_makes_no_class_and_is_listed() -> None:
    state = GrowingState()
    state.add_model(new_model("Lion", keeper=models.IntegerField(null=True)))
    lion = state.apps.get_model("zoo", "Lion")
    only = models.UniqueConstraint(fields=["keeper"], name="one_lion_each")
    state.add_constraint("zoo", "lion", only)
    state.add_index("zoo", "lion", models.Index(fields=["keeper"], name="lion_keeper"))
    assert state.apps.get_model("zoo", "Lion") is lion
    assert [one.name for one in lion._meta.constraints] == ["one_lion_each"]
    assert [one.name for one in lion._meta.indexes] == ["lion_keeper"]
    state.remove_constraint("zoo", "lion", "one_lion_each")
    assert state.apps.get_model("zoo", "Lion") is lion
    assert lion._meta.constraints == []
    assert state.models["zoo", "lion"].options["constraints"] == []
