"""How an audience becomes its recipients, in figures that add up to what the freezing makes."""

import re
from itertools import count

import pytest
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from campaigns.audience_figures import Figures, count_figures, read_figures
from campaigns.audiences import audience_of, set_parts
from campaigns.freezing import freeze_recipients
from campaigns.models import CampaignState, Delivery, Part
from lists.models import Exclusion, Segment, Subscriber, Subscription
from mta.models import MailDomain
from tests.factories import make_campaign, make_list, make_subscriber, make_workspace

GOLD = {"v": 1, "all": [{"field": "attribute:ランク", "op": "is", "value": "金"}]}


def figures_of(campaign, **options):
    now = timezone.now()
    return count_figures(campaign.workspace, audience_of(campaign), Figures(), now=now, budget=60, **options)


def shape(found):
    return (
        found.places,
        -found.doubles,
        found.by_segments,
        -found.stopped,
        -found.excluded,
        -found.left_out,
        found.kept,
    )


def frozen(campaign):
    type(campaign).objects.filter(pk=campaign.pk).update(state=CampaignState.STARTING)
    freeze_recipients(campaign.pk, now=timezone.now())
    return Delivery.objects.filter(campaign=campaign)


@pytest.fixture
def shop(workspace):
    """A mailing to two lists and a segment, without a third list, that loses somebody at every step."""
    one, two, without = (make_list(workspace) for _ in range(3))
    both = make_subscriber(one, "both@gmail.com")
    Subscription.objects.create(mailing_list=two, subscriber=both)
    make_subscriber(one, "stopped@example.jp", status="stopped", stop_reason="manual", stopped_at=timezone.now())
    make_subscriber(one, "blocked@example.jp")
    Exclusion.objects.create(workspace=workspace, kind="address", value="blocked@example.jp")
    left = make_subscriber(two, "left@docomo.ne.jp")
    Subscription.objects.create(mailing_list=without, subscriber=left)
    make_subscriber(two, "plain@example.jp")
    make_subscriber(make_list(workspace), "gold@yahoo.co.jp", attributes={"ランク": "金"})
    make_subscriber(make_list(workspace), "nobody@example.jp")
    campaign = make_campaign(one)
    campaign.mailing_lists.add(two)
    gold = Segment.objects.create(workspace=workspace, name="金の人", conditions=GOLD)
    set_parts(campaign, {Part.INCLUDE_SEGMENT: [gold], Part.EXCLUDE_LIST: [without]})
    return campaign


@pytest.mark.django_db
def test_each_step_takes_its_people_and_the_rest_is_what_is_frozen(shop):
    found = figures_of(shop)
    assert shape(found) == (6, -1, 1, -1, -1, -1, 3)
    assert sum(shape(found)[:-1]) == found.kept
    assert found.providers == {"gmail": 1, "yahoo_jp": 1, "other": 1}
    assert [one[:2] for one in found.shares()] == [("Gmail", 1), ("Yahoo!メール", 1), ("その他", 1)]
    assert sorted(frozen(shop).values_list("address", flat=True)) == [
        "both@gmail.com",
        "gold@yahoo.co.jp",
        "plain@example.jp",
    ]


@pytest.mark.django_db
def test_domains_whose_servers_are_known_count_at_their_provider(shop):
    MailDomain.objects.create(domain="example.jp", provider="google", due_at=timezone.now())
    found = figures_of(shop)
    assert found.providers == {"gmail": 1, "yahoo_jp": 1, "google": 1}


@pytest.mark.django_db
def test_in_slices_it_is_the_same(shop):
    found, looks = Figures(), 0
    while not found.is_complete:
        # One window a look, carried as the page does.
        times = count(0, 10)
        found = count_figures(
            shop.workspace,
            audience_of(shop),
            read_figures(found.carried()),
            now=timezone.now(),
            budget=1,
            size=2,
            clock=times.__next__,
        )
        looks += 1
    assert looks > 1
    assert found == figures_of(shop)


