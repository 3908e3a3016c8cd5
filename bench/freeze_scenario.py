"""What the freezing benchmark does in one database: fills a list, copies its rows barely and by our way, measures."""

import resource
import time
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts.models import Workspace
from campaigns.freezing import freeze_in_chunks
from campaigns.lanes import find_lane
from campaigns.models import Audience, Campaign, CampaignState, Delivery, SplitRule, SplitTest, Variant
from campaigns.split_tests import release_rest
from lists.models import MailingList, Subscriber, Subscription
from mta.mail_domains import Enquiry
from mta.routes import RELAY
from senders.models import Sender, SenderDomain

# Rows of one insert while the list is filled.
CHUNK = 100_000
# Nine of ten readers have an address of a carrier or free-mail provider, the others one of so many domains.
COMMON = ("gmail.com", "yahoo.co.jp", "docomo.ne.jp", "ezweb.ne.jp", "softbank.ne.jp", "i.softbank.jp", "icloud.com",
          "outlook.jp", "nifty.com")  # fmt: skip
OTHERS = 20_000
NUMBERS = {
    "postgresql": "SELECT n FROM generate_series(%s::bigint, %s::bigint) AS n",
    "sqlite": "WITH RECURSIVE c(n) AS (VALUES(%s) UNION ALL SELECT n + 1 FROM c WHERE n < %s) SELECT n FROM c",
}


