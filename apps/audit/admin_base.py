"""The bases of every admin page: scoped to the campus, bounded, and written to the audit log."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NoReturn
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import ShowFacets
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import connection, models, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin, TabularInline

from apps.audit.actors import request_actor
from apps.audit.admin_widgets import KnownAutocomplete, fits, may_begin_with
from apps.audit.services import log_event, log_platform_event
from apps.common.errors import Refused
from apps.common.form_fields import ClockField, DayField, SplitMomentField
from apps.tenants.models import Campus, CampusModel
from apps.tenants.scope import campus_scope, entered_campus_id
from apps.tenants.search import matching

PAGE = 50
# Whose changes are sealed in the log: other people's addresses, and reasons.
SEALED_CHANGES: Final = frozenset({"accounts.contact"})
HIDDEN: Final = "…"
Changes = dict[str, list[Any]]


def plain(value: Any) -> Any:
    """A field's value as JSON for the log; bytes are never written down."""
    if isinstance(value, bytes | memoryview):
        return HIDDEN
    if isinstance(value, models.Model):
        value = value.pk
    return json.loads(json.dumps(value, default=str))


def changes_of(form: Any) -> Changes:
    """Before and after of each changed field that the model itself has.

    Of other fields (secrets to be sealed, photos, roles) only that they were changed: an act that
    changes nothing else stands in the log all the same.
    """
    fields = {field.name for field in form._meta.model._meta.concrete_fields}
    return {
        name: [plain(form.initial.get(name)), plain(form.cleaned_data.get(name))]
        if name in fields
        else [HIDDEN, HIDDEN]
        for name in form.changed_data
    }


def accounts_in(rows: Iterable[models.Model]) -> list[Any]:
    """The accounts among these rows, and those that their foreign keys have read already."""
    account = get_user_model()
    found: list[Any] = []
    for row in rows:
        if isinstance(row, account):
            found.append(row)
        for field in row._meta.concrete_fields:
            if isinstance(field, models.ForeignKey) and field.related_model is account:
                found.append(row._state.fields_cache.get(field.name))
    return [user for user in found if user is not None]


