"""What a lecturer chooses for a course on a learning platform."""

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
