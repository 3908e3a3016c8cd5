"""Segments: the compiled query finds whom plain Python finds, and refuses what it cannot mean."""

from datetime import UTC, datetime, timedelta

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lists.conditions import (
    ATTRIBUTE,
    FIXED,
    MAX_CONDITIONS,
    MAX_TEXTS,
    OPERATORS,
    SegmentRefused,
    Shape,
    operators_for,
    read_conditions,
)
from lists.models import Consent, Engagement, Segment, Subscriber, Subscription
from lists.segments import (
    compile_group,
    compile_segment,
    lists_named,
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


def one(field, op, value=None):
    return {"field": field, "op": op} | ({} if value is None else {"value": value})


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "条件を読み取れません"),
        ({"v": 2, "all": [one("name", "is", "x")]}, "条件を読み取れません"),
        ({"v": 1, "all": []}, "条件がありません"),
        ({"v": 1, "all": ["x"]}, "条件を読み取れません"),
        ({"v": 1, "all": [], "any": []}, "条件を読み取れません"),
        ({"v": 1, "all": [one("password", "is", "x")]}, "比べ方"),
        ({"v": 1, "all": [one("", "is", "x")]}, "項目を選んで"),
        ({"v": 1, "all": [one("name", "gt", 1)]}, "比べ方"),
        ({"v": 1, "all": [one("name", "is", "")]}, "言葉を入力"),
        ({"v": 1, "all": [one("name", "is", "x\0y")]}, "制御文字"),
        ({"v": 1, "all": [one("name", "is", "x" * 201)]}, "200文字まで"),
        ({"v": 1, "all": [one("errors", "ge", "たくさん")]}, "数値は"),
        ({"v": 1, "all": [one("errors", "ge", "1" * 16)]}, "15桁"),
        ({"v": 1, "all": [one("errors", "ge", "NaN")]}, "数値は"),
        ({"v": 1, "all": [one("errors", "between", [2, 1])]}, "小さい値"),
        ({"v": 1, "all": [one("joined_at", "date_is", "2026-02-30")]}, "日付は"),
        ({"v": 1, "all": [one("joined_at", "dates", ["2026-02-02", "2026-02-01"])]}, "早い日"),
        ({"v": 1, "all": [one("joined_at", "last_days", "-1")]}, "日数は"),
        ({"v": 1, "all": [one("joined_at", "month", "13")]}, "月を選んで"),
        ({"v": 1, "all": [one("status", "one_of", [])]}, "1つ以上選んで"),
        ({"v": 1, "all": [one("list", "on", ["x"])]}, "リストを1つ以上"),
        ({"v": 1, "all": [one("opened", "campaign", [])]}, "配信を選んで"),
        ({"v": 1, "all": [{"all": [{"all": [{"all": [one("name", "is", "x")]}]}]}]}, "3段まで"),
        ({"v": 1, "all": [one("name", "is", "x")] * (MAX_CONDITIONS + 1)}, "50個まで"),
        ({"v": 1, "all": [{"all": [one("name", "is", "x")] * 30}] * 2}, "50個まで"),
        ({"v": 1, "all": [one("name", "is", "あ" * 200)] * 50}, "文字が多すぎ"),
    ],
)
def test_what_is_no_condition_is_refused_with_a_sentence(data, sentence):
    with pytest.raises(SegmentRefused, match=sentence):
        read_conditions(data)


def test_what_people_type_is_normalised():
    group = read_conditions(
        {
            "v": 1,
            "any": [
                one("errors", "ge", "1,000"),
                one("errors", "eq", "-0.50"),
                one("joined_at", "after", "2026/2/3"),
            ],
        }
    )
    assert [condition.value for condition in group.conditions()] == [1000, -0.5, "2026-02-03"]
    assert read_conditions(group.as_json()) == group


def test_a_list_of_another_workspace_or_a_deleted_one_is_refused():
    mine, other = make_list(), make_list()
    group = read_conditions({"v": 1, "all": [one("list", "not_on", [mine.pk, other.pk])]})
    assert lists_named(group) == {mine.pk, other.pk}
    with pytest.raises(SegmentRefused, match="リストが削除"):
        compile_group(group, mine.workspace, now=NOW)
    segment = Segment.objects.create(workspace=mine.workspace, name="読者", conditions=group.as_json())
    with pytest.raises(SegmentRefused, match="「読者」は使えません"):
        compile_segment(segment, now=NOW)


def test_more_lists_than_a_condition_can_hold_are_refused_and_none_is_dropped():
    """People of a list that was dropped from "not on" would be mailed."""
    ids = list(range(1, MAX_TEXTS + 3))
    with pytest.raises(SegmentRefused, match="100個まで"):
        read_conditions({"v": 1, "all": [one("list", "not_on", ids)]})
    kept = read_conditions({"v": 1, "all": [one("list", "not_on", ids[:MAX_TEXTS])]})
    assert lists_named(kept) == set(ids[:MAX_TEXTS])


def test_addresses_and_domains_are_compared_as_they_are_kept():
    person = make_subscriber(None, "Taro@Mail.Example.JP", attributes={"会員": "Ａ"})
    everyone = Subscriber.objects.for_workspace(person.workspace)

    def finds(*condition):
        group = read_conditions({"v": 1, "all": [one(*condition)]})
        return everyone.filter(compile_group(group, person.workspace, now=NOW)).exists()

    assert finds("address", "begins", "ＴＡＲＯ")
    assert finds("domain", "is", "@mail.example.jp")
    assert finds("domain", "ends", "EXAMPLE.jp")
    assert not finds("domain", "is", "example.jp")
    # An attribute's wide letters are others.
    assert not finds("attribute:会員", "is", "A")
