"""Freezing the recipients of a campaign: INSERT … SELECT gives what a plain loop gives, in chunks that are safe to cut."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count

import hypothesis
import pytest
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from accounts.models import AuditEntry
from campaigns.freezing import (
    AIM,
    LARGEST_CHUNK,
    SILENCE,
    SMALLEST_CHUNK,
    freeze_in_chunks,
    freeze_recipients,
    next_size,
    starts_to_hint,
)
from campaigns.jitter import start_offset
from campaigns.lanes import find_lane
from campaigns.models import Campaign, CampaignState, Delivery, DeliveryState, DomainCap
from campaigns.routing import route_for
from campaigns.scheduling import cancel
from lists.audience import Audience, people_of
from lists.models import MailingList, Subscriber, Subscription
from mta.mail_domains import Enquiry
from mta.models import MailDomain
from mta.mx import MxResolver
from mta.providers import OTHER, provider_of
from senders.models import SenderDomain
from tests.factories import make_campaign, make_list, make_subscriber, make_user, make_workspace
from tests.senders.dns_server import serve_zones

pytestmark = pytest.mark.django_db


def starting_campaign(readers=3, **fields):
    mailing_list = make_list()
    for _ in range(readers):
        make_subscriber(mailing_list)
    return make_campaign(mailing_list, state=CampaignState.STARTING, **fields)


def store_person(workspace, address, **fields):
    """Store an address that no form takes: the freezing reads what is there, whatever rules there were then."""
    if fields.get("status") == "stopped":
        fields |= {"stop_reason": "manual", "stopped_at": timezone.now()}
    return Subscriber.objects.create(workspace=workspace, address=address, address_key=address.lower(), **fields)


def freeze_plainly(campaign, now):
    """Return the rows that freezing is to make, one by one as anybody would: the oracle."""
    rows = []
    audience = Audience(lists=list(campaign.mailing_lists.values_list("pk", flat=True)))
    for person in people_of(campaign.workspace, audience, now=now).order_by("pk"):
        domain = person.address_key.rpartition("@")[2]
        provider = provider_of(domain)
        if provider == OTHER:
            known = MailDomain.objects.filter(domain=domain).first()
            provider = known.provider if known and known.provider else OTHER
        capped = DomainCap.objects.filter(workspace=campaign.workspace, domain=domain).exists()
        lane = find_lane(
            campaign.workspace, route=route_for(campaign), provider=provider, domain=domain if capped else ""
        )
        rows.append(
            Delivery(
                workspace=campaign.workspace,
                campaign=campaign,
                subscriber=person,
                lane=lane,
                address=person.address,
                address_key=person.address_key,
                name=person.name,
                attributes=person.attributes,
                due_at=now + start_offset(provider, campaign, now),
            )
        )
    return rows


def fields_of(rows):
    names = [field.attname for field in Delivery._meta.concrete_fields if not field.primary_key]
    return [{name: getattr(row, name) for name in names} for row in rows]


LOCAL = st.text(st.sampled_from('ab.@"\\ +あ'), min_size=1, max_size=8)
DOMAINS = st.sampled_from(
    [
        *(
            "docomo.ne.jp",
            "mb.softbank.ne.jp",
            "gmail.com",
            "ezweb.ne.jp",
            "example.jp",
            "shop.example",
            "xn--wgv71a.jp",
        ),
        *(
            "capped.example",
            "sub.capped.example",
            "hosted.example",
            "asked.example",
            "[192.0.2.1]",
            "trailing.example.",
        ),
    ]
)
PERSON = st.tuples(
    LOCAL,
    DOMAINS,
    st.booleans(),
    st.sets(st.sampled_from([0, 1, 2]), max_size=3),
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5),
        st.text("a'\"\\あ%", max_size=5),
        max_size=2,
    ),
)
# Half past, and just before a full hour, when the carriers' mails are put off.
MOMENT = st.sampled_from([datetime(2026, 11, 22, 3, 30, tzinfo=UTC), datetime(2026, 11, 22, 2, 58, 1, 5, tzinfo=UTC)])
numbers = count(1)


# Without a deadline: a machine at work on other things is no failure.
@hypothesis.settings(max_examples=60)
@given(
    chunk=st.sampled_from([1, 3, 1000]),
    people=st.lists(PERSON, max_size=8),
    now=MOMENT,
    chosen=st.sets(st.sampled_from([0, 1, 2]), min_size=1),
)
def test_gives_what_the_plain_way_gives(chunk, people, now, chosen):
    with transaction.atomic():
        workspace = make_workspace()
        lists = [make_list(workspace) for _ in range(3)]
        campaign = make_campaign(lists[min(chosen)], state=CampaignState.STARTING)
        campaign.mailing_lists.set([lists[index] for index in chosen])
        for domain in ("capped.example", "gmail.com"):
            DomainCap.objects.create(workspace=workspace, domain=domain, per_minute=5)
        MailDomain.objects.create(domain="hosted.example", provider="gmail", due_at=now)
        MailDomain.objects.create(domain="asked.example", provider="", due_at=now)
        for local, domain, active, places, attributes in people:
            address = f"{local}{next(numbers)}@{domain}"
            stopped = {} if active else {"status": "stopped"}
            person = store_person(workspace, address, attributes=attributes, **stopped)
            for index in places:
                Subscription.objects.create(mailing_list=lists[index], subscriber=person)
        assert freeze_recipients(campaign.pk, now=now, chunk=chunk)
        made = list(Delivery.objects.filter(campaign=campaign).order_by("subscriber"))
        assert fields_of(made) == fields_of(freeze_plainly(campaign, now))
        campaign.refresh_from_db()
        assert campaign.recipient_count == len(made)
        transaction.set_rollback(True)


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_every_recipient_has_a_row_and_the_campaign_sends(chunk):
    campaign = starting_campaign()
    now = timezone.now()
    assert freeze_recipients(campaign.pk, now=now, chunk=chunk)
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.SENDING
    assert campaign.recipient_count == 3
    assert campaign.lifetime_from == now
    rows = Delivery.objects.filter(campaign=campaign, state=DeliveryState.PENDING, due_at=now)
    assert rows.count() == 3


def test_freezes_address_name_and_attributes():
    campaign = starting_campaign(0)
    subscriber = make_subscriber(
        campaign.mailing_lists.get(), "Taro@docomo.ne.jp", name="太郎", attributes={"会員ランク": "金"}
    )
    freeze_recipients(campaign.pk, now=timezone.now())
    delivery = Delivery.objects.get()
    assert (delivery.address, delivery.address_key) == ("Taro@docomo.ne.jp", "taro@docomo.ne.jp")
    assert (delivery.name, delivery.attributes) == ("太郎", {"会員ランク": "金"})
    assert delivery.subscriber == subscriber
    assert delivery.lane.provider == "docomo"


def crash_after(campaign: Campaign, now: datetime, *, rows: int) -> Iterator[float]:
    """Freeze one by one until there are so many rows; return the steps that are left."""
    steps = freeze_in_chunks(campaign.pk, now=now, chunk=1, clock=count(0, AIM).__next__)
    while Delivery.objects.count() < rows:
        next(steps)
    return steps


def test_stopped_subscribers_get_no_row():
    """A11."""
    campaign = starting_campaign(1)
    make_subscriber(campaign.mailing_lists.get(), status="stopped")
    freeze_recipients(campaign.pk, now=timezone.now())
    assert Delivery.objects.count() == 1


def test_one_address_on_two_lists_gets_one_row():
    campaign = starting_campaign(1)
    other = make_list(campaign.workspace)
    Subscription.objects.create(
        mailing_list=other, subscriber=campaign.mailing_lists.get().subscriptions.get().subscriber
    )
    campaign.mailing_lists.add(other)
    freeze_recipients(campaign.pk, now=timezone.now())
    assert Delivery.objects.count() == 1


def test_a_crash_between_two_chunks_goes_on_behind_the_last_one():
    campaign = starting_campaign(5)
    now = timezone.now()
    crash_after(campaign, now, rows=2)
    assert freeze_recipients(campaign.pk, now=now, chunk=2)
    assert Delivery.objects.count() == 5
    campaign.refresh_from_db()
    assert campaign.recipient_count == 5


def test_of_two_workers_one_goes_on_and_makes_each_row_once():
    """Each looks at the cursor under the lock; here they take turns."""
    campaign = starting_campaign(7)
    workers = [freeze_in_chunks(campaign.pk, now=timezone.now(), chunk=1) for _ in range(2)]
    steps = []
    while workers:
        for worker in list(workers):
            if next(worker, None) is None:
                workers.remove(worker)
            steps.append(len(workers))
    campaign.refresh_from_db()
    assert (campaign.state, campaign.recipient_count) == (CampaignState.SENDING, 7)
    assert Delivery.objects.count() == 7
    # The first one saw that the other had gone on.
    assert steps[:4] == [2, 2, 1, 1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("cancelled", [False, True])
def test_workers_at_the_same_time_make_each_row_once(cancelled):
    """Two begin at once and a third in mid start; in one case a person cancels meanwhile."""
    campaign = starting_campaign(60)
    actor = make_user(campaign.workspace)
    start = threading.Barrier(2)

    def work(begin):
        try:
            begin()
            freeze_recipients(campaign.pk, now=timezone.now(), chunk=3)
        finally:
            connection.close()

    def interrupt():
        while Delivery.objects.count() < 5:
            time.sleep(0.01)
        if cancelled:
            cancel(Campaign.objects.get(pk=campaign.pk), actor=actor, now=timezone.now())

    threads = [threading.Thread(target=work, args=(begin,)) for begin in (start.wait, start.wait, interrupt)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    campaign.refresh_from_db()
    rows = Delivery.objects.filter(campaign=campaign)
    # The cancellation may have come when all was done.
    if cancelled:
        assert campaign.state == CampaignState.CANCELLED
        assert set(rows.values_list("state", flat=True)) == {DeliveryState.CANCELLED}
    else:
        assert (campaign.state, rows.count()) == (CampaignState.SENDING, 60)
    assert campaign.recipient_count == rows.count()


def test_the_tick_asks_for_starts_at_which_nobody_works():
    campaign = starting_campaign(3)
    now = timezone.now()
    assert list(starts_to_hint(now=now)) == [campaign]
    steps = crash_after(campaign, now, rows=1)
    assert not starts_to_hint(now=timezone.now())
    assert list(starts_to_hint(now=timezone.now() + 2 * SILENCE)) == [campaign]
    assert list(steps)
    assert not starts_to_hint(now=timezone.now() + 2 * SILENCE)


def test_a_doubled_hint_makes_no_row_twice():
    campaign = starting_campaign()
    assert freeze_recipients(campaign.pk, now=timezone.now())
    assert freeze_recipients(campaign.pk, now=timezone.now())
    assert Delivery.objects.count() == 3


def test_a_list_that_was_replaced_in_between_is_frozen_anew():
    campaign = starting_campaign(4)
    now = timezone.now()
    crash_after(campaign, now, rows=3)
    mailing_list = campaign.mailing_lists.get()
    Subscription.objects.filter(mailing_list=mailing_list).delete()
    newcomer = make_subscriber(mailing_list)
    MailingList.objects.update(generation=F("generation") + 1)
    # The rows go piece by piece, too; here one by one.
    steps = freeze_in_chunks(campaign.pk, now=now, chunk=1)
    next(steps)
    assert Delivery.objects.count() == 2
    assert freeze_recipients(campaign.pk, now=now)
    assert list(Delivery.objects.values_list("subscriber", flat=True)) == [newcomer.pk]
    campaign.refresh_from_db()
    assert (campaign.recipient_count, campaign.expected_count) == (1, 1)


def test_a_cancellation_between_two_chunks_leaves_no_row_to_send():
    campaign = starting_campaign(4)
    now = timezone.now()
    steps = crash_after(campaign, now, rows=2)
    cancel(campaign, actor=make_user(campaign.workspace), now=now)
    assert list(steps) != []
    assert not freeze_recipients(campaign.pk, now=now)
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.CANCELLED}


def test_the_progress_knows_how_many_are_to_come():
    campaign = starting_campaign(5)
    make_subscriber(campaign.mailing_lists.get(), status="stopped")
    crash_after(campaign, timezone.now(), rows=2)
    campaign.refresh_from_db()
    assert (campaign.recipient_count, campaign.expected_count) == (2, 5)


def test_a_list_beside_a_large_other_one_takes_few_steps():
    """A chunk counts places on the lists, not subscribers of the installation."""
    campaign = starting_campaign(1)
    other = make_list(campaign.workspace)
    for _ in range(10):
        make_subscriber(other)
    make_subscriber(campaign.mailing_lists.get())
    # The lists are noted, two chunks of one, and the end.
    assert len(list(freeze_in_chunks(campaign.pk, now=timezone.now(), chunk=1))) == 4
    assert Delivery.objects.count() == 2


def test_the_number_of_queries_does_not_grow_with_the_chunk(django_assert_max_num_queries):
    campaign = starting_campaign(300)
    with django_assert_max_num_queries(80):
        freeze_recipients(campaign.pk, now=timezone.now(), chunk=1000)
    assert Delivery.objects.count() == 300


def test_a_chunk_grows_and_shrinks_with_the_time_it_took():
    assert next_size(2000, AIM / 9) == 4000
    assert next_size(2000, AIM * 0.8) == 2500
    assert next_size(2000, AIM) == 2000
    assert next_size(2000, AIM * 9) == 1000
    assert next_size(SMALLEST_CHUNK, AIM * 9) == SMALLEST_CHUNK
    assert next_size(LARGEST_CHUNK, 0) == LARGEST_CHUNK


def test_each_step_tells_how_long_it_held_its_locks():
    campaign = starting_campaign(2)
    ticks = count(0, 0.1)
    held = list(freeze_in_chunks(campaign.pk, now=timezone.now(), clock=lambda: next(ticks)))
    assert held == pytest.approx([0.1] * 3)


def campaign_to(*addresses):
    campaign = starting_campaign(0)
    for address in addresses:
        person = store_person(campaign.workspace, address)
        Subscription.objects.create(mailing_list=campaign.mailing_lists.get(), subscriber=person)
    return campaign


def test_the_first_mailing_knows_whose_servers_take_its_mail(settings: Settings):
    """C22: Google Workspace goes by Gmail's lane at once."""
    settings.MX_LOOKUPS = True
    campaign = campaign_to("a@gmail.com", "b@hosted.example", "c@own.example", "d@hosted.example", "e@[192.0.2.1]")
    with serve_zones() as zones:
        zones.add_zone("hosted.example. 60 IN MX 1 aspmx.l.google.com.\nown.example. 60 IN MX 1 mx.own.example.\n")
        resolver = MxResolver([zones.address], server_timeout=2, question_timeout=3)
        enquiry = Enquiry(make_resolver=lambda: resolver)
        # Two chunks, the second of which knows what the first found out.
        assert freeze_recipients(campaign.pk, now=timezone.now(), chunk=3, enquiry=enquiry)
        assert sorted(zones.asked) == ["hosted.example", "own.example"]
    lanes = Delivery.objects.order_by("address_key").values_list("lane__provider", flat=True)
    assert list(lanes) == ["gmail", "gmail", OTHER, "gmail", OTHER]


