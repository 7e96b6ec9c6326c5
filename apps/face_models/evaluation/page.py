"""The page of an evaluation: tables and plots in one file, without anything from elsewhere.

No photo and nobody's name is in it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Final

import numpy as np

from apps.face_models.evaluation.groups import GroupComparison, GroupRates
from apps.face_models.evaluation.measuring import GROUPS_AT, PROPOSED_AT, Evaluation
from apps.face_models.evaluation.rates import RATES, Interval, Scores

WIDTH: Final = 620
HEIGHT: Final = 300
LEFT: Final = 60
BOTTOM: Final = 40
COLOURS: Final = ("#1f5fa8", "#b3541e")
STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:46rem;padding:0 1rem;
color:#1b1f24;background:#fff}
table{border-collapse:collapse;margin:1rem 0;width:100%}
th,td{border-bottom:1px solid #d0d7de;padding:.3rem .5rem;text-align:left}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.bad{color:#a40e26;font-weight:600}.good{color:#116329;font-weight:600}
svg{max-width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:#1b1f24}
.key1{color:#1f5fa8;font-weight:600}.key2{color:#b3541e;font-weight:600}
"""
WORDS: Final = {
    "refused": "refused for enrolling",
    "missed": "own photos missed",
    "matched": "strangers matched",
}


def page_of(found: Evaluation, *, verdicts: Sequence[tuple[bool, str]], at: datetime) -> str:
    """The whole HTML document. `verdicts`: what was demanded, and whether it holds."""
    title = f"Evaluation of {found.spec.name} {found.spec.version}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{at:%Y-%m-%d %H:%M} UTC. {found.photos} photos of {found.people} people; both engines "
        f"found a face in {found.compared}. SHA-256 of the weights: <code>"
        f"{escape(found.spec.sha256)}</code>. Intervals are of 95 %, by the bootstrap over "
        "people.</p>",
        "<ul>" + "".join(_verdict(*verdict) for verdict in verdicts) + "</ul>",
        "<h2>On the same pairs</h2>",
        _engines(found),
        "<h2>True accepts at each false match rate</h2>",
        _keys(found),
        _roc(found),
        "<h2>Distances</h2>",
        "<p>Pairs of one person, and the nearest pairs of two people: the others lie further to "
        "the right.</p>",
        _histogram(found.scores[found.spec.name], found.proposed),
        "<h2>Photos that could not be used</h2>",
        _failures(found),
        "<h2>Thresholds</h2>",
        _thresholds(found),
    ]
    if found.groups:
        parts += ["<h2>Groups</h2>", _groups(found)]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n{body}\n"
        "</body>\n</html>\n"
    )


def percent(of: Interval, places: int = 2) -> str:
    """`98.62 % (98.01 to 99.10)`."""
    value, low, high = (f"{100 * number:.{places}f}" for number in (of.value, of.low, of.high))
    return f"{value} % ({low} to {high})"


def ratio_of(compared: GroupComparison) -> str:
    """`1.66, 0.71 to 3.10`."""
    ratio = compared.ratio
    return f"{ratio.value:.2f}, {ratio.low:.2f} to {ratio.high:.2f}"


def _verdict(holds: bool, text: str) -> str:
    kind, word = ("good", "holds") if holds else ("bad", "does not hold")
    return f'<li><span class="{kind}">{word}</span>: {escape(text)}</li>'


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    first, *others = head
    cells = f"<th>{escape(first)}</th>" + "".join(f'<th class="n">{escape(h)}</th>' for h in others)
    body = ""
    for row in rows:
        name, *values = row
        numbers = "".join(f'<td class="n">{escape(value)}</td>' for value in values)
        body += f'<tr><th scope="row">{escape(name)}</th>{numbers}</tr>'
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def _engines(found: Evaluation) -> str:
    head = ["", *(f"TAR at FMR {rate:g}" for rate in RATES), "EER"]
    rows = [
        [name, *(percent(each.tar[rate]) for rate in RATES), percent(each.eer)]
        for name, each in found.engines.items()
    ]
    lost = [f"{percent(found.lost[rate])}".replace(" %", " points") for rate in RATES]
    return _table(head, [*rows, ["bare less this", *lost, ""]])


def _keys(found: Evaluation) -> str:
    names = [
        f'<span class="key{place}">{escape(name)}</span>'
        for place, name in enumerate(found.engines, start=1)
    ]
    return f"<p>{' and '.join(names)}.</p>"


def _frame(label: str, inside: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">'
        f'<path d="M{LEFT} 10V{HEIGHT - BOTTOM}H{WIDTH - 10}" fill="none" stroke="#57606a"/>'
        f"{inside}</svg>"
    )


def _across(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - 10)


def _up(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - 10)


def _text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _roc(found: Evaluation) -> str:
    """False match rates from 1e-5 to 1e-1 on a logarithmic axis; true accepts from 80 %."""
    inside = ""
    for exponent in range(-5, 0):
        x = _across((exponent + 5) / 4)
        inside += _text(x, HEIGHT - BOTTOM + 18, f"1e{exponent}")
    for tar in (80, 85, 90, 95, 100):
        inside += _text(LEFT - 6, _up((tar - 80) / 20) + 4, f"{tar} %", "end")
    inside += _text(_across(0.5), HEIGHT - 4, "false match rate")
    for colour, scores in zip(COLOURS, found.scores.values(), strict=True):
        ranks = np.unique(np.geomspace(1, len(scores.tail), 200).astype(int))
        rates = ranks / max(scores.impostors, 1)
        accepts = np.searchsorted(scores.genuine, scores.tail[ranks - 1], side="right")
        shares = accepts / max(len(scores.genuine), 1)
        points = [
            f"{_across((np.log10(rate) + 5) / 4):.1f},{_up(max((share - 0.8) / 0.2, 0)):.1f}"
            for rate, share in zip(rates, shares, strict=True)
            if 1e-5 <= rate <= 1e-1
        ]
        inside += (
            f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" '
            'stroke-width="2"/>'
        )
    return _frame("True accepts by false match rate, both engines", inside)


