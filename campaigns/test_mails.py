"""Sends test mails and seeds: one mail to one address, apart from any campaign's rows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from html import escape
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Workspace
from campaigns.authors import author_of, read_sender, required_sender
from campaigns.links import feedback_id, list_id, sample_unsubscribe_url
from campaigns.models import Campaign, CampaignState, Tester, TestMail, TestMailState, Variant
from campaigns.preflight.findings import Report
from campaigns.rendering import Content, Renderer, compose, preview
from campaigns.routing import route_for
from campaigns.sendable import CampaignError
from campaigns.variants import as_variant, variants_of
from lists.models import Subscriber
from mta import engine, tokens
from mta.errors import MtaError
from mta.mail_routes import load_route
from mta.mime import build, quote_address
from mta.outcomes import Outcome, Outgoing, Result
from senders.errors import SenderError
from senders.verification import require_verified

TEST_MAIL_LIMIT = timedelta(minutes=5)
TESTS_AN_HOUR: Final = 100
# Test mails that the check page shows, and those that one tick asks for.
SHOWN: Final = 10
BATCH: Final = 20
ON_THEIR_WAY: Final = (TestMailState.QUEUED, TestMailState.SENDING)
BODY: Final = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
NOTE_END: Final = "─" * 20
# Read on white paper and on black.
NOTE_STYLE: Final = (
    "margin:0;padding:12px 16px;background:#fff4d6;color:#3d2c00;font-size:14px;line-height:1.7;"
    "border-bottom:2px solid #d79b00;font-family:sans-serif;text-align:left"
)
# Seconds. A test mail has a process to itself, and its address may be anybody's: nobody shall keep the mailings of all
# others waiting with a server that hangs.
DEADLINE: Final = 40.0
TIMEOUTS: Final = engine.Timeouts(connect=10.0, greeting=40.0, command=40.0, data=40.0, body=30.0, dot=60.0, late=20.0)


def queue_tests(
    campaign: Campaign, receivers: Mapping[str, str], *, person: Subscriber | None, variant: int, note: str
) -> list[TestMail]:
    """Have a test mail sent to each address, which has a name or ""; one that waits for the same is not queued twice.

    Raises CampaignError where the workspace sent too many within the hour: a test is for a look, not a way around lists.
    """
    with transaction.atomic():
        # The limit is the workspace's: two posts at one moment would see the same figures.
        Workspace.objects.select_for_update(no_key=True).get(pk=campaign.workspace_id)
        Campaign.objects.select_for_update(no_key=True).get(pk=campaign.pk)
        waiting = campaign.test_mails.filter(state__in=ON_THEIR_WAY, is_seed=False, variant=variant)
        known = set(waiting.values_list("address", flat=True))
        wanted = {address: name for address, name in receivers.items() if address not in known}
        hour = timezone.now() - timedelta(hours=1)
        sent = TestMail.objects.filter(campaign__workspace=campaign.workspace, created_at__gte=hour, is_seed=False)
        if sent.count() + len(wanted) > TESTS_AN_HOUR:
            sentence = _("テストメールは1時間に%d通までです。時間をおいてお試しください。")
            raise CampaignError(campaign, sentence % TESTS_AN_HOUR)
        return TestMail.objects.bulk_create(
            TestMail(campaign=campaign, address=address, name=name, subscriber=person, variant=variant, note=note)
            for address, name in wanted.items()
        )


def tests_context(campaign: Campaign) -> dict[str, Any]:
    """Return what the check page shows of the newest test mails."""
    newest = list(campaign.test_mails.filter(is_seed=False).order_by("-pk")[:SHOWN])
    return {"test_mails": newest, "tests_wait": any(mail.state in ON_THEIR_WAY for mail in newest)}


def seeds_context(campaign: Campaign) -> dict[str, Any]:
    """Return what the page of a mailing shows of its seeds."""
    seeds = list(campaign.test_mails.filter(is_seed=True).order_by("name", "variant"))
    return {"seeds": seeds, "seeds_wait": any(seed.state in ON_THEIR_WAY for seed in seeds)}


def tests_to_hint(*, now: datetime) -> list[int]:
    """Return the next mails to be sent."""
    return list(ready(now=now).order_by("pk").values_list("pk", flat=True)[:BATCH])


def ready(*, now: datetime) -> QuerySet[TestMail]:
    """Return what is queued and may leave; seeds wait for as long as their mailing does."""
    resting = Q(state=CampaignState.PAUSED) | Q(closed_from__lte=now, closed_until__gt=now)
    rests = Exists(Campaign.objects.filter(resting, pk=OuterRef("campaign")))
    return TestMail.objects.filter(state=TestMailState.QUEUED).exclude(rests, is_seed=True)


def queue_seeds(campaign: Campaign) -> None:
    """Have a copy of a mailing that begins sent to each シード, of each variant; repeatable."""
    if not campaign.wants_seeds:
        return
    seeds = Tester.objects.filter(workspace=campaign.workspace_id, is_seed=True)
    numbers = [0, *(variant.number for variant in variants_of(campaign))]
    TestMail.objects.bulk_create(
        (
            TestMail(campaign=campaign, address=seed.address, name=seed.name, variant=number, is_seed=True)
            for seed in seeds
            for number in numbers
        ),
        ignore_conflicts=True,
    )


def note_of_report(report: Report) -> str:
    """Return what 配信前チェック found as the lines that a test mail begins with."""
    # That no test was sent yet is over with this one.
    yellows = [finding for finding in report.yellows if finding.code != "test_mail"]
    head = _("【配信前チェックの結果】配信できない理由 %(reds)d件、確認が必要な項目 %(yellows)d件") % {
        "reds": len(report.reds),
        "yellows": len(yellows),
    }
    return "\n".join([head, *(f"・{finding.sentence}" for finding in (*report.reds, *yellows))])


class TestMailLedger:
    """Takes the outcome of one test mail; there is nothing to fence."""

    def __init__(self, test_mail: TestMail) -> None:
        self.test_mail = test_mail

    def fence(self, ids: Sequence[int]) -> set[int]:
        """Let the mail go."""
        return set(ids)

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Write what the server said, for the page that waits for it."""
        for outcome in outcomes:
            accepted = outcome.result is Result.ACCEPTED
            self.test_mail.state = TestMailState.SENT if accepted else TestMailState.FAILED
            self.test_mail.text = " ".join(filter(None, (str(outcome.code or ""), outcome.text)))[:1000]


