"""The commonest things that servers said in a period: texts that differ only in names and numbers are one."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from django.db.models import Sum

from bounces.advice import Advice, advice_for
from bounces.report_scope import Scope
from bounces.rule_words import rule_source
from campaigns.models import FAILURES, Delivery
from mta.verdicts import Kind, Reason

# The newest failures that are read, and the mailings they are looked for in: a page must not read millions of rows.
SAMPLE = 10_000
MAILINGS = 500
SHOWN = 20
DIGIT_OR_AT = re.compile("[0-9@]")
EXAMPLE_LENGTH = 400


@dataclass(frozen=True, slots=True)
class Answer:
    """One thing that servers say, with what it means."""

    number: int
    code: str
    kind: str
    reason: str
    # The words of one of them, as the server wrote them.
    text: str
    rule: str
    source: str
    advice: Advice
    query: str

    def kind_label(self) -> str:
        """Return the kind in words."""
        return str(Kind(self.kind).label) if self.kind else ""

    def reason_label(self) -> str:
        """Return the reason in words."""
        return str(Reason(self.reason).label) if self.reason else ""


@dataclass(frozen=True, slots=True)
class Answers:
    """The commonest answers among `read` failures; `is_capped` where there were more."""

    rows: list[Answer]
    read: int
    is_capped: bool


def normalise(text: str) -> str:
    """Return a text without what differs from mail to mail: words that hold a digit or an address become "#"."""
    return " ".join([word if word.isalpha() or not DIGIT_OR_AT.search(word) else "#" for word in text.lower().split()])


def find_sample(scope: Scope) -> tuple[list[int], bool]:
    """Return the newest mailings that hold the sample of failures, and whether there are more than it takes."""
    failed = scope.tallies().filter(state__in=FAILURES).values_list("campaign_id").annotate(Sum("number"))
    chosen: list[int] = []
    rows = 0
    for campaign_id, number in failed.order_by("-campaign_id")[: MAILINGS + 1]:
        if rows >= SAMPLE or len(chosen) == MAILINGS:
            return chosen, True
        chosen.append(campaign_id)
        rows += number
    return chosen, rows > SAMPLE


def commonest_answers(scope: Scope) -> Answers:
    """Return the commonest answers of a scope, the most frequent first. Three queries."""
    mailings, is_capped = find_sample(scope)
    found = Delivery.objects.filter(campaign__in=mailings).failures()
    if scope.provider:
        found = found.filter(lane__in=scope.lanes().get(scope.provider, []))
    read = found.values_list("code", "kind", "reason", "rule", "text")[:SAMPLE]
    numbers: Counter[tuple[str, ...]] = Counter()
    examples: dict[tuple[str, ...], str] = {}
    # Many servers say the very same: each wording is looked at once.
    for (*group, text), number in Counter(read).items():
        key = (*group, normalise(text))
        numbers[key] += number
        examples.setdefault(key, text)
    rows = [make_answer(key, number, examples[key], scope) for key, number in numbers.most_common(SHOWN)]
    return Answers(rows, numbers.total(), is_capped)


def make_answer(key: tuple[str, ...], number: int, text: str, scope: Scope) -> Answer:
    """Return an answer with its explanation."""
    code, kind, reason, rule = key[:4]
    return Answer(
        number=number,
        code=code,
        kind=kind,
        reason=reason,
        text=text[:EXAMPLE_LENGTH],
        rule=rule,
        source=rule_source(rule),
        advice=advice_for(reason, rule),
        query=scope.query({"kind": kind, "reason": reason}),
    )
