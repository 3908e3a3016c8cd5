"""The demonstration: a workspace that shows every screen with content. Only `manage.py up --demo` asks for it.

Everything is made by the functions that do it in earnest: files are imported, recipients frozen, claimed and
fenced, returned mails read and counted. Only the SMTP dialogue is spoken for by the sandbox's own answers.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.core.files.base import File
from django.db import transaction
from django.utils import timezone

from accounts.models import Workspace
from archive.models import Archive
from bounces.intake import store_raw
from bounces.models import Door, RawNotice
from bounces.processing import process
from campaigns import reaper
from campaigns.claims import Claim, claim_due, fence
from campaigns.draft_parts import Content, write_parts
from campaigns.drafts import COPIED_OF_DRAFT
from campaigns.freezing import freeze_recipients
from campaigns.models import Campaign, CampaignState, Delivery, Draft, Label, Lane
from campaigns.outcomes import record_outcome
from campaigns.rendering import Renderer
from designs.blocks import FOOTER_TEXT, new_id
from designs.models import BodyKind
from hypermail.demo_content import (
    AGREEMENT,
    FORM_DESCRIPTION,
    FORM_HEADING,
    FORM_NAME,
    LABEL,
    LISTS,
    MAILINGS,
    SENDER,
    SENDER_ADDRESS,
    WORKSPACE_NAME,
    Mailing,
)
from hypermail.demo_growth import grow
from hypermail.demo_reactions import react
from lists.csv_import import Choice, create_import, queue_import
from lists.csv_reading import Format
from lists.import_running import approve_import, work_on
from lists.models import ImportMode, MailingList, Subscriber
from mta.outcomes import Outcome, Outgoing, Result
from mta.sandbox.answers import REJECT_DOMAIN, domain_of, find_answer
from mta.sandbox.notices import build_notice
from mta.verdicts import Phase
from senders.models import Sender
from senders.registry import create_sender
from signup.models import SignupForm, Wording

BATCH = 500
AGREED_BEFORE = timedelta(days=30)


@transaction.atomic
def seed() -> Workspace:
    """Return the demonstration workspace, filled at the first call; may be called at every start."""
    workspace, is_new = Workspace.objects.get_or_create(is_demo=True, defaults={"name": WORKSPACE_NAME})
    if is_new:
        fill(workspace, now=timezone.now())
    return workspace


def fill(workspace: Workspace, *, now: datetime) -> None:
    """Make lists, sender and mailings. Whoever is sent to had agreed before."""
    agreed = now - AGREED_BEFORE
    lists = {name: import_list(workspace, name, file, now=agreed) for name, file in LISTS}
    Subscriber.objects.filter(workspace=workspace).update(created_at=agreed, updated_at=agreed)
    sender = create_sender(workspace, SENDER_ADDRESS, SENDER)
    archive = open_doors(workspace, lists[LISTS[0][0]], sender, now=agreed)
    label = Label.objects.create(workspace=workspace, name=LABEL)
    for mailing in MAILINGS:
        campaign = write_campaign(workspace, mailing, sender, lists)
        if mailing.after is None:
            continue
        label.campaigns.add(campaign)
        if not mailing.is_public:
            archive.choices.create(campaign=campaign, is_shown=False)
        at = timezone.localtime(now + mailing.after).replace(hour=10, minute=0, second=0, microsecond=0)
        campaign.state, campaign.scheduled_at = CampaignState.SCHEDULED, at
        campaign.save(update_fields=["state", "scheduled_at"])
        if at < now:
            send(campaign, at=at)
            react(campaign, at=at, now=now)
    grow(workspace, now=now)


def import_list(workspace: Workspace, name: str, file: str, *, now: datetime) -> MailingList:
    """Make a list from a file in demo/seed/."""
    mailing_list = MailingList.objects.create(workspace=workspace, name=name)
    with (settings.BASE_DIR / "demo" / "seed" / file).open("rb") as opened:
        upload = create_import(mailing_list, File(opened, name=file), None)
    layout = Format(upload.encoding, upload.separator, upload.has_header)
    queue_import(upload, Choice(layout, upload.columns, ImportMode.MERGE), None)
    work_on(upload.pk, now=now)
    approve_import(upload, actor=None)
    work_on(upload.pk, now=now)
    return mailing_list


def write_campaign(workspace: Workspace, mailing: Mailing, sender: Sender, lists: dict[str, MailingList]) -> Campaign:
    """Store a mailing as a draft."""
    content = content_of(mailing)
    parts = write_parts(content, workspace)
    campaign = Campaign.objects.create(
        workspace=workspace,
        subject=content.subject,
        preheader=content.preheader,
        text=parts.text,
        html=parts.html,
        sender=sender,
    )
    Draft.objects.create(campaign=campaign, **{name: getattr(content, name) for name in COPIED_OF_DRAFT})
    campaign.mailing_lists.set([lists[name] for name in mailing.lists])
    return campaign


def content_of(mailing: Mailing) -> Content:
    """Return what a person would have written."""
    if not mailing.blocks:
        return Content(mailing.subject, mailing.preheader, BodyKind.TEXT, text=mailing.text)
    footer = ("footer", {"text": str(FOOTER_TEXT)})
    blocks = [{"id": new_id(), "kind": kind, "data": dict(data)} for kind, data in (*mailing.blocks, footer)]
    return Content(mailing.subject, mailing.preheader, BodyKind.BLOCKS, {"v": 1, "blocks": blocks}, text_by_hand=False)


def open_doors(workspace: Workspace, mailing_list: MailingList, sender: Sender, *, now: datetime) -> Archive:
    """Make a form by which people come onto a list; return the archive in which everybody reads what is sent to it."""
    words = {"heading": FORM_HEADING, "description": FORM_DESCRIPTION}
    form = SignupForm.objects.create(workspace=workspace, sender=sender, name=FORM_NAME, **words)
    form.mailing_lists.add(mailing_list)
    Wording.objects.create(form=form, number=1, text=AGREEMENT, since=now)
    opened = {"published_at": now, "adds_since": now}
    return Archive.objects.create(
        mailing_list=mailing_list, form=form, title=FORM_HEADING, description=FORM_DESCRIPTION, **opened
    )


def send(campaign: Campaign, *, at: datetime) -> None:
    """Send a past mailing to the sandbox's answers, and take in what it returns."""
    Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.STARTING, started_at=at)
    freeze_recipients(campaign.pk, now=at)
    returned: list[tuple[Delivery, Outgoing]] = []
    for lane in Lane.objects.filter(deliveries__campaign=campaign).distinct():
        while (claim := claim_due(lane, now=at, limit=BATCH)).deliveries:
            returned += answer_claim(claim, at=at + timedelta(seconds=30))
    for delivery, outgoing in returned:
        take_back(delivery, outgoing, at=at + timedelta(minutes=2))
    reaper.finish_campaigns(now=at + timedelta(minutes=3))