def send_test_mail(test_mail_id: int, *, now: datetime) -> None:
    """Send one queued test mail and store what the server said."""
    # What was asked for may be some seconds ago: its mailing may rest meanwhile, and so does a seed of it.
    if not ready(now=now).filter(pk=test_mail_id).update(state=TestMailState.SENDING, begun_at=now):
        return
    test_mail = TestMail.objects.select_related("campaign__sender__domain", "subscriber").get(pk=test_mail_id)
    ledger = TestMailLedger(test_mail)
    try:
        if test_mail.is_seed and test_mail.campaign.state == CampaignState.CANCELLED:
            raise CampaignError(test_mail.campaign, _("配信が中止されたため、送りませんでした。"))
        require_verified(required_sender(test_mail.campaign))
        outgoing = render_test(Renderer(), test_mail, now=now)
        route = load_route(route_for(test_mail.campaign))
        engine.send([outgoing], route, ledger, connections=1, window=1, deadline=DEADLINE, timeouts=TIMEOUTS)
    except (MtaError, SenderError, CampaignError) as error:
        test_mail.state, test_mail.text = TestMailState.FAILED, str(error)
    except Variant.DoesNotExist:
        sentence = _("%s案は削除されたため、送りませんでした。") % test_mail.letter()
        test_mail.state, test_mail.text = TestMailState.FAILED, sentence
    test_mail.save(update_fields=["state", "text"])


def render_test(renderer: Renderer, test_mail: TestMail, *, now: datetime) -> Outgoing:
    """Return the mail: a draft as a person gets it, marked as a test, or as a seed what the recipients get.

    Its links lead to samples, so nobody who follows them stops anything, and its Return-Path is the sender.
    """
    campaign = test_mail.campaign
    content = preview(as_variant(campaign, test_mail.variant), test_mail.subscriber)
    token = tokens.make("test-mail", test_mail.pk, secret=settings.SECRET_KEY)
    if test_mail.is_seed:
        author, keys_of = author_of(campaign), campaign
        headers: dict[str, Any] = {
            "list_unsubscribe": (sample_unsubscribe_url(),),
            "list_id": list_id(campaign),
            "feedback_id": feedback_id(campaign),
        }
    else:
        author, keys_of, headers = read_sender(required_sender(campaign)), None, {}
        content = mark_test(content, test_mail.note)
    mail = compose(author, content, to=("", test_mail.address), token=token, date=now, **headers)
    return Outgoing(
        id=test_mail.pk,
        mail_from=author.address,
        rcpt_to=quote_address(test_mail.address),
        data=renderer.sign(build(mail), required_sender(campaign), keys_of, date=now),
    )


def mark_test(content: Content, note: str) -> Content:
    """Return the content of a test mail; both parts begin with the note, where there is one."""
    subject = f"[テスト] {content.subject}"
    if not note:
        return replace(content, subject=subject)
    text = f"{note}\n{NOTE_END}\n\n{content.text}"
    lines = "<br>".join(escape(line) for line in note.split("\n"))
    return Content(subject, text, put_first(content.html, f'<div style="{NOTE_STYLE}">{lines}</div>'))


def put_first(page: str, element: str) -> str:
    """Return HTML with an element at the beginning of its body; "" stays as it is."""
    body = BODY.search(page)
    end = body.end() if body else 0
    return page[:end] + element + page[end:] if page else ""


def give_up_test_mails(*, now: datetime) -> int:
    """Fail the test mails whose process died on the way; return how many."""
    sending = TestMail.objects.filter(state=TestMailState.SENDING)
    limit = now - TEST_MAIL_LIMIT
    # Those of an older version have no time of theirs.
    left = sending.filter(Q(begun_at__lte=limit) | Q(begun_at=None, created_at__lte=limit))
    sentence = _("送信が途中で止まりました。届いたかどうかは、受信箱で確かめてください。")
    return left.update(state=TestMailState.FAILED, text=sentence)