def test_others_leave_a_campaign_whose_domains_are_looked_up(settings: Settings):
    """Who looks them up says so."""
    settings.MX_LOOKUPS = True
    campaign = campaign_to("b@hosted.example")
    old = timezone.now() - 2 * SILENCE

    class Late(Enquiry):
        def ask_about(self, domains, *, now, on_look):
            if domains:
                Campaign.objects.filter(pk=campaign.pk).update(updated_at=old)
                on_look()
                assert not starts_to_hint(now=timezone.now()).exists()
            return super().ask_about(domains, now=now, on_look=on_look)

    steps = freeze_in_chunks(campaign.pk, now=timezone.now(), enquiry=Late(seconds=0))
    next(steps)
    list(steps)
    assert Delivery.objects.count() == 1


def test_domains_of_no_known_provider_are_noted_to_be_looked_up(settings: Settings):
    settings.MX_LOOKUPS = True
    campaign = campaign_to(
        "a@gmail.com", "b@hosted.example", "c@hosted.example", "d@[192.0.2.1]", "e@localhost", "f@b_.jp"
    )
    freeze_recipients(campaign.pk, now=timezone.now(), enquiry=Enquiry(seconds=0))
    noted = MailDomain.objects.values_list("domain", "provider", "looked_up_at")
    assert sorted(noted) == [("b_.jp", "", None), ("hosted.example", "", None)]


