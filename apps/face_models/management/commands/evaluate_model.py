"""`manage.py evaluate_model --pairs DIR`: how often a face engine errs on labelled photos."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone
from tqdm import tqdm

from apps.biometrics.engines import DEFAULT_ENGINE, EngineUnavailable, get_engine
from apps.biometrics.weights.catalogue import WeightsError
from apps.common.commands import CampusCommand
from apps.face_models.evaluation.bare import bare_opencv
from apps.face_models.evaluation.groups import GroupsUnreadable, read_groups
from apps.face_models.evaluation.looking import look_at_all
from apps.face_models.evaluation.measuring import PROPOSED_AT, Evaluation, TooFew, evaluate
from apps.face_models.evaluation.page import WORDS, page_of, percent, ratio_of
from apps.face_models.evaluation.pairs import LabelledPhoto, labelled_photos
from apps.face_models.evaluation.rates import RATES

MOST_PHOTOS: Final = 20_000
LOSS: Final = 0.005  # half a point of true accepts
Verdicts = list[tuple[bool, str]]


class Command(CampusCommand):
    help = (
        "Measure a face engine on labelled photos: true accepts at false match rates, equal error "
        "rate, failures to enrol, groups, beside OpenCV's bare engine on the same pairs. Fails "
        "where the engine is worse than the bare one or groups differ too much. Stores nothing "
        "but the reports asked for."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--pairs",
            type=Path,
            required=True,
            metavar="DIR",
            help="folders of people with their photos: DIR/…/PERSON/….jpg",
        )
        parser.add_argument(
            "--groups",
            type=Path,
            metavar="FILE",
            help="CSV: a column person (the folder's name), and one for each attribute",
        )
        parser.add_argument("--report", type=Path, metavar="FILE", help="write a page of HTML")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON")
        parser.add_argument(
            "--model", metavar="NAME", help="an engine; CAMPUS_FACE_MODEL's without"
        )
        parser.add_argument(
            "--max-ratio",
            type=_ratio,
            default=1.5,
            metavar="X",
            help="by which a group's rate may exceed another's, from 1; 1.5 without",
        )
        parser.add_argument(
            "--only-sure",
            action="store_true",
            help="groups fail only where the interval of the ratio lies above 1",
        )
        parser.add_argument(
            "--rounds",
            type=_rounds,
            default=500,
            metavar="N",
            help="drawings of people for the intervals, 20 to 10000; 500 without",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        found, verdicts = self._evaluated(options)
        self._print(found, verdicts)
        if options["report"]:
            page = page_of(found, verdicts=verdicts, at=timezone.now())
            _write(options["report"], page)
        if options["json"]:
            _write(options["json"], _figures(found, verdicts))
        failed = [text for holds, text in verdicts if not holds]
        if failed:
            raise CommandError("Does not hold: " + "; ".join(failed))

    def _evaluated(self, options: dict[str, Any]) -> tuple[Evaluation, Verdicts]:
        """Everything that can be refused is, before the photos are looked at."""
        photos = _photos(options["pairs"])
        for path in (options["report"], options["json"]):
            if path is not None and (not path.parent.is_dir() or path.is_dir()):
                raise CommandError(f"{path} cannot be written: there is no folder {path.parent}.")
        try:
            attributes = read_groups(options["groups"]) if options["groups"] else {}
            engine = get_engine(options["model"] or settings.CAMPUS_FACE_MODEL)
            bare = bare_opencv(Path(settings.CAMPUS_MODELS_DIR))
        except (GroupsUnreadable, EngineUnavailable, WeightsError) as error:
            raise CommandError(str(error)) from error
        people = {photo.person for photo in photos} | {photo.path.parent.name for photo in photos}
        for attribute, members in attributes.items():
            if not members.keys() & people:
                raise CommandError(
                    f"{options['groups']}: nobody of the column {attribute} has a folder in "
                    f"{options['pairs']}."
                )
        try:
            with tqdm(total=len(photos), desc="photos", leave=False, disable=None) as bar:
                looked = look_at_all(photos, engine, bare, report=bar.update)
            with tqdm(desc="rates", bar_format="{desc}: {postfix}", leave=False) as bar:
                found = evaluate(
                    looked,
                    engine.spec,
                    attributes=attributes,
                    rounds=options["rounds"],
                    report=bar.set_postfix_str,
                )
        except TooFew as error:
            raise CommandError(f"{options['pairs']}: {error}") from error
        except OSError as error:
            raise CommandError(f"A photo cannot be read: {error}") from error
        return found, _verdicts(found, options["max_ratio"], only_sure=options["only_sure"])

    def _print(self, found: Evaluation, verdicts: Verdicts) -> None:
        say = self.stdout.write
        say(
            f"{found.photos} photos of {found.people} people, a face in {found.compared}; "
            f"{found.spec.name} {found.spec.version}, intervals of 95 %"
        )
        for name, each in found.engines.items():
            rates = ", ".join(f"at {rate:g} {percent(each.tar[rate])}" for rate in RATES)
            say(f"{name:12} TAR {rates}; EER {percent(each.eer)}")
        lost = ", ".join(f"at {r:g} {percent(found.lost[r])}" for r in RATES)
        say(f"{'bare less':12} TAR {lost}".replace(" %", " points"))
        say(
            f"failure to enrol: {100 * found.failure_to_enrol:.2f} % of photos "
            f"({_counts(found.refused)}), {found.people_without} of {found.people} people; "
            f"unfit for check-ins: {100 * found.unfit.total() / found.photos:.2f} % "
            f"({_counts(found.unfit)})"
        )
        proposed = "none, too few pairs" if found.proposed is None else f"{found.proposed:.3f}"
        at = found.engines[found.spec.name].thresholds[PROPOSED_AT]
        say(
            f"proposed threshold: {proposed} (registered {found.spec.threshold:g}); FMR "
            f"{PROPOSED_AT:g} at {at.value:.4f} ({at.low:.4f} to {at.high:.4f})"
        )
        for limit in found.limits:
            say(
                f"mean distance to {limit.templates}: {limit.threshold:.4f} at FMR "
                f"{PROPOSED_AT:g}, {100 * limit.missed:.2f} % of own photos missed, "
                f"{limit.comparisons:,} comparisons of strangers"
            )
        for group in found.groups:
            rates = ", ".join(
                f"{words} {percent(getattr(group, rate), 3)}"
                + ("" if rate in group.judged else " (too few to judge)")
                for rate, words in WORDS.items()
            )
            say(f"{group.attribute} {group.group}, {group.people} people: {rates}")
        for holds, text in verdicts:
            say(
                (self.style.SUCCESS if holds else self.style.ERROR)(
                    f"{'holds' if holds else 'does not hold'}: {text}"
                )
            )


def _photos(folder: Path) -> list[LabelledPhoto]:
    if not folder.is_dir():
        raise CommandError(f"{folder} is no folder.")
    photos = labelled_photos(folder)
    if not photos:
        raise CommandError(f"{folder} has no photos (JPEG, PNG, WebP) in folders of people.")
    if len(photos) > MOST_PHOTOS:
        raise CommandError(
            f"{folder} has {len(photos)} photos; at most {MOST_PHOTOS} are compared."
        )
    return photos


def _verdicts(found: Evaluation, max_ratio: float, *, only_sure: bool) -> Verdicts:
    verdicts = []
    if found.spec.name == DEFAULT_ENGINE:
        worst = max(found.lost.values(), key=lambda each: each.value)
        verdicts.append(
            (
                worst.value <= LOSS,
                f"at most {100 * LOSS:g} points behind the bare engine on the same pairs "
                f"({100 * worst.value:.2f})",
            )
        )
    for each in found.compared_groups:
        verdicts.append(
            (
                each.ratio.value <= max_ratio or (only_sure and not each.is_sure),
                f"{each.attribute}, {WORDS[each.rate]}: {each.highest} at most {max_ratio:g} times "
                f"{each.lowest} ({ratio_of(each)})",
            )
        )
    return verdicts


def _counts(reasons: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(reasons.items())) or "none"


def _figures(found: Evaluation, verdicts: Verdicts) -> str:
    body = {
        "engine": asdict(found.spec),
        "photos": found.photos,
        "people": found.people,
        "compared": found.compared,
        "refused": found.refused,
        "unfit": found.unfit,
        "people_without": found.people_without,
        "engines": {
            name: {
                "tar": {f"{rate:g}": asdict(value) for rate, value in each.tar.items()},
                "thresholds": {f"{r:g}": asdict(value) for r, value in each.thresholds.items()},
                "eer": asdict(each.eer),
            }
            for name, each in found.engines.items()
        },
        "lost": {f"{rate:g}": asdict(value) for rate, value in found.lost.items()},
        "proposed": found.proposed,
        "limits": [asdict(limit) for limit in found.limits],
        "groups": [
            {
                **{name: getattr(g, name) for name in ("attribute", "group", "people", "photos")},
                **{rate: asdict(getattr(g, rate)) for rate in WORDS},
                "judged": sorted(g.judged),
            }
            for g in found.groups
        ],
        "comparisons": [asdict(each) for each in found.compared_groups],
        "verdicts": [{"holds": holds, "text": text} for holds, text in verdicts],
    }
    return json.dumps(body, indent=1) + "\n"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error}") from error


def _ratio(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1 <= value < float("inf"):
        raise ArgumentTypeError(f"{text} is no number from 1.")
    return value


def _rounds(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 20 <= value <= 10_000:
        raise ArgumentTypeError(f"{text} is no number from 20 to 10000.")
    return value
