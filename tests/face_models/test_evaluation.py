"""Error rates, intervals, groups, the page: on made-up vectors, and the command on real photos."""

import json
import re
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from apps.biometrics.engines import Engine
from apps.biometrics.engines.base import EngineSpec
from apps.face_models.evaluation import measuring
from apps.face_models.evaluation.groups import (
    GroupsUnreadable,
    comparisons,
    rates_of_groups,
    read_groups,
)
from apps.face_models.evaluation.looking import Looked
from apps.face_models.evaluation.measuring import TooFew, evaluate
from apps.face_models.evaluation.page import page_of
from apps.face_models.evaluation.pairs import operating_point, pair_distances
from apps.face_models.evaluation.rates import (
    accepted,
    drawings,
    equal_error,
    false_matches,
    measured,
    points,
    scores_of,
)

SPEC = EngineSpec(name="sface", version="1", dimension=16, threshold=0.5, sha256="a" * 64)
NAMES = [f"lfw/P{number:02}" for number in range(40)]


def made_up(*, spread: float = 0.8, photos: int = 4, people: int = 40) -> tuple[np.ndarray, ...]:
    """Unit vectors of 16 numbers around a direction for each person, and whose they are."""
    random = np.random.default_rng(3)
    who = np.repeat(np.arange(people), photos)
    plain = random.normal(size=(people, 16))[who] + spread * random.normal(size=(len(who), 16))
    return plain / np.linalg.norm(plain, axis=1, keepdims=True), who


def looked_at(spread: float = 0.8) -> list[Looked]:
    vectors, who = made_up(spread=spread)
    return [
        Looked(
            person=NAMES[person],
            refused=("too_dark",) if place % 40 == 0 else (),
            unfit=(),
            vector=vector.astype(np.float32),
            template=None if place % 40 == 0 else vector.astype(np.float32),
            bare=vector.astype(np.float32),
        )
        for place, (vector, person) in enumerate(zip(vectors, who, strict=True))
    ]


class TestRates:
    def test_points_are_those_of_all_pairs(self) -> None:
        vectors, who = made_up()
        pairs, scores = pair_distances(vectors, who.tolist()), scores_of(vectors, who)
        assert (len(scores.genuine), scores.impostors) == (len(pairs.genuine), len(pairs.impostor))
        for rate, (threshold, tar) in zip((1e-2, 1e-3), points(scores), strict=False):
            expected = operating_point(pairs, fmr=rate)
            assert (threshold, tar) == pytest.approx((expected.threshold, expected.tar))
            everybody = np.ones(scores.people)
            assert false_matches(scores, threshold, everybody) == pytest.approx(
                expected.measured_fmr
            )
            assert accepted(scores, threshold, everybody) == pytest.approx(expected.tar)

    def test_equal_error_is_where_both_rates_meet(self) -> None:
        vectors, who = made_up()
        pairs = pair_distances(vectors, who.tolist())
        rate = equal_error(scores_of(vectors, who))
        point = operating_point(pairs, fmr=rate)
        assert 0.01 < rate < 0.2
        assert 1 - point.tar == pytest.approx(rate, abs=0.005)

    def test_who_is_drawn_twice_counts_twice_and_is_not_compared_with_themselves(self) -> None:
        vectors, who = made_up(people=4)
        twice = np.array([2.0, 1.0, 1.0, 0.0])
        scores = scores_of(vectors, who)
        copies = np.concatenate([np.flatnonzero(who == p) for p in (0, 0, 1, 2)])
        same = pair_distances(vectors[copies], np.repeat([0, 1, 2, 3], 4).tolist())
        threshold = float(np.median(scores.tail))
        matched = (same.impostor <= threshold).sum() - (same.impostor < 1e-9).sum()
        own = pair_distances(vectors[who == 0], [0] * 4)
        # The copies of person 0 make 16 pairs, which are no strangers'.
        matched -= 2 * (own.genuine <= threshold).sum()
        assert false_matches(scores, threshold, twice) == pytest.approx(
            matched / (len(same.impostor) - 16)
        )

    def test_intervals_hold_the_value_and_narrow_with_more_people(self) -> None:
        widths = []
        for people in (20, 80):
            vectors, who = made_up(people=people)
            found = measured(scores_of(vectors, who), drawings(people, 60))
            for each in (found.eer, *found.tar.values()):
                assert 0 <= each.low <= each.value + 0.02
                assert each.value - 0.02 <= each.high <= 1
            widths.append(found.eer.high - found.eer.low)
        assert widths[1] < widths[0]


class TestGroups:
    def test_a_group_that_is_missed_more_often_is_found(self) -> None:
        """The photos of every second person vary more."""
        random = np.random.default_rng(4)
        who = np.repeat(np.arange(60), 4)
        spread = np.where(who % 2 == 0, 0.5, 1.2)[:, None]
        plain = random.normal(size=(60, 16))[who] + spread * random.normal(size=(240, 16))
        scores = scores_of(plain / np.linalg.norm(plain, axis=1, keepdims=True), who)
        found = rates_of_groups(
            "varies",
            ["no", "yes"] * 30,
            scores,
            np.zeros(60, np.int64),
            np.full(60, 4),
            drawings(60, 50),
            threshold=points(scores)[0][0],
        )
        assert [each.group for each in found] == ["no", "yes"]
        assert all("refused" not in each.judged for each in found)
        by_rate = {each.rate: each for each in comparisons(found)}
        assert (by_rate["missed"].highest, by_rate["missed"].lowest) == ("yes", "no")
        assert by_rate["missed"].ratio.value > 1.5
        assert by_rate["missed"].is_sure

    def test_files_of_groups(self, tmp_path: Path) -> None:
        path = tmp_path / "groups.csv"
        path.write_text("\ufeffidentity,file,tone\nAda,1.jpg,dark\nAda,2.jpg,dark\nBob,3.jpg,\n")
        assert read_groups(path) == {"tone": {"Ada": "dark"}}
        for text, why in (
            ("", "needs rows"),
            ("who,tone\nAda,dark\n", "column person"),
            ("person\nAda\n", "no column of groups"),
            ("person,tone\nAda,dark\nAda,light\n", "line 3: Ada is in two groups"),
            ('person,tone\nAda,"dark\n', "cannot be read as CSV"),
        ):
            path.write_text(text)
            with pytest.raises(GroupsUnreadable, match=why):
                read_groups(path)
        path.write_bytes(b"\xff\xfe\x00")
        with pytest.raises(GroupsUnreadable, match="UTF-8"):
            read_groups(path)