def test_nothing_is_noted_where_nothing_is_looked_up(settings: Settings):
    settings.MX_LOOKUPS = False
    freeze_recipients(starting_campaign(1).pk, now=timezone.now())
    assert not MailDomain.objects.exists()


def test_a_domain_with_a_cap_has_a_lane_of_its_own():
    """C23"""
    campaign = starting_campaign(0)
    DomainCap.objects.create(workspace=campaign.workspace, domain="gmail.com", per_minute=3)
    DomainCap.objects.create(workspace=make_workspace(), domain="docomo.ne.jp", per_minute=3)
    for address in ("a@gmail.com", "b@googlemail.com", "c@docomo.ne.jp"):
        make_subscriber(campaign.mailing_lists.get(), address)
    freeze_recipients(campaign.pk, now=timezone.now())
    lanes = Delivery.objects.order_by("address_key").values_list("lane__provider", "lane__domain")
    assert list(lanes) == [("gmail", "gmail.com"), ("gmail", ""), ("docomo", "")]


@pytest.mark.parametrize("state", [CampaignState.DRAFT, CampaignState.CANCELLED, CampaignState.DONE])
def test_freezes_nothing_for_a_campaign_that_does_not_start(state):
    campaign = starting_campaign()
    Campaign.objects.filter(pk=campaign.pk).update(state=state)
    assert not freeze_recipients(campaign.pk, now=timezone.now())
    assert not Delivery.objects.exists()


def test_a_campaign_whose_list_became_empty_sends_to_nobody():
    campaign = starting_campaign(0)
    assert freeze_recipients(campaign.pk, now=timezone.now())
    campaign.refresh_from_db()
    assert campaign.recipient_count == 0


def test_a_sender_that_lost_its_proof_since_the_schedule_sends_the_mailing_back():
    """A1."""
    campaign = starting_campaign(1)
    SenderDomain.objects.update(verified_at=None)
    assert not freeze_recipients(campaign.pk, now=timezone.now())
    campaign.refresh_from_db()
    assert (campaign.state, campaign.scheduled_at) == (CampaignState.DRAFT, None)
    assert campaign.sender.domain.name in campaign.problem
    assert not Delivery.objects.exists()
    assert AuditEntry.objects.get().action == "campaign.refused"


def test_subscribers_of_another_workspace_get_nothing():
    campaign = starting_campaign(1)
    make_subscriber(make_list(make_workspace()), "other@example.jp")
    freeze_recipients(campaign.pk, now=timezone.now())
    assert Delivery.objects.get().workspace == campaign.workspace
