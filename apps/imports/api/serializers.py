"""Input and output of the import endpoints."""

from typing import Any, Final

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.common.fields import MomentField
from apps.common.inputs import Input
from apps.common.strict_json import UnreadableJSON, loads
from apps.import_types.registry import IMPORT_TYPES
from apps.imports.models import ImportRun
from apps.imports.selectors import asked_questions, progress_of, state_of

HEAVY: Final = ("problems", "headings", "questions")


class OptionsInput(Input):
    """What the file itself does not say."""

    replace = serializers.BooleanField(
        required=False, help_text=_("Deactivate who is missing from the file. Deletes nothing.")
    )
    department = serializers.CharField(required=False, max_length=50)
    year = serializers.IntegerField(required=False, min_value=1, max_value=10)
    section = serializers.CharField(required=False, max_length=10)
    term = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)


class JsonText(serializers.CharField):
    """A JSON object as text: multipart forms have no objects."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            return data
        try:
            parsed = loads(super().to_internal_value(data) or "{}")
        except UnreadableJSON as error:
            raise serializers.ValidationError(error.message, error.code) from error
        if not isinstance(parsed, dict):
            raise serializers.ValidationError(_("A JSON object is expected."))
        return parsed


class UploadInput(Input):
    kind = serializers.ChoiceField(
        choices=[(found.name, found.label) for found in IMPORT_TYPES.values()]
    )
    file = serializers.FileField(max_length=200)
    options = JsonText(required=False, max_length=2000, help_text=_("A JSON object."))

    def validate_options(self, value: dict[str, Any]) -> dict[str, Any]:
        inner = OptionsInput(data=value)
        inner.is_valid(raise_exception=True)
        return dict(inner.validated_data)


class MappingInput(Input):
    """Which heading of the file means which column; "" leaves a column out."""

    mapping = serializers.DictField(
        child=serializers.CharField(allow_blank=True, max_length=40), required=False, default=dict
    )
    options = OptionsInput(required=False, default=dict)


class AnswersInput(Input):
    """By the key of the question: the value of a choice, or null to forget the answer."""

    answers = serializers.DictField(
        child=serializers.CharField(max_length=2000, allow_null=True), allow_empty=False
    )


class CommitInput(Input):
    removed = serializers.IntegerField(
        default=0,
        min_value=0,
        max_value=10**6,
        help_text=_("How many people you saw that will be deactivated."),
    )
    check = serializers.UUIDField(
        required=False,
        help_text=_("The `check` that you saw; refused when there was another one since."),
    )


class ProblemOutput(serializers.Serializer):
    sheet = serializers.CharField()
    row = serializers.IntegerField()
    column = serializers.CharField()
    value = serializers.CharField()
    reason = serializers.CharField()


class ProgressOutput(serializers.Serializer):
    status = serializers.CharField()
    phase = serializers.CharField()
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    percent = serializers.IntegerField()
    problem = serializers.CharField()


class ChoiceOutput(serializers.Serializer):
    value = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]


class ExampleOutput(serializers.Serializer):
    sheet = serializers.CharField()
    row = serializers.IntegerField()
    cell = serializers.CharField()
    becomes = serializers.ListField(
        child=serializers.CharField(), help_text=_("What each choice would make of the cell.")
    )


class QuestionOutput(serializers.Serializer):
    """What the file leaves open. While an `answer` is "", the import cannot be committed."""

    key = serializers.CharField()
    text = serializers.CharField()
    choices = ChoiceOutput(many=True)
    examples = ExampleOutput(many=True)
    answer = serializers.CharField()
    remembered = serializers.BooleanField(help_text=_("From an earlier file of this kind."))
    certain = serializers.BooleanField(
        help_text=_("The file itself shows the answer; it can be changed.")
    )
    answered_at = MomentField(allow_null=True)
    answered_by = serializers.CharField(allow_null=True)


class ImportOutput(serializers.ModelSerializer):
    """`result`: rows, new, changed, unchanged, removed, wrong, invited, removed_names,
    invited_addresses, notes, open (questions without an answer), checked_as (the roles that the
    check was made with)."""

    status = serializers.SerializerMethodField(
        help_text=_("checking, checked, committing, done, failed or cancelled.")
    )
    progress = serializers.SerializerMethodField()
    check = serializers.UUIDField(
        source="job_id",
        allow_null=True,
        help_text=_("The job that checks or saves it, for `commit`."),
    )
    result = serializers.DictField()
    problems = ProblemOutput(many=True)
    questions = serializers.SerializerMethodField()
    headings = serializers.ListField(child=serializers.DictField())
    marked = serializers.SerializerMethodField(help_text=_("Whether errors.xlsx can be fetched."))

    class Meta:
        model = ImportRun
        fields = [
            "id",
            "kind",
            "filename",
            "size",
            "sha256",
            "options",
            "mapping",
            "headings",
            "questions",
            "status",
            "problem",
            "progress",
            "check",
            "result",
            "problems",
            "marked",
            "created_at",
            "finished_at",
        ]

    def get_status(self, run: ImportRun) -> str:
        return state_of(run)

    @extend_schema_field(ProgressOutput)
    def get_progress(self, run: ImportRun) -> dict[str, Any]:
        return progress_of(run)

    @extend_schema_field(QuestionOutput(many=True))
    def get_questions(self, run: ImportRun) -> list[dict[str, Any]]:
        return list(QuestionOutput(asked_questions(run), many=True).data)

    def get_marked(self, run: ImportRun) -> bool:
        return bool(run.marked_as)


class ImportRow(ImportOutput):
    """In lists: without the wrong rows and the questions."""

    class Meta(ImportOutput.Meta):
        fields = [name for name in ImportOutput.Meta.fields if name not in HEAVY]

    problems = None  # type: ignore[assignment]
    headings = None  # type: ignore[assignment]
    questions = None  # type: ignore[assignment]


class FieldOutput(serializers.Serializer):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    required = serializers.BooleanField()  # type: ignore[assignment]
    headings = serializers.ListField(child=serializers.CharField())
    note = serializers.CharField()
    example = serializers.CharField()


class KindOutput(serializers.Serializer):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    can_replace = serializers.BooleanField()
    options = serializers.ListField(child=serializers.CharField())
    columns = FieldOutput(many=True, source="fields")
