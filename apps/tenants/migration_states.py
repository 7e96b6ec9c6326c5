"""What the models are like between two migrations, at less expense than Django takes for it."""

from typing import Any

from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ModelState, ProjectState


class GrowingState(ProjectState):
    """Makes the class of a new model alone, and leaves those of the other models as they are.

    Django makes the classes of all models anew that a new one leads to, over any number of foreign
    keys. Through `campus` those are all models of tenants: of the 12 s of processor time that a
    first `migrate` took, 5 went into it. Nothing but a relation back to the new model is added to
    the others, and `register_model` sees to that. Other changes of models are Django's.
    """

    def add_model(self, model_state: ModelState) -> None:
        apps = self.__dict__.pop("apps", None)
        super().add_model(model_state)
        if apps is not None:
            apps.render_multiple([model_state])
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