def _histogram(scores: Scores, threshold: float | None) -> str:
    """Own pairs from 0 to 1.2, each bar as high as its share of the highest; strangers below."""
    edges = np.linspace(0, 1.2, 61)
    inside = ""
    for colour, values in zip(COLOURS, (scores.genuine, scores.tail), strict=True):
        counts, _edges = np.histogram(values, bins=edges)
        for place, count in enumerate(counts):
            height = _up(0) - _up(0.95 * count / max(counts.max(), 1))
            x = _across(place / 60)
            inside += (
                f'<rect x="{x:.1f}" y="{_up(0) - height:.1f}" width="8" height="{height:.1f}" '
                f'fill="{colour}" fill-opacity="0.55"/>'
            )
    for tenth in range(0, 13, 2):
        inside += _text(_across(tenth / 12), HEIGHT - BOTTOM + 18, f"{tenth / 10:.1f}")
    if threshold is not None:
        x = _across(min(threshold / 1.2, 1))
        inside += f'<path d="M{x:.1f} 10V{HEIGHT - BOTTOM}" stroke="#1b1f24" stroke-dasharray="4"/>'
    inside += _text(_across(0.5), HEIGHT - 4, "cosine distance")
    return _frame("Distances of pairs of one person and of the nearest pairs of two people", inside)


def _failures(found: Evaluation) -> str:
    rows = [
        [reason, str(found.refused[reason]), str(found.unfit[reason])]
        for reason in sorted({*found.refused, *found.unfit})
    ]
    total = ["all", str(found.refused.total()), str(found.unfit.total())]
    return (
        f"<p>Failure to enrol: {100 * found.failure_to_enrol:.2f} % of the photos, "
        f"{found.people_without} of {found.people} people with all of theirs.</p>"
        + _table(["first reason", "for enrolling", "for check-ins"], [*rows, total])
    )


def _thresholds(found: Evaluation) -> str:
    proposed = "too few pairs" if found.proposed is None else f"{found.proposed:.3f}"
    at = found.engines[found.spec.name].thresholds[PROPOSED_AT]
    words = (
        f"<p>Proposed for one template: <strong>{proposed}</strong> (registered: "
        f"{found.spec.threshold:g}). FMR {PROPOSED_AT:g} is reached at {at.value:.4f} "
        f"({at.low:.4f} to {at.high:.4f}).</p>"
    )
    rows = [
        [
            str(limit.templates),
            f"{limit.threshold:.4f}",
            f"{found.spec.threshold + found.spec.margin(limit.templates):.4f}",
            f"{100 * limit.missed:.2f} %",
            f"{limit.comparisons:,}",
        ]
        for limit in found.limits
    ]
    head = ["templates", f"limit at FMR {PROPOSED_AT:g}", "registered", "missed", "strangers"]
    return words + _table(head, rows)


def _groups(found: Evaluation) -> str:
    parts = [
        f"<p>At the threshold of FMR {GROUPS_AT:g} of everybody; strangers are two people of one "
        "group. A rate is judged where at least five errors are expected.</p>"
    ]
    for attribute in dict.fromkeys(group.attribute for group in found.groups):
        members = [group for group in found.groups if group.attribute == attribute]
        rows = [
            [f"{g.group} ({g.people} people, {g.photos} photos)"]
            + [percent(getattr(g, rate), 3) + ("" if rate in g.judged else " *") for rate in WORDS]
            for g in members
        ]
        parts += [
            f"<h3>{escape(attribute)}</h3>",
            _table(["", *WORDS.values()], rows),
            _whiskers(members, "missed"),
        ]
    ratios = [
        [
            f"{each.attribute}: {WORDS[each.rate]}",
            f"{each.highest} to {each.lowest}",
            ratio_of(each),
        ]
        for each in found.compared_groups
    ]
    parts += ["<p>* too few errors to be judged.</p>", _table(["rate", "groups", "ratio"], ratios)]
    return "".join(parts)


def _whiskers(groups: Sequence[GroupRates], rate: str) -> str:
    """The rate of each group as a point with its interval."""
    rates = [getattr(group, rate) for group in groups]
    most = max((each.high for each in rates if each.high == each.high), default=0.0) or 1.0
    inside = _text(LEFT - 6, _up(1) + 10, f"{100 * most:.2f} %", "end")
    for place, (group, each) in enumerate(zip(groups, rates, strict=True)):
        x = _across((place + 0.5) / len(groups))
        inside += _text(x, HEIGHT - BOTTOM + 18, group.group[:18])
        if each.value != each.value:
            continue
        inside += (
            f'<path d="M{x:.1f} {_up(each.low / most):.1f}V{_up(each.high / most):.1f}" '
            f'stroke="{COLOURS[0]}" stroke-width="2"/>'
            f'<circle cx="{x:.1f}" cy="{_up(each.value / most):.1f}" r="4" fill="{COLOURS[0]}"/>'
        )
    return _frame(f"{WORDS[rate]}, by group, with intervals", inside)