class Scenario:
    """A workspace with one list."""

    def __init__(self, recipients: int) -> None:
        self.recipients = recipients
        self.workspace = Workspace.objects.create(name="ベンチマーク")
        self.mailing_list = MailingList.objects.create(workspace=self.workspace, name="ベンチマーク")
        name = "bench.example"
        domain = SenderDomain.objects.create(workspace=self.workspace, name=name, verified_at=timezone.now())
        self.sender = Sender.objects.create(
            workspace=self.workspace,
            domain=domain,
            name="みほん商店",
            address=f"news@{name}",
            legal_name="みほん商店株式会社",
            postal_address="東京都千代田区千代田1-1",
            contact=f"https://{name}/",
        )
        for first in range(1, recipients + 1, CHUNK):
            self.add_people(first, min(first + CHUNK - 1, recipients))
        self.tidy()

    def add_people(self, first: int, last: int) -> None:
        """Add subscribers of these numbers and put them on the list."""
        names = " ".join(f"WHEN {index} THEN '{domain}'" for index, domain in enumerate(COMMON))
        domain = f"CASE n %% 10 {names} ELSE 'shop' || (n / 10 %% {OTHERS}) || '.example.jp' END"
        address = f"'reader' || n || '@' || {domain}"
        columns = "workspace_id, address, address_key, name, attributes, status, stop_reason, error_count, created_at, updated_at"
        now = "CURRENT_TIMESTAMP"
        values = (
            f"%s, {address}, {address}, '山田 太郎', '{{\"会員番号\": \"A-123456\"}}', 'active', '', 0, {now}, {now}"
        )
        numbers = NUMBERS[connection.vendor]
        people, places = Subscriber._meta.db_table, Subscription._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT COALESCE(MAX(id), 0) FROM {people}")  # noqa: S608
            known = cursor.fetchone()[0]
            cursor.execute(
                f"INSERT INTO {people} ({columns}) SELECT {values} FROM ({numbers}) AS numbers",  # noqa: S608
                [self.workspace.pk, first, last],
            )
            cursor.execute(
                f"INSERT INTO {places} (mailing_list_id, subscriber_id, created_at) "  # noqa: S608
                f"SELECT %s, id, {now} FROM {people} WHERE id > %s",
                [self.mailing_list.pk, known],
            )

    def tidy(self) -> None:
        """Leave no work of the last step to the next one."""
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)" if connection.vendor == "sqlite" else "CHECKPOINT")

    def make_campaign(self) -> Campaign:
        """Return a campaign that starts."""
        campaign = Campaign.objects.create(
            workspace=self.workspace,
            subject="お知らせ",
            text="本文",
            sender=self.sender,
            state=CampaignState.STARTING,
            started_at=timezone.now(),
        )
        Audience.objects.create(campaign=campaign, mailing_list=self.mailing_list)
        return campaign

    def copy_barely(self) -> float:
        """Make the rows of a campaign by one statement, all in one lane; return the seconds it took."""
        row = Delivery(
            workspace=self.workspace,
            campaign=self.make_campaign(),
            lane=find_lane(self.workspace, route=RELAY, provider="other"),
            due_at=timezone.now(),
        )
        copied = {"subscriber_id": "person.id"} | {
            name: f"person.{name}" for name in ("address", "address_key", "name", "attributes")
        }
        fields = [field for field in Delivery._meta.concrete_fields if not field.primary_key]
        values = [copied.get(field.attname, "%s") for field in fields]
        own = [field for field in fields if field.attname not in copied]
        with connection.cursor() as cursor:
            begun = time.perf_counter()
            cursor.execute(
                f"INSERT INTO {Delivery._meta.db_table} ({', '.join(field.attname for field in fields)}) "  # noqa: S608
                f"SELECT {', '.join(values)} FROM {Subscriber._meta.db_table} AS person "
                f"JOIN {Subscription._meta.db_table} AS place ON place.subscriber_id = person.id "
                "WHERE place.mailing_list_id = %s AND person.status = 'active'",
                [
                    *(field.get_db_prep_save(getattr(row, field.attname), connection) for field in own),
                    self.mailing_list.pk,
                ],
            )
            seconds = time.perf_counter() - begun
            self.require(cursor.rowcount)
        self.tidy()
        return seconds

    def freeze(self, campaign: Campaign) -> tuple[float, list[float]]:
        """Start a campaign; return the seconds it took, and how long each step held its locks."""
        begun = time.perf_counter()
        held = list(freeze_in_chunks(campaign.pk, now=timezone.now(), enquiry=Enquiry(seconds=0)))
        seconds = time.perf_counter() - begun
        campaign.refresh_from_db()
        self.require(Delivery.objects.filter(campaign=campaign).count())
        self.require(campaign.recipient_count or 0)
        self.tidy()
        return seconds, held

    def make_test(self, campaign: Campaign) -> SplitTest:
        """Give a campaign an A/Bテスト of two variants for a fifth of the people."""
        Variant.objects.create(campaign=campaign, number=1, subject="B", text="B")
        return SplitTest.objects.create(campaign=campaign, share=20, rule=SplitRule.HAND)

    def release(self, campaign: Campaign, test: SplitTest) -> tuple[float, int]:
        """Decide the test; return the seconds until the rest was due, and how many they were."""
        Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.SENDING)
        now = timezone.now()
        SplitTest.objects.filter(pk=test.pk).update(winner=1, decide_at=now, decided_at=now)
        begun = time.perf_counter()
        moved = release_rest(test.pk, now=now)
        seconds = time.perf_counter() - begun
        self.tidy()
        return seconds, moved

    def require(self, rows: int) -> None:
        """Raise RuntimeError unless everybody has a row."""
        if rows != self.recipients:
            raise RuntimeError(f"{rows} rows for {self.recipients} recipients")


def run(recipients: int) -> dict[str, Any]:
    """Measure our way between two bare ones: the tables and their indexes grow."""
    settings.MX_LOOKUPS = True
    scenario = Scenario(recipients)
    idle = peak_memory()
    before = scenario.copy_barely()
    seconds, held = scenario.freeze(scenario.make_campaign())
    after = scenario.copy_barely()
    campaign = scenario.make_campaign()
    test = scenario.make_test(campaign)
    split_seconds, split_held = scenario.freeze(campaign)
    release_seconds, moved = scenario.release(campaign, test)
    bare = (before + after) / 2
    return {
        "recipients": recipients,
        "bare_seconds": [round(before, 2), round(after, 2)],
        "freeze_seconds": round(seconds, 2),
        "ratio": round(seconds / bare, 2),
        "steps": len(held),
        "longest_lock_seconds": round(max(held), 3),
        "split_freeze_seconds": round(split_seconds, 2),
        "split_longest_lock_seconds": round(max(split_held), 3),
        "split_released": moved,
        "split_release_seconds": round(release_seconds, 2),
        "memory_mb": round(peak_memory(), 1),
        "memory_before_mb": round(idle, 1),
    }


def peak_memory() -> float:
    """Return the most memory that this process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
