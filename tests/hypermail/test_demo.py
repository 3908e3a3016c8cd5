"""The demonstration shows every screen with content, made by the functions that do it in earnest."""

from datetime import timedelta

import pytest
from django.db.models import Min

from accounts.models import Workspace
from archive.choosing import shown_mailings
from archive.models import Archive
from bounces.models import RawNotice
from campaigns.models import Campaign, CampaignState, Delivery, Draft
from campaigns.progress import measure
from designs.models import BodyKind
from hypermail import demo
from lists.models import AddressError, Consent, MailingList, StopReason, Subscriber
from senders.dkim_keys import choose_signers
from senders.models import Sender
from signup.models import SignupForm
from tracking.figures import reactions_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _demonstration(settings):
    """As `manage.py up --demo` sets it: the mail cannot leave the machine, so nothing has to be proved."""
    settings.REQUIRE_VERIFIED_SENDERS = False


def test_the_workspace_has_lists_mailings_failures_and_stops():
    workspace = demo.seed()
    assert MailingList.objects.filter(workspace=workspace).count() == 2
    assert choose_signers(Sender.objects.get(workspace=workspace).domain.dkim_keys.all())
    states = list(Campaign.objects.order_by("pk").values_list("state", flat=True))
    assert states == [CampaignState.DONE] * 3 + [CampaignState.SCHEDULED, CampaignState.DRAFT]
    kinds = list(Draft.objects.order_by("campaign").values_list("kind", flat=True))
    assert kinds == [BodyKind.BLOCKS, BodyKind.BLOCKS, BodyKind.TEXT, BodyKind.BLOCKS, BodyKind.BLOCKS]
    assert [form.is_open() for form in SignupForm.objects.all()] == [True]
    assert [shown_mailings(archive).count() for archive in Archive.objects.all()] == [2]
    for campaign in Campaign.objects.filter(state=CampaignState.DONE):
        assert measure(campaign).failed > 0
        assert measure(campaign).sent > 50
    assert RawNotice.objects.filter(state="new").count() == 0
    # The newest has no HTML part, so nothing of it is measured.
    found = [reactions_of(pk) for pk in Campaign.objects.order_by("pk").values_list("pk", flat=True)[:3]]
    assert found[2] is None
    assert found[0] is not None
    assert found[0].opened > found[0].clicked > 0 < found[0].machine_clicks
    stopped = Subscriber.objects.filter(stop_reason=StopReason.ERRORS)
    # Some at once as 宛先不明, some at the third error, each with its evidence.
    assert set(stopped.values_list("error_count", flat=True)) == {1, 3}
    assert AddressError.objects.filter(subscriber__in=stopped).count() >= stopped.count()
    first = Campaign.objects.aggregate(first=Min("started_at"))["first"]
    assert Consent.objects.exists()
    assert not Consent.objects.filter(at__gte=first).exists()
    assert not Subscriber.objects.filter(created_at__gte=first).exists()
    assert RawNotice.objects.earliest("received_at").received_at < first + timedelta(hours=1)


def test_a_second_start_adds_nothing():
    demo.seed()
    counts = (Workspace.objects.count(), Delivery.objects.count())
    demo.seed()
    assert (Workspace.objects.count(), Delivery.objects.count()) == counts
