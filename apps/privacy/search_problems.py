"""Why faces may not be searched on a campus, by code and for people."""

from django.utils.translation import gettext_lazy as _

from apps.common.errors import Refusal


class SearchProblem(Refusal):
    NOT_WRITTEN = (
        "search_not_permitted",
        403,
        _("Searching for faces is off: the campus has written down no permission."),
    )
    WITHDRAWN = (
        "search_withdrawn",
        403,
        _("Searching for faces is off: the permission was withdrawn."),
    )
    ROSTER_ONLY = (
        "search_roster_only",
        403,
        _("Faces may be searched among the students of one class only."),
    )
    NO_PURPOSE = "search_without_purpose", 403, _("The permission to search names no purpose.")
    NO_LEGAL_BASIS = (
        "search_without_legal_basis",
        403,
        _("The permission to search names no legal basis."),
    )
    NO_ASSESSMENT = (
        "search_without_assessment",
        403,
        _("The permission to search has no day of an impact assessment."),
    )
    NO_OWNER = (
        "search_without_owner",
        403,
        _("Nobody answers for the impact assessment of the permission to search."),
    )
    NO_ALTERNATIVE = (
        "search_without_alternative",
        403,
        _("The permission to search names no alternative for those who do not agree."),
    )
    NO_REVIEWERS = (
        "search_without_reviewers",
        403,
        _("The permission to search does not say who looks at results before they count."),
    )
    NO_RETENTION = (
        "search_without_retention",
        403,
        _("The permission to search does not say how long photos and results are kept."),
    )
    NOT_BY_CAMERAS = (
        "search_not_by_cameras",
        403,
        _("The permission to search does not name cameras."),
    )
    NO_CAMERA_NOTICE = (
        "search_without_camera_notice",
        403,
        _("The permission to search does not say how people in front of cameras are told."),
    )


NEEDED = {
    "purpose": SearchProblem.NO_PURPOSE,
    "legal_basis": SearchProblem.NO_LEGAL_BASIS,
    "assessed_on": SearchProblem.NO_ASSESSMENT,
    "assessment_owner": SearchProblem.NO_OWNER,
    "alternative": SearchProblem.NO_ALTERNATIVE,
    "reviewers": SearchProblem.NO_REVIEWERS,
    "retention_days": SearchProblem.NO_RETENTION,
}
"""What has to be written down, and what is said where it is not."""
