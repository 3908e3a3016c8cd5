"""Segments: the compiled query finds whom plain Python finds, and refuses what it cannot mean."""

from datetime import UTC, datetime, timedelta

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lists.conditions import (
    ATTRIBUTE,
    FIXED,
    OPERATORS,
    Shape,
    operators_for,
)
from lists.models import Consent, Engagement, Subscriber, Subscription
from lists.segments import (
    compile_group,
    read_conditions,
)
from tests.factories import make_list, make_subscriber, make_workspace
from tests.lists.segment_reference import fulfils

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 2, 27, 16, 30, tzinfo=UTC)  # 28 February in Japan, where no 29th follows
NAMES = ["ランク", "points", '引用"符', "2024", "a.b", "it's", "百%", "back\\slash"]
TEXTS = [
    "",
    "金",
    "銀",
    "Gold",
    "gold",
    "ＧＯＬＤ",
    "100",
    "-0.5",
    "1e3",
    "007",
    "2024-02-29",
    "2026-12-31",
    "2024-2-1",
]
TEXTS += ["x_y", "50%", "山田 太郎", "Straße", "İ", "a\\b", "100\n", "ſ", "K"]
NUMBERS = [0, 1, -1, 100, 99.5, 0.1, -0.25, 123456789012345, 7]
DATES = ["2024-02-29", "2026-12-31", "2027-02-27", "2027-02-28", "2027-03-01", "1990-02-28", "2000-03-05"]
DOMAINS = ["example.jp", "mail.example.jp", "docomo.ne.jp"]


def values_for(shape, lists):
    """Return a strategy for what a person gives."""
    texts = [text for text in TEXTS if text and "\n" not in text]
    days = st.integers(0, 400)
    return {
        Shape.NOTHING: st.none(),
        Shape.TEXT: st.sampled_from([*texts, "example.jp", "reader", "e", "a1"]),
        Shape.TEXTS: st.lists(st.sampled_from([*texts, "active", "stopped", "errors", "manual", "csv"]), min_size=1),
        Shape.NUMBER: st.sampled_from(NUMBERS),
        Shape.NUMBERS: st.lists(st.sampled_from(NUMBERS), min_size=2, max_size=2).map(sorted),
        Shape.DATE: st.sampled_from(DATES),
        Shape.DATES: st.lists(st.sampled_from(DATES), min_size=2, max_size=2).map(sorted),
        Shape.DAYS: days,
        Shape.MONTH: st.sampled_from(["this", "next", *map(str, range(1, 13))]),
        Shape.LISTS: st.lists(st.sampled_from(lists), min_size=1, unique=True),
        Shape.CAMPAIGN: st.sampled_from([1, 2]),
    }[shape]


@st.composite
def conditions(draw, lists):
    field = draw(st.sampled_from([*FIXED, *(ATTRIBUTE + name for name in NAMES)]))
    op = draw(st.sampled_from(operators_for(field)))
    value = draw(values_for(OPERATORS[op].shape, lists))
    return {"field": field, "op": op} | ({} if value is None else {"value": value})


def groups(lists):
    """Return a strategy for the JSON of groups of up to three levels."""
    join = st.sampled_from(["all", "any"])
    part = conditions(lists)
    for _level in range(3):
        inner = part
        part = st.one_of(
            conditions(lists), st.builds(lambda j, parts: {j: parts}, join, st.lists(inner, min_size=1, max_size=3))
        )
    return st.builds(lambda j, parts: {"v": 1, j: parts}, join, st.lists(inner, min_size=1, max_size=4))


@st.composite
def attribute_sets(draw):
    values = st.one_of(st.sampled_from(TEXTS), st.sampled_from(NUMBERS), st.sampled_from(DATES))
    return draw(st.dictionaries(st.sampled_from(NAMES), values, max_size=len(NAMES)))


@st.composite
def people(draw):
    status = draw(st.sampled_from(["active", "active", "stopped"]))
    return {
        "attributes": draw(attribute_sets()),
        "name": draw(st.sampled_from(TEXTS)),
        "domain": draw(st.sampled_from(DOMAINS)),
        "status": status,
        "error_count": draw(st.integers(0, 3)),
        # Around midnight in Japan, and at whole seconds, which SQLite writes without fractions.
        "age": draw(st.sampled_from([timedelta(0), timedelta(hours=1, minutes=30), timedelta(days=59, hours=2)]))
        + timedelta(days=draw(st.integers(0, 400)), microseconds=draw(st.sampled_from([0, 1]))),
        "lists": draw(st.sets(st.integers(0, 1))),
        "consent": draw(st.sampled_from(["", "csv", "manual"])),
        "opened": draw(st.sampled_from([None, 0, 5, 400])),
        "clicked": draw(st.sampled_from([None, 3])),
    }


def store(number, data, lists):
    fields = {"stop_reason": "errors", "stopped_at": NOW} if data["status"] == "stopped" else {}
    person = make_subscriber(
        None,
        f"reader{number}@{data['domain']}",
        workspace=lists[0].workspace,
        **{key: data[key] for key in ("attributes", "name", "status", "error_count")},
        **fields,
    )
    Subscriber.objects.filter(pk=person.pk).update(created_at=NOW - data["age"])
    Subscription.objects.bulk_create(
        Subscription(mailing_list=lists[place], subscriber=person) for place in data["lists"]
    )
    if data["consent"]:
        Consent.objects.create(subscriber=person, mailing_list=lists[0], source=data["consent"], at=NOW)
    if data["opened"] is not None or data["clicked"] is not None:
        ago = {key: None if data[key] is None else NOW - timedelta(days=data[key]) for key in ("opened", "clicked")}
        Engagement.objects.create(subscriber=person, campaign=1, opened_at=ago["opened"], clicked_at=ago["clicked"])
    return person


@hypothesis.settings(max_examples=25)
@given(data=st.data())
def test_the_query_finds_whom_plain_python_finds(data):
    Subscriber.objects.all().delete()
    workspace = make_workspace()
    lists = [make_list(workspace), make_list(workspace)]
    for number, fields in enumerate(data.draw(st.lists(people(), min_size=1, max_size=8))):
        store(number, fields, lists)
    loaded = list(Subscriber.objects.for_workspace(workspace))
    for _turn in range(8):
        group = read_conditions(data.draw(groups([found.pk for found in lists])))
        found = Subscriber.objects.for_workspace(workspace).filter(compile_group(group, workspace, now=NOW))
        wanted = [person.pk for person in loaded if fulfils(group, person, NOW)]
        assert sorted(found.values_list("pk", flat=True)) == sorted(wanted), group
