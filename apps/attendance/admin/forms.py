"""The form of a new policy: a number per weight and a tick per factor, instead of JSON by hand."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
)

from apps.attendance.models import Policy
from apps.attendance.models.policy import (
    default_decisive,
    default_required,
    default_weights,
    validate_weights,
)

FACTORS = [
    ("qr", _("Code on the screen")),
    ("device", _("Bound device")),
    ("location", _("Place")),
    ("bluetooth", _("Beacon")),
    ("face", _("Face")),
    ("person", _("Check by the phone itself")),
]
NEVER_DECISIVE = "location"
WEIGHT_ROWS = [
    ("weight_qr", "weight_device"),
    ("weight_location", "weight_bluetooth"),
    ("weight_face", "weight_person"),
]

# What a score follows from.
PREVIEWED = frozenset(
    (
        *(f"weight_{name}" for name, _label in FACTORS),
        *("required", "decisive", "face", "liveness", "passkey", "person"),
        "synced_passkey_weight",
        *("class_code_weight", "present_threshold", "offline_factor", "offline_limit"),
    )
)


def factor_names(names: Iterable[str]) -> str:
    """In words; "–" for none."""
    chosen = set(names)
    return ", ".join(str(label) for name, label in FACTORS if name in chosen) or "–"


class FactorsField(forms.MultipleChoiceField):
    """A subset of the factors that may decide, as a list."""

    def __init__(self, *, without: tuple[str, ...] = (), **kwargs: Any) -> None:
        left_out = {NEVER_DECISIVE, *without}
        choices = [(name, label) for name, label in FACTORS if name not in left_out]
        super().__init__(
            choices=choices,
            required=False,
            widget=UnfoldAdminCheckboxSelectMultipleWidget,
            **kwargs,
        )


def weight_field(name: str, label: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        min_value=0,
        max_value=1,
        decimal_places=3,
        initial=default_weights()[name],
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "0.01"}),
    )


class PolicyForm(forms.ModelForm):
    """Weights are numbers from 0 to 1 that count in proportion to each other."""

    weight_qr = weight_field("qr", FACTORS[0][1])
    weight_device = weight_field("device", FACTORS[1][1])
    weight_location = weight_field("location", FACTORS[2][1])
    weight_bluetooth = weight_field("bluetooth", FACTORS[3][1])
    weight_face = weight_field("face", FACTORS[4][1])
    weight_person = weight_field("person", FACTORS[5][1])

    required = FactorsField(
        without=("face", "person"),  # they have settings of their own
        label=_("Required factors"),
        initial=default_required,
        help_text=_("Must be proven."),
    )
    decisive = FactorsField(
        label=_("Decisive factors"),
        initial=default_decisive,
        help_text=_("A definite failure makes the check-in invalid; “could not tell” does not."),
    )

    class Meta:
        model = Policy
        fields = [
            "course",
            "required",
            "decisive",
            "face",
            "liveness",
            "passkey",
            "person",
            "synced_passkey_weight",
            "class_code_weight",
            "card_weight",
            "present_threshold",
            "late_after_minutes",
            "grace_minutes",
            "open_before_minutes",
            "open_after_minutes",
            "close_after_minutes",
            "check_in_from_minutes",
            "check_in_until_minutes",
            "offline_factor",
            "offline_limit",
            "waiting_hours",
            "edit_days",
            "locked_before",
            "appeal_days",
            "defaulter_percent",
            "warn_percent",
            "consecutive_absences",
            "arrivals",
            "class_photos",
            "cameras",
        ]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if all(f"weight_{name}" in self.cleaned_data for name, _label in FACTORS):
            try:
                validate_weights(self.weights())
            except ValidationError as error:
                self.add_error("weight_location", error)
        return cleaned

    def clean_locked_before(self) -> date | None:
        """A lock applies at once: a later day would lock sessions that were not held yet."""
        day: date | None = self.cleaned_data["locked_before"]
        if day and day > timezone.localdate():
            raise ValidationError(_("Only days that have passed can be locked."))
        return day

    def weights(self) -> dict[str, float]:
        """What was typed, as the policy keeps it."""
        return {name: float(self.cleaned_data[f"weight_{name}"]) for name, _label in FACTORS}

    def unsaved(self) -> Policy:
        """The policy that this form describes, as far as scores go."""
        rules = {
            name: self.cleaned_data[name]
            for name in PREVIEWED
            if name in self.cleaned_data and not name.startswith("weight_")
        }
        return Policy(weights=self.weights(), **rules)
