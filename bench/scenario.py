"""What the send benchmark sends: rows of a campaign by our path, and the same mail by a plain Django loop."""

import dkim
from django.core.mail import EmailMultiAlternatives, get_connection
from django.utils import timezone

from accounts.models import Workspace
from campaigns import sending
from campaigns.lanes import find_lane
from campaigns.models import Campaign, CampaignState, Delivery, DeliveryState
from campaigns.rendering import Renderer
from lists.models import MailingList, Subscriber
from mta.routes import RELAY
from senders.dkim_keys import generate_key
from senders.models import Sender, SenderDomain
from senders.secrets import decrypt

# A newsletter names its reader at a few places; the rest is the same for all.
GREETING = "{{name|お客様}} 様\n\n"
PARAGRAPH = "いつもご利用いただき、ありがとうございます。今週のお知らせをお届けします。\n"
PARAGRAPHS_PER_GREETING = 20


class Scenario:
    """One workspace with a signing and a bare sender; each round gets rows of its own."""

    def __init__(self, size: int, port: int) -> None:
        self.port = port
        self.workspace = Workspace.objects.create(name="ベンチマーク")
        self.mailing_list = MailingList.objects.create(workspace=self.workspace, name="ベンチマーク")
        block = GREETING + PARAGRAPH * PARAGRAPHS_PER_GREETING
        self.text = (block * (size // len(block.encode()) + 1)).encode()[:size].decode("utf-8", "ignore")
        self.html = "<p>" + self.text.replace("\n", "<br>") + "</p>"
        self.senders = {"signed": self.make_sender("signed.example"), "unsigned": self.make_sender("bare.example")}
        self.key = generate_key(self.senders["signed"].domain)
        self.campaign: Campaign | None = None
        self.rows: list[Delivery] = []

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

    def prepare(self, way: str, number: int) -> None:
        """Make the rows of one round; not measured."""
        self.campaign = Campaign.objects.create(
            workspace=self.workspace,
            subject="{{name|お客様}}様へのお知らせ",
            text=self.text[: len(self.text) // 2],
            html=self.html[: len(self.html) // 2],
            sender=self.senders["unsigned" if way == "unsigned" else "signed"],
            state=CampaignState.SENDING,
            lifetime_from=timezone.now(),
            recipient_count=number,
        )
        taken = Subscriber.objects.count()
        people = Subscriber.objects.bulk_create(
            Subscriber(
                workspace=self.workspace,
                address=f"reader{taken + index}@example.jp",
                address_key=f"reader{taken + index}@example.jp",
                name=f"山田 {index}",
            )
            for index in range(number)
        )
        lane = find_lane(self.workspace, route=RELAY, provider="other")
        self.rows = Delivery.objects.bulk_create(
            Delivery(
                workspace=self.workspace,
                campaign=self.campaign,
                subscriber=person,
                lane=lane,
                address=person.address,
                address_key=person.address_key,
                name=person.name,
                due_at=timezone.now(),
                mail_date=timezone.now(),
            )
            for person in people
        )

    def send_signed(self, number: int) -> None:
        """Our whole path: claim, render, sign, fence, send, record."""
        lane = find_lane(self.workspace, route=RELAY, provider="other")
        while Delivery.objects.filter(campaign=self.campaign, state=DeliveryState.PENDING).exists():
            sending.send_lane(lane.pk)
        accepted = Delivery.objects.filter(campaign=self.campaign, state=DeliveryState.SENT).count()
        if accepted != number:
            raise RuntimeError(f"{accepted} of {number} were accepted")

    def send_unsigned(self, number: int) -> None:
        """The same, from a domain without a key."""
        self.send_signed(number)

    def send_plainly(self, number: int) -> None:
        """What a Django project does without us: EmailMultiAlternatives, dkimpy, one connection, a save each."""
        pem = decrypt(bytes(self.key.private_key))
        selector, domain = self.key.selector.encode(), self.key.domain.name.encode()
        renderer = Renderer()
        smtp = get_connection(host="127.0.0.1", port=self.port)
        smtp.open()
        rows = Delivery.objects.filter(campaign=self.campaign).select_related("campaign__sender__domain")
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