@pytest.mark.parametrize(
    "given", [{}, {"kept": "x", "places": "-1", "providers": "a=1,gmail=x,,="}, {"after": "9" * 40}]
)
def test_what_no_page_of_ours_carries_counts_as_nothing(given):
    found = read_figures(given)
    assert (found.places, found.kept, found.after) == (0, 0, 0)
    assert set(found.providers.values()) <= {0}


@pytest.mark.django_db
def test_a_mailing_to_segments_alone_has_no_lists_to_add(shop):
    shop.mailing_lists.clear()
    assert shape(figures_of(shop)) == (0, 0, 1, 0, 0, 0, 1)


PERSON = st.tuples(st.sets(st.integers(0, 3)), st.booleans(), st.booleans(), st.sampled_from(["金", "銀"]))


@pytest.mark.django_db
@given(
    people=st.lists(PERSON, max_size=12), chosen=st.sets(st.integers(0, 3), min_size=1), out=st.sets(st.integers(0, 3))
)
def test_whatever_is_chosen_the_figures_are_those_of_the_freezing(people, chosen, out):
    workspace = make_workspace()
    lists = [make_list(workspace) for _ in range(4)]
    for number, (places, is_stopped, is_blocked, rank) in enumerate(people):
        stop = {"status": "stopped", "stop_reason": "manual", "stopped_at": timezone.now()} if is_stopped else {}
        address = f"p{number}@{'gmail.com' if number % 2 else 'example.jp'}"
        person = Subscriber.objects.create(
            workspace=workspace, address=address, address_key=address, attributes={"ランク": rank}, **stop
        )
        Subscription.objects.bulk_create(Subscription(mailing_list=lists[at], subscriber=person) for at in places)
        if is_blocked:
            Exclusion.objects.create(workspace=workspace, kind="address", value=address)
    campaign = make_campaign(lists[min(chosen)])
    campaign.mailing_lists.set([lists[at] for at in chosen])
    gold = Segment.objects.create(workspace=workspace, name="金の人", conditions=GOLD)
    set_parts(campaign, {Part.INCLUDE_SEGMENT: [gold], Part.EXCLUDE_LIST: [lists[at] for at in out - chosen]})
    found = figures_of(campaign)
    assert sum(shape(found)[:-1]) == found.kept == sum(found.providers.values())
    rows = frozen(campaign)
    assert rows.count() == found.kept
    assert rows.filter(address__endswith="@gmail.com").count() == found.providers.get("gmail", 0)


# ── the page ──────────────────────────────────────────────────────────────────────────────────────────────────────


def numbers(page):
    return [int(one.replace(",", "")) for one in re.findall(r'num(?: strong)?">[−+]?([\d,]+)<', page)]


@pytest.mark.django_db
def test_the_pages_show_the_same_sum(shop, editor):
    stored = editor.get(reverse("campaign_audience_parts", args=[shop.pk])).content.decode()
    chosen = {
        "mailing_lists": list(shop.mailing_lists.values_list("pk", flat=True)),
        "segments": list(Segment.objects.values_list("pk", flat=True)),
        "excluded_lists": [shop.audience_parts.get(part=Part.EXCLUDE_LIST).mailing_list_id],
    }
    typed = editor.post(reverse("campaign_draft_audience_parts"), chosen).content.decode()
    for page in (stored, typed):
        assert numbers(page)[:7] == [6, 1, 1, 1, 1, 1, 3]
        assert "Gmail" in page
        assert "数えています" not in page
    assert (
        reverse("campaign_audience_parts", args=[shop.pk])
        in editor.get(reverse("campaign_preview", args=[shop.pk])).content.decode()
    )


@pytest.mark.django_db
def test_what_cannot_be_counted_is_said(shop, editor):
    assert "配信先を選ぶと" in editor.post(reverse("campaign_draft_audience_parts"), {}).content.decode()
    empty = make_campaign(make_list(shop.workspace))
    empty.mailing_lists.clear()
    assert "配信先を選ぶと" in editor.get(reverse("campaign_audience_parts", args=[empty.pk])).content.decode()
    Segment.objects.update(conditions={"v": 1, "all": [{"field": "list", "op": "is", "value": 999999}]})
    assert "tone-bad" in editor.get(reverse("campaign_audience_parts", args=[shop.pk])).content.decode()