class ScopedChoices:
    """Foreign keys offer, and accept, what the lists of the administration show: nothing else.

    Rows of a campus are scoped by their manager. Accounts are not: they belong to the platform.
    """

    admin_site: Any
    get_autocomplete_fields: Callable[[HttpRequest], Sequence[str]]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            widget = KnownAutocomplete(db_field, self.admin_site, using=kwargs.get("using"))
            kwargs.setdefault("widget", widget)
        related = self.admin_site._registry.get(db_field.remote_field.model)
        if related is not None:
            kwargs.setdefault("queryset", related.get_queryset(request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]


# Days, moments and times of day keep to the calendar, as in the API.
BOUNDED: Final[dict[type[models.Field], dict[str, Any]]] = {
    models.DateTimeField: {"form_class": SplitMomentField},
    models.DateField: {"form_class": DayField},
    models.TimeField: {"form_class": ClockField},
}


# What the filters themselves write into addresses. Django knows many more comparisons (patterns,
# ranges, parts of dates) and hands them to the database unread.
COMPARED: Final = frozenset(("exact", "isnull", "isempty", "gte", "gt", "lte", "lt"))
KEYS: Final = frozenset(("id", "pk"))


def _declared(item: Any) -> Any:
    """What a filter is called in addresses: its column, or its own name."""
    if isinstance(item, tuple):
        return item[0]
    return getattr(item, "parameter_name", item)


class CampusModelAdmin(ScopedChoices, ModelAdmin):
    """Rows of the entered campus only (the manager sees to that); every change is audited."""

    formfield_overrides = BOUNDED

    list_per_page = PAGE
    list_max_show_all = 200
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_filter_submit = True
    warn_unsaved_form = True
    # Columns that an address of the list may name beside its filters.
    lookups: tuple[str, ...] = ()

    # --- Names -------------------------------------------------------------------------------

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Accounts in a list are shown as the campus knows them: read once for the whole page."""
        changelist = super().get_changelist_instance(request)
        if entered_campus_id() is not None:
            get_user_model().objects.show(accounts_in(changelist.result_list))
        return changelist

    # --- Isolation --------------------------------------------------------------------------

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Only the declared filters: Django would also allow every own column, hashes included."""
        declared = {_declared(item) for item in self.list_filter}
        head, *rest = lookup.split("__")
        known = head in declared and set(rest) <= COMPARED | KEYS
        known = known or lookup in self.lookups
        return known and super().lookup_allowed(lookup, value, request)

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        """Pages that open from another one answer with the key of a row, and with nothing else.

        Django fails on the other ends of relations.
        """
        return to_field == self.opts.pk.name

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What the address of an empty form names, where it fits."""
        named = super().get_changeform_initial_data(request)
        return {
            name: text for name, text in named.items() if may_begin_with(self.model, name, text)
        }

    def response_action(self, request: HttpRequest, queryset: Any) -> Any:
        """Django asks the database with whatever was ticked, and calls actions with no row."""
        ticked = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if not all(fits(self.opts.pk, key) for key in ticked):
            raise BadRequest("No row of this list was ticked.")
        whole_list = request.POST.get("select_across") == "1"
        if not (queryset if whole_list else queryset.filter(pk__in=ticked)).exists():
            # Gone since the list was shown: as if nothing had been ticked.
            posted: Any = request.POST.copy()
            posted.pop(ACTION_CHECKBOX_NAME, None)
            posted["select_across"] = "0"
            request.POST = posted
        try:
            with transaction.atomic():
                return super().response_action(request, queryset)
        except Refused as refusal:  # one that the action itself did not expect
            messages.error(request, refusal.message)
            return HttpResponseRedirect(request.get_full_path())

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Held where it is saved: Django writes every column, also what others changed since.

        Who may not change a row holds none.
        """
        row = super().get_object(request, object_id, from_field)
        if row is None or request.method != "POST" or not connection.in_atomic_block:
            return row
        if self.has_change_permission(request, row):
            held = self.model._base_manager.select_for_update(no_key=True).filter(pk=row.pk)
            return super().get_object(request, object_id, from_field) if held.first() else None
        return row

    def _get_obj_does_not_exist_redirect(self, *args: Any) -> NoReturn:
        """Unknown, or another campus's: the same 404."""
        raise Http404

    # --- Deleting ----------------------------------------------------------------------------

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Rows are deleted one by one, after a look at what hangs on them."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Refused where history hangs on the row, before Django reads all of that history."""
        row = self.get_object(request, unquote(object_id))
        holding = self._history_of(request, row) if row is not None else []
        if not holding or not self.has_delete_permission(request, row):
            return super().delete_view(request, object_id, extra_context)
        text = _("“%(name)s” cannot be deleted: it has %(things)s.")
        messages.error(request, text % {"name": row, "things": ", ".join(holding)})
        if hasattr(row, "is_active"):
            messages.info(request, _("Deactivate it instead: nothing is lost."))
        return redirect(self._page("change", row.pk))

    def _history_of(self, request: HttpRequest, row: models.Model) -> list[str]:
        """Names of the kinds of rows that must not go away with this one."""
        found = []
        for relation in row._meta.related_objects:
            model = relation.related_model
            keeper = self.admin_site._registry.get(model)
            kept = relation.on_delete is models.PROTECT or (
                relation.on_delete is models.CASCADE
                and keeper is not None
                and not keeper.has_delete_permission(request)
            )
            if kept and model._default_manager.filter(**{relation.field.name: row}).exists():
                found.append(str(model._meta.verbose_name_plural))
        return found

    def _page(self, page: str, *args: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}", args=args)

    # --- Refusals of services ----------------------------------------------------------------

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """What a service refuses is rolled back and said, not a 500.

        Django takes any change that says so as a new row, where no page offers that.
        """
        if "_saveasnew" in request.POST and not self.save_as:
            raise PermissionDenied
        try:
            return super().changeform_view(request, *args, **kwargs)
        except Refused as refusal:
            messages.error(request, refusal.message)
            return HttpResponseRedirect(request.get_full_path())

    # --- Audit -------------------------------------------------------------------------------

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Changes:
        """Before and after of the row; inline rows write entries of their own."""
        for formset in formsets or ():
            self._log_inline(request, formset)
        return changes_of(form)

    def _log_inline(self, request: HttpRequest, formset: Any) -> None:
        changed = {form.instance.pk: form for form in formset.forms if form.has_changed()}
        for row in formset.new_objects:
            self.log(request, row, "added", changes_of(changed[row.pk]))
        for row, _names in formset.changed_objects:
            self.log(request, row, "changed", changes_of(changed[row.pk]))
        for row in formset.deleted_objects:
            self.log(request, row, "deleted", {"label": str(row)})

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Instead of Django's log, whose table knows no campus; so for the two below."""
        self.log(request, obj, "added", message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        if message:
            self.log(request, obj, "changed", message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        for row in queryset:
            self.log(request, row, "deleted", {"label": str(row)})

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """The audit log of this row."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        query = {"target_type": self.opts.label_lower, "target_id": row.pk}
        return redirect(f"{reverse('admin:audit_entry_changelist')}?{urlencode(query)}")

    @staticmethod
    def log(request: HttpRequest, obj: models.Model, what: str, data: dict[str, Any]) -> None:
        """One audit entry: in the chain of the campus that the row is, or belongs to.

        Rows that belong to none are noted in the entered campus, if any. What a platform
        administrator does to such rows, or outside every campus, is noted in the platform's log.
        """
        entry: dict[str, Any] = {
            "actor": request_actor(request),
            "action": f"admin.{obj._meta.model_name}.{what}",
            "now": timezone.now(),
            "target": obj,
            "data": data,
        }
        if isinstance(obj, CampusModel) and obj._meta.label_lower in SEALED_CHANGES:
            entry |= {"data": {"fields": sorted(data)}, "private": data}
        owner = obj.pk if isinstance(obj, Campus) else getattr(obj, "campus_id", None)
        campus_id = owner or entered_campus_id()
        if campus_id is not None:
            with campus_scope(campus_id):
                log_event(**entry)
        by_the_platform = request.user.is_superuser and not isinstance(obj, CampusModel)
        if campus_id is None or by_the_platform:
            log_platform_event(**entry)


class IndexedSearch:
    """Searches through the index of names (`apps.tenants.search`): parts of words, any accents."""

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        text = search_term.strip()
        return (self.matching(queryset, text) if text else queryset), False

    def matching(self, rows: models.QuerySet[Any], text: str) -> models.QuerySet[Any]:
        return matching(rows, text)


class HistoryAdmin(CampusModelAdmin):
    """Rows that are looked at and never edited."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class FollowingAdmin(HistoryAdmin):
    """Rows that go with the row that they belong to, and in no other way."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return CampusModelAdmin.has_delete_permission(self, request, obj)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        raise PermissionDenied

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        context = {**(extra_context or {}), "show_delete": False}
        return super().change_view(request, object_id, form_url, context)


class CampusInline(ScopedChoices, TabularInline):
    """Rows that are edited on their owner's page."""

    formfield_overrides = BOUNDED
    extra = 0

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Inputs are named for screen readers: the headings of the columns are not their labels."""
        formset = super().get_formset(request, obj, **kwargs)
        for field in formset.form.base_fields.values():
            field.widget.attrs["aria-label"] = field.label
        return formset


class HistoryInline(TabularInline):
    """Related history on its owner's page."""

    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = True
    per_page = 20

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
