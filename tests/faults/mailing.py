"""A campaign to many recipients that is sent under faults: seeds it, watches it, lets time pass, reads its rows."""

import hashlib
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Role, User
from campaigns import reaper, scheduling
from campaigns.claims import LEASE
from campaigns.deliveries import count_states
from campaigns.models import CLAIMABLE, Campaign, CampaignState, Chain, Delivery, DeliveryState, DoubtPolicy, Lane
from campaigns.rendering import Renderer
from lists.models import MailingList, Subscriber, Subscription
from mta.models import Pace, RouteCircuit
from tests.factories import make_campaign, make_list, make_user, make_workspace
from tests.faults.journal import Journal
from tests.faults.judge import Row

T = TypeVar("T")
numbers = count(1)
# Recipients are spread over three lanes.
DOMAINS = ("reader.example", "docomo.ne.jp", "gmail.com")
TEXT = "{{name|お客様}} 様\n\n" + "いつもご利用いただき、ありがとうございます。今週のお知らせをお届けします。\n" * 20
# Nothing was accepted and no row moved for this long: what is left waits for a time of day.
STANDSTILL = 1.5
LOOK = 0.05
# How long the database may be away.
PATIENCE = 30.0
HELD = (DeliveryState.CLAIMED, DeliveryState.FENCED)
OVER = (CampaignState.DONE, CampaignState.CANCELLED)


class Mailing:
    """One campaign, and the journal of the server that it goes to."""

    def __init__(
        self,
        journal: Journal,
        recipients: int,
        *,
        policy: DoubtPolicy = DoubtPolicy.HOLD,
        domains: Sequence[str] = DOMAINS,
        supervise: Callable[[], object] = bool,
    ) -> None:
        """`supervise` is called where all stands still."""
        self.journal = journal
        self.supervise = supervise
        self.recipients = recipients
        # Whether leases run out too while time passes: only where somebody was killed, or is to notice that his is over.
        self.may_lapse = False
        self.workspace = make_workspace()
        self.user: User = make_user(self.workspace, Role.ADMIN, email=f"person{next(numbers)}@faults.example")
        mailing_list = make_list(self.workspace)
        self._add_people(mailing_list, domains)
        self.campaign: Campaign = make_campaign(mailing_list, text=TEXT, doubt_policy=policy)

    def _add_people(self, mailing_list: MailingList, domains: Sequence[str]) -> None:
        """Put the recipients on the list."""
        people = []
        for number in range(self.recipients):
            address = f"w{self.workspace.pk}-r{number}@{domains[number % len(domains)]}"
            people.append(
                Subscriber(workspace=self.workspace, address=address, address_key=address, name=f"山田 {number}")
            )
        found = Subscriber.objects.bulk_create(people, batch_size=1000)
        Subscription.objects.bulk_create(
            (Subscription(mailing_list=mailing_list, subscriber=person) for person in found), batch_size=1000
        )

    def start(self) -> None:
        """Schedule it for now, as a person does; tick and worker do the rest."""
        scheduling.schedule(self.campaign, timezone.now(), actor=self.user, now=timezone.now())

    def deliveries(self) -> QuerySet[Delivery]:
        """Return the rows."""
        return Delivery.objects.filter(campaign=self.campaign)

    def is_over(self) -> bool:
        """Say whether the campaign came to its end and none of its mails is on its way."""
        over = Campaign.objects.filter(pk=self.campaign.pk, state__in=OVER).exists()
        return over and not self.deliveries().filter(state__in=(*CLAIMABLE, *HELD)).exists()

    def is_on_its_way(self) -> bool:
        """Say whether a worker holds rows."""
        return self.deliveries().filter(state__in=HELD).exists()

    def has_rows(self, number: int) -> bool:
        """Say whether so many recipients have their rows."""
        return self.deliveries().count() >= number

    def was_put_back(self) -> bool:
        """Say whether rows that were not sent wait for a later time."""
        return self.deliveries().filter(state=DeliveryState.PENDING, due_at__gt=timezone.now()).exists()

    def drive(self, until: Callable[[], bool], *, seconds: float) -> bool:
        """Wait until something is so; False when the time is over. Where all stands still, time passes (below)."""
        end = time.monotonic() + seconds
        seen, since = -1, time.monotonic()
        while not patiently(until):
            now = time.monotonic()
            if now > end:
                return False
            accepted = self.journal.read()
            if accepted != seen:
                seen, since = accepted, now
            elif now - since > STANDSTILL:
                self.supervise()
                patiently(self.let_time_pass)
                since = time.monotonic()
            time.sleep(LOOK)
        return True

    def drive_to_end(self, *, seconds: float = 90) -> bool:
        """Wait until the campaign is over."""
        return self.drive(self.is_over, seconds=seconds)

    def let_time_pass(self) -> None:
        """Make it later than every rest and retry that stands in the rows; and than the fences, once nothing else is left.

        Everything that waits compares a column with the clock, so moving the column is as good as moving the clock.
        """
        now = timezone.now()
        if self.may_lapse:
            reaper.reap_claims(now=now + LEASE)
        if not self.deliveries().filter(state__in=(*CLAIMABLE, DeliveryState.CLAIMED)).exists():
            self.let_fences_pass()
        self.deliveries().filter(state__in=CLAIMABLE, due_at__gt=now).update(due_at=now)
        Lane.objects.update(held_until=None)
        Chain.objects.filter(busy_until__gt=now).update(busy_until=now)
        RouteCircuit.objects.filter(retry_at__gt=now).update(retry_at=now)
        RouteCircuit.objects.filter(probe_until__gt=now).update(probe_until=now)
        Pace.objects.filter(suspended_until__gt=now).update(suspended_until=now)

    def let_fences_pass(self) -> None:
        """Make it later than the fences: what is fenced now is in doubt, and sent again where the policy says so."""
        later = timezone.now() + reaper.FENCE_LIMIT
        reaper.reap_fences(now=later)
        reaper.resend_doubts(now=later)

    def rows(self) -> list[Row]:
        """Return the rows as they are, with what the accepted ones render to."""
        self.journal.read()
        accepted = {mail.rcpt for mail in self.journal.accepted}
        campaign = Campaign.objects.select_related("sender__domain").get(pk=self.campaign.pk)
        renderer = Renderer()
        found = []
        for delivery in self.deliveries().order_by("pk"):
            delivery.campaign = campaign
            mail = renderer.render(delivery) if delivery.address in accepted else None
            found.append(
                Row(
                    id=delivery.pk,
                    address=delivery.address,
                    state=delivery.state,
                    resends=delivery.resends,
                    attempts=delivery.attempts,
                    fenced_at=delivery.fenced_at.timestamp() if delivery.fenced_at else None,
                    digest=hashlib.sha256(mail.data).hexdigest() if mail else "",
                    sender=mail.mail_from if mail else "",
                )
            )
        return found

    def states(self) -> dict[str, int]:
        """Return how many rows are in each state that occurs."""
        return {state: number for state, number in count_states(self.campaign).items() if number}


def patiently(ask: Callable[[], T]) -> T:
    """Ask the database, and ask again while it is away."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return ask()
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > end:
                raise
            time.sleep(LOOK)
