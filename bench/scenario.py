"""The installation's side of the send benchmark: makes rows, lets workers send them, and the plain Django loop.

Runs in a process of its own with the installation's settings: reads a command a line in JSON, answers with a line.
"""

import json
import sys
import time
from datetime import timedelta

import django

django.setup()

import dkim  # noqa: E402
from django.core.mail import EmailMultiAlternatives, get_connection  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402
from rows import insert  # noqa: E402

from accounts.models import Workspace  # noqa: E402
from campaigns.lanes import find_lane  # noqa: E402
from campaigns.models import TERMINAL, Campaign, CampaignState, Delivery, DeliveryState  # noqa: E402
from campaigns.rendering import Renderer  # noqa: E402
from campaigns.tasks import tick  # noqa: E402
from lists.models import MailingList, Subscriber  # noqa: E402
from mta.mail_routes import load_route  # noqa: E402
from mta.routes import RELAY  # noqa: E402
from senders.dkim_keys import generate_key  # noqa: E402
from senders.models import Sender, SenderDomain  # noqa: E402
from senders.secrets import decrypt  # noqa: E402

# A newsletter names its reader at a few places; the rest is the same for all.
GREETING = "{{name|お客様}} 様\n\n"
PARAGRAPH = "いつもご利用いただき、ありがとうございます。今週のお知らせをお届けします。\n"
PARAGRAPHS_PER_GREETING = 20
# The same in ASCII, which leaves in quoted-printable; its HTML is indented, as editors of mails write it.
ASCII_GREETING = "Dear {{name|reader}},\n\n"
ASCII_PARAGRAPH = "Thank you for your order. This is what is new with us this week.\n"
ASCII_LINE = '      <p style="margin: 0 0 8px">{}</p>\n'
# What a mail of this scenario has besides its two texts: headers, signature, footers; found by looking at one.
BESIDES = 3350
# Seconds between two looks at what is left.
LOOK = 0.05
# Nothing may take longer than this, in seconds.
LONGEST = 600
UNFINISHED = [state for state in DeliveryState if state not in TERMINAL]
HELD = [DeliveryState.CLAIMED, DeliveryState.FENCED]