def answer_claim(claim: Claim, *, at: datetime) -> list[tuple[Delivery, Outgoing]]:
    """Record what the sandbox would say to each row; return those whose mail it would return."""
    renderer = Renderer()
    returned = []
    for delivery in claim.deliveries:
        if domain_of(delivery.address) == REJECT_DOMAIN:
            text = f"5.1.1 <{delivery.address}>: Recipient address rejected: User unknown"
            refusal = Outcome(delivery.pk, Result.REFUSED, 550, "5.1.1", text, Phase.RCPT, REJECT_DOMAIN)
            record_outcome(delivery, refusal, token=claim.token, now=at)
            continue
        fence([delivery.pk], claim.token, now=at)
        accepted = Outcome(delivery.pk, Result.ACCEPTED, 250, "2.0.0", "2.0.0 OK", Phase.DOT)
        record_outcome(delivery, accepted, token=claim.token, now=at)
        if find_answer(delivery.address):
            returned.append((delivery, renderer.render(delivery)))
    return returned


def take_back(delivery: Delivery, outgoing: Outgoing, *, at: datetime) -> None:
    """Build the mail that the sandbox returns for a row, and read it."""
    answer = find_answer(delivery.address)
    if answer is None:
        return
    notice = build_notice(answer, outgoing.data, return_path=outgoing.mail_from, address=delivery.address, now=at)
    raw = store_raw(notice, envelope_to=outgoing.mail_from, door=Door.LMTP)
    RawNotice.objects.filter(pk=raw.pk).update(received_at=at)
    process(raw.pk, now=at)
