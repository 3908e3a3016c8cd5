"""By which keys a mailing is signed is fixed when it starts: neither the DNS nor a new key changes a retry (E10, B1)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.authors import author_of
from campaigns.freezing import freeze_recipients
from campaigns.models import Campaign, CampaignState, Delivery
from campaigns.rendering import Renderer
from senders.check_store import store_outcomes
from senders.dkim_keys import generate_key, keys_in_dns
from senders.models import CheckKind, CheckResult, DkimKey, KeyAlgorithm, Sender, SenderDomain
from senders.outcomes import CheckOutcome
from tests.factories import make_campaign, make_list, make_sender, make_subscriber, make_user

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
OK, MISSING, UNKNOWN = CheckResult.OK, CheckResult.MISSING, CheckResult.UNKNOWN


@pytest.fixture
def sender() -> Sender:
    """A sender whose domain has a key, and proved itself."""
    sender = make_sender(address="news@shop.example")
    generate_key(sender.domain)
    DkimKey.objects.update(activated_at=NOW - HOUR)
    return sender


@pytest.fixture
def proved(sender: Sender) -> Sender:
    """A sender whose address alone is proved."""
    SenderDomain.objects.update(verified_at=None)
    Sender.objects.update(address_verified_at=NOW - HOUR)
    return sender


def start(sender: Sender, *, at: datetime = NOW) -> Campaign:
    mailing_list = make_list(sender.workspace)
    make_subscriber(mailing_list)
    campaign = make_campaign(mailing_list, sender=sender, state=CampaignState.STARTING, started_at=at)
    assert freeze_recipients(campaign.pk, now=at)
    return Campaign.objects.get(pk=campaign.pk)


def data_of(campaign: Campaign) -> bytes:
    """Return the mailing's only mail, the same by both ways."""
    row = Delivery.objects.select_related("campaign__sender__domain").get(campaign=campaign)
    row.mail_date = NOW
    outgoing = Renderer().render(row)
    assert replace(outgoing, is_wire_ready=False) == Renderer().render_plainly(row)
    return outgoing.data


def look(domain: SenderDomain, dkim: CheckResult, *, at: datetime, ed25519: CheckResult | None = None) -> None:
    """Store what a person's look found."""
    fresh = SenderDomain.objects.get(pk=domain.pk)
    outcomes = {CheckKind.SPF: CheckOutcome(OK if ed25519 else MISSING), CheckKind.DKIM: CheckOutcome(dkim)}
    if ed25519:
        outcomes[CheckKind.ED25519] = CheckOutcome(ed25519)
    store_outcomes(fresh, outcomes, keys=keys_in_dns(fresh), now=at, actor=make_user(domain.workspace))


def test_an_outage_takes_no_signature_away(proved: Sender) -> None:
    look(proved.domain, OK, at=NOW - HOUR)
    campaign = start(proved)
    first = data_of(campaign)
    assert b"DKIM-Signature" in first
    look(proved.domain, UNKNOWN, at=NOW + HOUR)
    assert data_of(campaign) == first
    # A mailing that starts in the outage goes by what was known before it.
    assert b"DKIM-Signature" in data_of(start(proved, at=NOW + HOUR))


def test_a_key_that_was_missing_before_the_outage_signs_nothing(proved: Sender) -> None:
    look(proved.domain, OK, at=NOW - HOUR)
    look(proved.domain, MISSING, at=NOW)
    look(proved.domain, UNKNOWN, at=NOW + HOUR)
    assert b"DKIM-Signature" not in data_of(start(proved))


def test_a_key_that_is_found_later_signs_no_mailing_that_runs(proved: Sender) -> None:
    look(proved.domain, MISSING, at=NOW - HOUR)
    campaign = start(proved)
    first = data_of(campaign)
    assert b"DKIM-Signature" not in first
    look(proved.domain, OK, at=NOW + HOUR)
    assert data_of(campaign) == first
    assert author_of(campaign).signing_keys == ()
    assert b"DKIM-Signature" in data_of(start(proved))


def test_a_key_that_a_long_look_activates_signs_no_mailing_that_began_meanwhile(sender: Sender) -> None:
    """B1: the look began before the mailing did, and was stored after its first mails."""
    key = sender.domain.dkim_keys.get()
    generate_key(sender.domain, KeyAlgorithm.ED25519, is_waiting=True)
    campaign = start(sender, at=NOW + timedelta(seconds=3))
    first = data_of(campaign)
    look(sender.domain, OK, at=NOW, ed25519=OK)
    assert DkimKey.objects.get(algorithm=KeyAlgorithm.ED25519).activated_at == NOW
    assert data_of(campaign) == first
    assert author_of(campaign).signing_keys == (key.pk,)


def test_a_switch_changes_no_mailing_that_runs(sender: Sender) -> None:
    """B1"""
    old, new = sender.domain.dkim_keys.get(), generate_key(sender.domain)
    campaign = start(sender)
    first = data_of(campaign)
    # By the clock of another process the switch was before the start.
    DkimKey.objects.filter(pk=old.pk).update(superseded_at=NOW - timedelta(minutes=1))
    DkimKey.objects.filter(pk=new.pk).update(activated_at=NOW - timedelta(minutes=1))
    assert data_of(campaign) == first
    # The private part of the old key is destroyed: rather the present one than none.
    DkimKey.objects.filter(pk=old.pk).update(retired_at=NOW, private_key=b"")
    assert f"s={new.selector};".encode() in data_of(campaign)


def test_a_mailing_that_started_before_keys_were_frozen(sender: Sender) -> None:
    campaign = start(sender)
    first = data_of(campaign)
    del campaign.author["signing_keys"]
    campaign.save(update_fields=["author"])
    assert author_of(campaign).signing_keys is None
    assert data_of(campaign) == first