class Scenario:
    """One workspace with a signing and a bare sender; each round gets a campaign of its own."""

    def __init__(self, size: int) -> None:
        self.workspace = Workspace.objects.create(name="ベンチマーク")
        MailingList.objects.create(workspace=self.workspace, name="ベンチマーク")
        self.lane = find_lane(self.workspace, route=RELAY, provider="other")
        room = max(size - BESIDES, 300)
        # Three bytes become four letters of base64; half of the mail is text, half HTML.
        text = repeat(GREETING + PARAGRAPH * PARAGRAPHS_PER_GREETING, room * 3 // 8)
        self.japanese = text, "<p>" + text.replace("\n", "<br>") + "</p>"
        # Its HTML is nearly twice as long.
        text = repeat(ASCII_GREETING + ASCII_PARAGRAPH * PARAGRAPHS_PER_GREETING, room * 3 // 8)
        self.ascii = text, "".join(map(ASCII_LINE.format, text.splitlines()))
        self.senders = {"signed": self.make_sender("signed.example"), "unsigned": self.make_sender("bare.example")}
        self.key = generate_key(self.senders["signed"].domain)
        self.people = 0
        self.campaign: Campaign

    def make_sender(self, name: str) -> Sender:
        """Store a sender on a domain of its own."""
        domain = SenderDomain.objects.create(workspace=self.workspace, name=name, verified_at=timezone.now())
        return Sender.objects.create(
            workspace=self.workspace,
            domain=domain,
            name="みほん商店",
            address=f"news@{name}",
            legal_name="みほん商店株式会社",
            postal_address="東京都千代田区千代田1-1",
            contact=f"https://{name}/",
        )

    def prepare(self, *, way: str, messages: int) -> dict[str, object]:
        """Make the rows of one round; nothing is sent yet. Returns the size of a mail in bytes."""
        self.add_people(messages)
        text, html = self.ascii if way == "ascii" else self.japanese
        self.campaign = Campaign.objects.create(
            workspace=self.workspace,
            subject="{{name|お客様}}様へのお知らせ",
            text=text,
            html=html,
            sender=self.senders["unsigned" if way == "unsigned" else "signed"],
            state=CampaignState.PAUSED,
            lifetime_from=timezone.now(),
            recipient_count=messages,
        )
        values = {
            "workspace_id": str(self.workspace.pk),
            "campaign_id": str(self.campaign.pk),
            "subscriber_id": f"{self.first_person} + n - 1",
            "lane_id": str(self.lane.pk),
            "address": "'reader' || n || '@example.jp'",
            "address_key": "'reader' || n || '@example.jp'",
            "name": "'山田 ' || n",
            "attributes": "'{}'",
            "state": "'pending'",
            "due_at": "CURRENT_TIMESTAMP",
            "attempts": "0",
            "resends": "0",
        }
        insert(Delivery, values, 1, messages)
        with connection.cursor() as cursor:
            # As autovacuum would soon.
            cursor.execute("ANALYZE")
        sample = Delivery.objects.filter(campaign=self.campaign).select_related("campaign__sender__domain")[0]
        return {"bytes": len(Renderer().render(sample).data)}

    def add_people(self, number: int) -> None:
        """Add subscribers until there are so many; each campaign goes to the same."""
        if self.people < number:
            values = {
                "workspace_id": str(self.workspace.pk),
                "address": "'reader' || n || '@example.jp'",
                "address_key": "'reader' || n || '@example.jp'",
                "name": "'山田 ' || n",
                "attributes": "'{}'",
                "status": "'active'",
                "error_count": "0",
                "created_at": "CURRENT_TIMESTAMP",
                "updated_at": "CURRENT_TIMESTAMP",
            }
            insert(Subscriber, values, self.people + 1, number)
            self.people = number
        self.first_person = Subscriber.objects.order_by("pk").values_list("pk", flat=True)[0]

    def send(self, *, messages: int) -> dict[str, object]:
        """Let the workers send until `messages` are through; return the seconds and how many were accepted.

        The tick runs here each second, as beat has it done elsewhere. What is left of the campaign is not sent.
        """
        began = time.perf_counter()
        Campaign.objects.filter(pk=self.campaign.pk).update(state=CampaignState.SENDING)
        next_tick = began
        own = Delivery.objects.filter(campaign=self.campaign)
        whole = messages == self.campaign.recipient_count
        while (now := time.perf_counter()) - began < LONGEST:
            if now >= next_tick:
                tick()
                next_tick += 1
            if whole and not own.filter(state__in=UNFINISHED).exists():
                break
            if not whole and own.filter(state=DeliveryState.SENT).count() >= messages:
                break
            time.sleep(LOOK)
        seconds = time.perf_counter() - began
        if not whole:
            self.pause()
        return {"seconds": seconds, "accepted": own.filter(state=DeliveryState.SENT).count()}

    def pause(self) -> None:
        """Stop a campaign in mid send, and wait until nothing is on its way any more."""
        Campaign.objects.filter(pk=self.campaign.pk).update(state=CampaignState.PAUSED)
        end = timezone.now() + timedelta(minutes=1)
        while Delivery.objects.filter(campaign=self.campaign, state__in=HELD).exists() and timezone.now() < end:
            time.sleep(LOOK)

    def send_plainly(self, *, messages: int) -> dict[str, object]:
        """What a Django project does without us: EmailMultiAlternatives, dkimpy, one connection, a save each."""
        route = load_route(RELAY)
        pem = decrypt(bytes(self.key.private_key))
        selector, domain = self.key.selector.encode(), self.key.domain.name.encode()
        renderer = Renderer()
        rows = Delivery.objects.filter(campaign=self.campaign).select_related("campaign__sender__domain")
        began = time.perf_counter()
        smtp = get_connection("django.core.mail.backends.smtp.EmailBackend", host=route.host, port=route.port)
        smtp.open()
        for row in rows.iterator():
            content = renderer.content_of(row)
            mail = EmailMultiAlternatives(content.subject, content.text, "news@signed.example", [row.address])
            mail.attach_alternative(content.html, "text/html")
            raw = mail.message().as_bytes(linesep="\r\n")
            signature = dkim.sign(raw, selector, domain, pem, canonicalize=(b"relaxed", b"relaxed"))
            smtp.connection.sendmail("news@signed.example", [row.address], signature + raw)
            row.state = DeliveryState.SENT
            row.save()
        smtp.close()
        seconds = time.perf_counter() - began
        accepted = Delivery.objects.filter(campaign=self.campaign, state=DeliveryState.SENT).count()
        return {"seconds": seconds, "accepted": accepted}


def repeat(block: str, size: int) -> str:
    """Return a text of `size` bytes at most, made of one block again and again."""
    return (block * (size // len(block.encode()) + 1)).encode()[:size].decode("utf-8", "ignore")


def main(size: int) -> None:
    """Make the tables and serve commands until there are no more."""
    call_command("migrate", verbosity=0)
    scenario = Scenario(size)
    steps = {"prepare": scenario.prepare, "send": scenario.send, "send_plainly": scenario.send_plainly}
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(steps[command.pop("step")](**command)), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
