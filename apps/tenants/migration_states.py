"""What the models are like between two migrations, at less expense than Django takes for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ModelState, ProjectState
from django.db.models import BaseConstraint, Index


class GrowingState(ProjectState):
    """Makes the class of a new model alone, and none for a constraint or an index.

    Django makes the classes of all models anew that a changed one leads to, over any number of
    foreign keys. Through `campus` those are all models of tenants, and making them took five sixths
    of the processor time of a first `migrate`. A new model adds nothing to the others but a
    relation back, and `register_model` sees to that; a constraint or an index concerns its own
    model, whose class lists it. Other changes of models are Django's.
    """

    def add_model(self, model_state: ModelState) -> None:
        apps = self.__dict__.pop("apps", None)
        super().add_model(model_state)
        if apps is not None:
            apps.render_multiple([model_state])
            self.apps = apps

    def _append_option(
        self, app_label: str, model_name: str, option_name: str, obj: BaseConstraint | Index
    ) -> None:
        with self._listed_anew(app_label, model_name, option_name):
            super()._append_option(app_label, model_name, option_name, obj)  # type: ignore[misc]

    def _remove_option(
        self, app_label: str, model_name: str, option_name: str, obj_name: str
    ) -> None:
        with self._listed_anew(app_label, model_name, option_name):
            super()._remove_option(app_label, model_name, option_name, obj_name)  # type: ignore[misc]

    @contextmanager
    def _listed_anew(self, app_label: str, model_name: str, option_name: str) -> Iterator[None]:
        apps = self.__dict__.pop("apps", None)
        yield
        if apps is not None:
            listed = self.models[app_label, model_name].options[option_name]
            setattr(apps.get_model(app_label, model_name)._meta, option_name, list(listed))
            self.apps = apps

    def clone(self) -> "GrowingState":
        state = super().clone()
        state.__class__ = GrowingState
        return state  # type: ignore[return-value]


class GrowingExecutor(MigrationExecutor):
    def _create_project_state(self, with_applied_migrations: bool = False) -> Any:
        state = super()._create_project_state(with_applied_migrations)  # type: ignore[misc]
        state.__class__ = GrowingState
        return state