class TestEvaluations:
    def test_everything_is_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(measuring, "PROPOSED_AT", 1e-2)
        unreadable = Looked(person="lfw/P99", refused=("not_an_image",), unfit=("not_an_image",))
        found = evaluate(
            [*looked_at(), unreadable],
            SPEC,
            attributes={"half": {name[4:]: "ab"[n % 2] for n, name in enumerate(NAMES)}},
            rounds=30,
            report=lambda _name: None,
        )
        assert (found.people, found.photos, found.compared) == (41, 161, 160)
        assert found.refused == {"too_dark": 4, "not_an_image": 1}
        assert found.failure_to_enrol == pytest.approx(5 / 161)
        assert found.people_without == 1
        assert all(lost.value == 0 for lost in found.lost.values())
        assert [limit.templates for limit in found.limits] == [1, 2, 3]
        thresholds = [limit.threshold for limit in found.limits]
        assert thresholds == sorted(thresholds)
        assert found.limits[0].missed > found.limits[2].missed
        assert [group.people for group in found.groups] == [20, 20]

    def test_too_few_pairs_propose_nothing(self) -> None:
        found = evaluate(looked_at(), SPEC, attributes={}, rounds=20, report=lambda _name: None)
        assert found.proposed is None
        with pytest.raises(TooFew, match="two people"):
            evaluate(looked_at()[:4], SPEC, attributes={}, rounds=20, report=lambda _name: None)

    def test_the_page_stands_alone_and_is_well_formed(self, now: datetime) -> None:
        found = evaluate(
            looked_at(),
            SPEC,
            attributes={"<half>": {name[4:]: "<a>b"[n % 2 :] for n, name in enumerate(NAMES)}},
            rounds=20,
            report=lambda _name: None,
        )
        page = page_of(found, verdicts=[(True, "one < two"), (False, "no")], at=now)
        body = page.split("\n", 1)[1].replace('<meta charset="utf-8">', "")
        body = re.sub(r'<meta name="viewport"[^>]*>', "", body)
        tree = ElementTree.fromstring(body)
        pictures = tree.findall(".//svg")
        assert len(pictures) == 3
        assert all(picture.get("aria-label") for picture in pictures)
        assert not re.findall(r"(?:src|href|url\(|https?:|<script)", page)
        assert not any(name[4:] in page for name in NAMES)
        assert "nan" not in page
        assert "2026-09-14" in page


class TestCommand:
    @pytest.fixture
    def photos(self, tmp_path: Path, astronaut_jpeg: bytes, demo_faces: Path) -> Path:
        """Two people of the demo's portraits, the astronaut, and a file that is no photo."""
        folder = tmp_path / "photos"
        for path in sorted(demo_faces.glob("*/*.jpg")):
            target = folder / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
        (folder / "astronaut").mkdir(parents=True, exist_ok=True)
        (folder / "astronaut" / "1.jpg").write_bytes(astronaut_jpeg)
        (folder / "astronaut" / "2.jpg").write_bytes(b"no photo")
        return folder

    def test_it_measures_real_photos_beside_the_bare_engine(
        self,
        engine: Engine,
        photos: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        report, figures = tmp_path / "report.html", tmp_path / "figures.json"
        call_command("evaluate_model", pairs=photos, report=report, json=figures, rounds=20)
        said = capsys.readouterr().out
        assert "bare OpenCV" in said
        assert "holds: at most 0.5 points behind the bare engine on the same pairs" in said
        assert "none, too few pairs" in said
        found = json.loads(figures.read_text())
        assert found["engine"]["sha256"] == engine.spec.sha256
        assert found["refused"]["not_an_image"] == 1
        assert found["engines"]["sface"]["tar"]["0.01"]["value"] == 1.0
        assert report.read_text().startswith("<!doctype html>")

    def test_what_cannot_be_done_is_said_before_a_photo_is_looked_at(
        self, engine: Engine, photos: Path, tmp_path: Path
    ) -> None:
        groups = tmp_path / "groups.csv"
        groups.write_text("person,tone\nNobody,dark\n")
        (tmp_path / "empty").mkdir()
        for options, why in (
            ({"pairs": tmp_path / "nowhere"}, "is no folder"),
            ({"pairs": tmp_path / "empty"}, "has no photos"),
            ({"report": tmp_path / "nowhere" / "page.html"}, "cannot be written"),
            ({"groups": groups}, "nobody of the column tone"),
            ({"groups": tmp_path / "nothing.csv"}, "cannot be read"),
            ({"model": "nonesuch"}, "Known engines"),
            ({"pairs": photos / "astronaut"}, "has no photos"),
        ):
            with pytest.raises(CommandError, match=why):
                call_command("evaluate_model", **{"pairs": photos, **options})
        for name, value in (("--max-ratio", "0.5"), ("--rounds", "1"), ("--max-ratio", "nan")):
            with pytest.raises(CommandError, match=re.escape(value)):
                call_command("evaluate_model", f"--pairs={photos}", f"{name}={value}")
