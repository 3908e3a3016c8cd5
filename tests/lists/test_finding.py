"""The search for subscribers: what it finds, page by page, and that its time is bounded."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import QueryDict
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Workspace
from lists.exceptions import ListsError
from lists.finding import PAGE, Found, Search, SearchRefused, find, people_found
from lists.models import MailingList, Segment, Subscriber
from tests.factories import make_list, make_subscriber, make_workspace
from tests.lists.clock import NOW

pytestmark = pytest.mark.django_db
# What the product keeps of hanako@例え.jp.
HANAKO = "hanako@xn--r8jz45g.jp"


def slow_clock(seconds: float = 1.0) -> Callable[[], float]:
    """Return a clock that goes on by so many seconds each time it is asked."""
    ticks = iter(range(10**6))
    return lambda: next(ticks) * seconds


def pages_of(workspace: Workspace, search: Search, **kwargs: Any) -> Iterator[Found]:
    """Yield the pages of a search to its end."""
    before = None
    while True:
        found = find(workspace, search, now=NOW, before=before, **kwargs)
        yield found
        before = found.next_before
        if before is None:
            return


def addresses(workspace: Workspace, **asked: Any) -> list[str]:
    found = find(workspace, Search(**asked), now=NOW)
    return [subscriber.address for subscriber in found.rows]


@pytest.fixture
def people(mailing_list: MailingList) -> MailingList:
    """Three people who differ in everything."""
    make_subscriber(mailing_list, "taro@example.jp", name="山田 太郎", attributes={"ランク": "Gold", "点": 12})
    make_subscriber(
        mailing_list, "hanako@例え.jp", name="鈴木 花子", status="stopped", stop_reason="complaint", attributes={}
    )
    make_subscriber(workspace=mailing_list.workspace, address="jiro@example.jp", name="ＪＩＲＯ")
    return mailing_list


def test_finds_by_words_of_address_and_name(people: MailingList) -> None:
    workspace = people.workspace
    assert addresses(workspace, q="TARO") == ["taro@example.jp"]
    assert addresses(workspace, q="花子") == [HANAKO]
    # A domain in Japanese is kept in ASCII, and found by what people write.
    for typed in ("例え", "例え.jp", "@例え.JP", "hanako@例え.jp", "ｈａｎａｋｏ＠例え．ｊｐ", ".jp 例え"):
        assert addresses(workspace, q=typed) == [HANAKO]
    assert addresses(workspace, q="ｔａｒｏ＠") == ["taro@example.jp"]
    # Words in any order, whatever stands between them; an ideographic space parts them, too.
    assert addresses(workspace, q="太郎　山田") == ["taro@example.jp"]
    assert addresses(workspace, q="太郎 example") == ["taro@example.jp"]
    assert addresses(workspace, q="ｊｉｒｏ") == ["jiro@example.jp"]
    assert addresses(workspace, q="100%_") == []


def test_finds_by_status_reason_list_and_attribute(people: MailingList) -> None:
    workspace = people.workspace
    assert addresses(workspace) == ["jiro@example.jp", HANAKO, "taro@example.jp"]
    assert addresses(workspace, status="stopped") == [HANAKO]
    assert addresses(workspace, reason="complaint") == [HANAKO]
    assert addresses(workspace, reason="errors") == []
    assert addresses(workspace, list_id=people.pk) == [HANAKO, "taro@example.jp"]
    assert addresses(workspace, list_id=people.pk, status="active") == ["taro@example.jp"]
    assert addresses(workspace, list_id=people.pk, status="stopped") == [HANAKO]
    assert addresses(workspace, attributes=(("ランク", "gol"),)) == ["taro@example.jp"]
    assert addresses(workspace, attributes=(("点", "12"),)) == ["taro@example.jp"]
    assert addresses(workspace, attributes=(("点", "13"),)) == []
    # A name that could be taken for the place in an array.
    assert addresses(workspace, attributes=(("2", "x"),)) == []


def test_a_word_too_many_is_said_and_finds_nobody(people: MailingList) -> None:
    """Left out, it would mean more people than were asked for."""
    assert addresses(people.workspace, q="a r o t e") == ["taro@example.jp"]
    for reader in (find, people_found):
        with pytest.raises(SearchRefused) as caught:
            reader(people.workspace, Search(q="a r o t e nobody"), now=NOW)
        assert "5個まで" in caught.value.sentence


def test_a_segment_is_searched(people: MailingList) -> None:
    conditions = {"v": 1, "all": [{"field": "name", "op": "contains", "value": "太郎"}]}
    segment = Segment.objects.create(workspace=people.workspace, name="太郎たち", conditions=conditions)
    assert addresses(people.workspace, segment_id=segment.pk) == ["taro@example.jp"]
    segment.conditions = {"v": 1, "all": [{"field": "list", "op": "on", "value": [10**9]}]}
    segment.save()
    with pytest.raises(ListsError):
        find(people.workspace, Search(segment_id=segment.pk), now=NOW)


def test_nobody_of_another_workspace_is_found(people: MailingList) -> None:
    stranger = make_workspace()
    segment = Segment.objects.create(workspace=people.workspace, name="全員", conditions={"v": 1, "all": []})
    assert addresses(stranger) == []
    assert addresses(stranger, q="taro@example.jp") == []
    assert addresses(stranger, list_id=people.pk) == []
    assert addresses(stranger, segment_id=segment.pk) == []
    make_subscriber(workspace=stranger, address="own@example.jp")
    assert addresses(stranger, segment_id=segment.pk) == []
    assert not people_found(stranger, Search(list_id=people.pk), now=NOW)


def test_a_whole_address_stands_first(mailing_list: MailingList) -> None:
    make_subscriber(mailing_list, "aro@example.jp")
    make_subscriber(mailing_list, "taro@example.jp")
    assert addresses(mailing_list.workspace, q="aro@example.jp") == ["aro@example.jp", "taro@example.jp"]
    assert addresses(mailing_list.workspace, q="aro@example.jp", status="stopped") == []


def test_pages_follow_each_other(mailing_list: MailingList) -> None:
    for _number in range(PAGE + 10):
        make_subscriber(mailing_list)
    for search in (Search(), Search(list_id=mailing_list.pk), Search(q="example")):
        first, second = pages_of(mailing_list.workspace, search)
        assert (len(first.rows), len(second.rows), first.is_complete) == (PAGE, 10, True)
        assert first.rows[-1].pk > second.rows[0].pk
        assert second.next_before is None


def test_a_search_whose_time_is_over_goes_on_where_it_was(mailing_list: MailingList) -> None:
    wanted = make_subscriber(mailing_list, name="探す人")
    Subscriber.objects.bulk_create(
        Subscriber(workspace=mailing_list.workspace, address=f"x{n}@example.jp", address_key=f"x{n}@example.jp")
        for n in range(4_500)
    )
    first, second, third = pages_of(mailing_list.workspace, Search(q="探す"), clock=slow_clock())
    assert (first.rows, first.is_complete) == ([], False)
    assert (second.rows, second.is_complete) == ([], False)
    assert (third.rows, third.is_complete) == ([wanted], True)
    # With time enough it is one page.
    (only,) = pages_of(mailing_list.workspace, Search(q="探す"), clock=slow_clock(0))
    assert only.rows == [wanted]


def test_people_of_other_workspaces_take_no_time(mailing_list: MailingList) -> None:
    wanted = make_subscriber(mailing_list)
    stranger = make_workspace()
    Subscriber.objects.bulk_create(
        Subscriber(workspace=stranger, address=f"x{n}@example.jp", address_key=f"x{n}@example.jp") for n in range(2_500)
    )
    assert find(mailing_list.workspace, Search(q="reader"), now=NOW, clock=slow_clock()).rows == [wanted]


texts = st.text(alphabet="ab太郎%_ A", max_size=3)
people_made = st.lists(st.tuples(texts, st.sampled_from(["active", "stopped"]), texts), max_size=12)
searches = st.builds(
    Search,
    q=texts,
    status=st.sampled_from(["", "active", "stopped"]),
    reason=st.sampled_from(["", "manual", "errors"]),
    list_id=st.sampled_from([None, 0]),
    attributes=st.one_of(st.just(()), texts.map(lambda text: (("項目", text),) if text else ())),
)


@settings(max_examples=40)
@given(people_made, searches, st.sampled_from([0, 1.0]))
def test_all_pages_together_are_what_a_plain_filter_finds(
    workspace: Workspace, made: list[tuple[str, str, str]], search: Search, seconds: float
) -> None:
    Subscriber.objects.all().delete()
    mailing_list = make_list(workspace)
    for number, (name, status, value) in enumerate(made):
        make_subscriber(
            mailing_list if number % 2 else None,
            workspace=workspace,
            name=name,
            status=status,
            attributes={"項目": value},
        )
    if search.list_id is not None:
        search = Search(**{name: getattr(search, name) for name in Search.__slots__} | {"list_id": mailing_list.pk})
    rows = [row.pk for found in pages_of(workspace, search, clock=slow_clock(seconds)) for row in found.rows]
    assert rows == list(people_found(workspace, search, now=NOW).order_by("-pk").values_list("pk", flat=True))


def test_a_search_survives_the_address_of_a_page_and_the_keeping_as_json() -> None:
    search = Search("太郎", "stopped", "errors", 5, 7, (("ランク", "金"),))
    assert Search.from_query(search.as_query()) == search
    assert Search.from_json(search.as_json()) == search
    assert Search.from_query({}) == Search() == Search.from_json({})
    assert not Search()
    assert search


@pytest.mark.parametrize(
    "query", ["list=x&segment=-1&status=none&reason=nothing", "list=9999999999999999999999", "q=%00"]
)
def test_nonsense_in_the_address_of_a_page_is_left_out(query: str) -> None:
    assert Search.from_query(QueryDict(query)) == Search()
    with pytest.raises(SearchRefused):
        Search.require(QueryDict(query))


@pytest.mark.parametrize("query", ["attribute=%E7%82%B9", "value=5", "q=" + "a" * 400])
def test_half_a_search_is_refused_where_all_are_acted_on(query: str) -> None:
    with pytest.raises(SearchRefused):
        Search.require(QueryDict(query))


def test_what_acts_on_all_reads_a_whole_search() -> None:
    search = Search("太郎", "stopped", "errors", 5, 7, (("ランク", "金"),))
    assert Search.require(search.as_query() | {"action": "stop", "page": "x"}) == search
    assert Search.require(QueryDict("q=+a+&status=")) == Search(q="a")
