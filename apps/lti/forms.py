"""What a lecturer chooses for a course on a learning platform."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.lti.models import LtiLink


class ScoresForm(forms.ModelForm):
    class Meta:
        model = LtiLink
        fields = ["scores", "points", "threshold", "drop_lowest"]
        labels = {
            "scores": _("What is sent"),
            "points": _("Points"),
            "threshold": _("All points from (%)"),
            "drop_lowest": _("Missed sessions that do not count"),
        }


class CourseForm(forms.Form):
    """By its code: a campus has too many courses for one list."""

    code = forms.CharField(label=_("Code of the course here"), max_length=40, help_text="CS201-A")


class ChoiceForm(forms.Form):
    """What a link leads to: one page, or `several` where the platform takes more links at once.

    `graded`: whether a grade column may come with it.
    """

    graded = forms.BooleanField(
        label=_("With a grade column for attendance"),
        required=False,
        help_text=_("It fills once you have chosen, on the page of the connection, what is sent."),
    )

    def __init__(self, *args: Any, several: bool, graded: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = [
            ("check_in", _("Check-in: today's session of the course")),
            ("attendance", _("My attendance in the course")),
        ]
        self.fields["pages"] = (
            forms.MultipleChoiceField(
                label=_("What the links lead to"),
                choices=offered,
                widget=forms.CheckboxSelectMultiple,
            )
            if several
            else forms.ChoiceField(
                label=_("What the link leads to"), choices=offered, widget=forms.RadioSelect
            )
        )
        if not graded:
            del self.fields["graded"]

    @property
    def chosen(self) -> list[str]:
        found = self.cleaned_data["pages"]
        return [found] if isinstance(found, str) else list(found)
