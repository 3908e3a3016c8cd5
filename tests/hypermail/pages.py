"""Every page of the URL tree, with a workspace in which each of them has something to show."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.urls.converters import IntConverter
from django.utils import timezone

from accounts.audit import record
from accounts.models import Membership, Role, User, Workspace
from archive.models import Archive
from bounces.models import Bounce, Door, Mailbox, NoticeState, NoticeUpload, RawNotice, Webhook
from campaigns.models import (
    Campaign,
    Comment,
    DomainCap,
    DraftVersion,
    Folder,
    Label,
    Recurrence,
    SplitTest,
    StopHold,
    Tester,
    Variant,
)
from campaigns.tally import refresh
from designs.models import Picture, Snippet, Template
from lists.models import AttributeDefinition, BulkJob, CsvImport, Exclusion, ExclusionImport, MailingList, Segment
from mta.models import Pace
from senders.dkim_keys import generate_key
from senders.models import DkimKey, KeyAlgorithm, Sender, SenderDomain
from signup.models import SignupForm, Wording
from tests.factories import (
    make_campaign,
    make_delivery,
    make_list,
    make_mail_route,
    make_sender,
    make_subscriber,
    make_workspace,
)
from tracking.links import link_url
from tracking.models import ANY_LINK, OPEN, Figure, HourFigure, TrackedLink, TrackedMailing

# Every object of the full workspace has this number, so that it is the right one for every URL.
# Beyond what any database of tests counts up to.
PK = 7_000_001
# Stands in every name of the full workspace; nobody else may ever read it.
MARK = "ひみつのひよこ"
# What stands in a URL for a word that has to be a known one.
WORDS = {"provider": "gmail", "starter": "notice", "route_key": f"route-{PK}"}
# Open to strangers: logging in, a lost password, what recipients follow, what machines ask for.
PUBLIC = {
    "account_inactive",
    "account_login",
    "account_logout",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
    "address_proof",
    "allow_page",
    "archive_feed",
    "archive_index",
    "archive_links",
    "archive_mailing",
    "click",
    "healthz",
    "hook",
    "open_pixel",
    "link_proof",
    "picture_file",
    "preferences",
    "preferences_sample",
    "readyz",
    "signup_confirm",
    "signup_form",
    "signup_sent",
    "theme",
    "unsubscribe",
    "unsubscribe_reason",
    "unsubscribe_sample",
    "web_sample",
    "web_version",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One URL name with the path that leads to the objects of the full workspace."""

    name: str
    path: str
    has_pk: bool

    def __str__(self) -> str:
        return self.name


def find_pages() -> list[Page]:
    """Return every named URL."""
    return [make_page(pattern) for pattern in walk(get_resolver().url_patterns)]


def walk(patterns: list[URLPattern | URLResolver]) -> Iterator[URLPattern]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from walk(pattern.url_patterns)
        else:
            yield pattern


def make_page(pattern: URLPattern) -> Page:
    assert pattern.name, f"{pattern} has no name"
    converters = pattern.pattern.converters
    values: dict[str, Any] = {
        name: PK if isinstance(converter, IntConverter) else WORDS.get(name, "x")
        for name, converter in converters.items()
    }
    if not converters and hasattr(pattern.pattern, "regex"):
        values = dict.fromkeys(pattern.pattern.regex.groupindex, "x")
    return Page(pattern.name, reverse(pattern.name, kwargs=values), "pk" in values)


def make_full_workspace() -> Workspace:
    """Make a workspace with one of everything, each numbered PK."""
    workspace = make_workspace(name=f"{MARK}商店")
    user = User.objects.create_user("owner@example.jp", "password", name=MARK)
    Membership.objects.create(pk=PK, workspace=workspace, user=user, role=Role.ADMIN)
    mailing_list = make_list(workspace, pk=PK, name=f"{MARK}リスト")
    subscriber = make_subscriber(mailing_list, "hiyoko@example.jp", pk=PK, name=MARK)
    make_subscriber(mailing_list, "tomari@example.jp", status="stopped", stop_reason="errors", name=MARK)
    domain = SenderDomain.objects.create(pk=PK, workspace=workspace, name="hiyoko.example", verified_at=timezone.now())
    generate_key(domain, KeyAlgorithm.ED25519)
    # One that waits to take its place.
    DkimKey.objects.create(pk=PK, domain=domain, selector="hiyoko", algorithm=KeyAlgorithm.ED25519, bits=256)
    sender = make_sender(workspace, "news@hiyoko.example", pk=PK, name=MARK)
    started = timezone.now() - timedelta(hours=1)
    campaign = make_campaign(
        mailing_list, pk=PK, sender=sender, subject=f"{MARK}の便り", state="sending", started_at=started
    )
    campaign.recipient_count = 1
    campaign.save(update_fields=["recipient_count"])
    delivery = make_delivery(
        campaign, subscriber, pk=PK, state="bounced", kind="hard", reason="user_unknown", code="5.1.1", text=MARK
    )
    form = SignupForm.objects.create(pk=PK, workspace=workspace, sender=sender, name=MARK, heading=MARK)
    form.mailing_lists.add(mailing_list)
    Wording.objects.create(form=form, number=1, text=MARK, since=started)
    # Public, so there is nothing of the workspace in it.
    Archive.objects.create(mailing_list=mailing_list, token="x", title="公開の便り", published_at=started)  # noqa: S106
    StopHold.objects.create(pk=PK, campaign=campaign, provider="docomo", unknown=1, tried=1, opened_at=started)
    content = {"subject": MARK, "kind": "text", "text": MARK}
    DraftVersion.objects.create(pk=PK, campaign=campaign, revision=1, saved_by=user, saved_at=started, content=content)
    make_split_test(campaign, started)
    make_tracking(workspace, campaign)
    make_import(workspace, mailing_list.pk)
    make_people_parts(workspace, user)
    make_notice(workspace, delivery.pk)
    make_doors(workspace)
    make_plans(workspace, mailing_list, sender)
    make_designs(workspace)
    Mailbox.objects.create(
        pk=PK, workspace=workspace, host="127.0.0.1", port=993, username=MARK, read_at=timezone.now()
    )
    make_mail_route(pk=PK, name=f"{MARK}経路")
    DomainCap.objects.create(pk=PK, workspace=workspace, domain="hiyoko.example", per_minute=60)
    Pace.objects.create(pk=PK, route="relay", provider="gmail", level=1, base=600, because=MARK)
    record(workspace, user, "member.role", MARK, before="viewer", after="admin")
    return workspace


def make_split_test(campaign: Campaign, started: datetime) -> None:
    SplitTest.objects.create(campaign=campaign, rule="hand", decide_at=started)
    Variant.objects.create(campaign=campaign, number=1, subject=f"{MARK}のB案", text=MARK)


def make_tracking(workspace: Workspace, campaign: Campaign) -> None:
    refresh(campaign, now=timezone.now())
    Campaign.objects.filter(pk=PK).update(is_tracked=True, html=f"<p>{MARK}</p>")
    html = f'<a href="{link_url("http://testserver", PK, 1)}">{MARK}</a>'
    mailing = TrackedMailing.objects.create(
        campaign=PK, workspace=workspace, text=MARK, html=html, has_picture=True, frozen_at=timezone.now()
    )
    TrackedLink.objects.create(mailing=mailing, number=1, target=f"https://hiyoko.example/{MARK}")
    HourFigure.objects.create(mailing=mailing, hour=0, opened=1, opens=1, clicked=1, clicks=1)
    for number in (OPEN, ANY_LINK, 1):
        Figure.objects.create(mailing=mailing, number=number, human_hits=1, people=1, humans=1)


def make_people_parts(workspace: Workspace, user: User) -> None:
    AttributeDefinition.objects.create(pk=PK, workspace=workspace, name=f"{MARK}会員", label=f"{MARK}会員")
    Segment.objects.create(pk=PK, workspace=workspace, name=f"{MARK}の人", conditions={"v": 1, "all": []})
    Exclusion.objects.create(pk=PK, workspace=workspace, kind="domain", value="hiyoko.example", reason=MARK)
    refused = [[1, MARK, MARK]]
    ExclusionImport.objects.create(
        pk=PK, workspace=workspace, filename=MARK, state="done", rows_refused=1, refused=refused
    )
    BulkJob.objects.create(pk=PK, workspace=workspace, created_by=user, action="stop", state="done", why=MARK)


def make_plans(workspace: Workspace, mailing_list: MailingList, sender: Sender) -> None:
    master = make_campaign(mailing_list, sender=sender, subject=f"{MARK}の定期便")
    Recurrence.objects.create(pk=PK, workspace=workspace, master=master, rhythm="weekly", weekdays="1", at="10:00")
    Tester.objects.create(pk=PK, workspace=workspace, name=MARK, address="hiyoko@example.jp")
    Label.objects.create(pk=PK, workspace=workspace, name=f"{MARK}便").campaigns.add(master)
    Folder.objects.create(pk=PK, workspace=workspace, name=f"{MARK}の棚").campaigns.add(master)
    Comment.objects.create(pk=PK, campaign=master, text=MARK, at=timezone.now())


def make_designs(workspace: Workspace) -> None:
    now = timezone.now()
    Snippet.objects.create(pk=PK, workspace=workspace, name=f"{MARK}の署名", text=MARK)
    Template.objects.create(pk=PK, workspace=workspace, name=f"{MARK}の型", kind="text", text=MARK, created_at=now)
    size = {"kind": "png", "width": 4, "height": 4, "bytes": 4}
    Picture.objects.create(
        pk=PK, workspace=workspace, file=f"{PK:064x}.png", digest=f"{PK:064x}", name=MARK, uploaded_at=now, **size
    )


def make_import(workspace: Workspace, list_pk: int) -> None:
    content = "メールアドレス,お名前\nhiyoko@example.jp,ひよこ\n".encode()
    row = CsvImport(
        pk=PK,
        workspace=workspace,
        mailing_list_id=list_pk,
        filename=f"{MARK}.csv",
        encoding="utf-8",
        columns={"0": "address", "1": "name"},
        state="uploaded",
    )
    row.file.save("pages.csv", ContentFile(content), save=False)
    row.save(force_insert=True)


def make_notice(workspace: Workspace, delivery_pk: int) -> None:
    notice = RawNotice.objects.create(
        pk=PK,
        workspace=workspace,
        digest="0" * 64,
        door=Door.LMTP,
        envelope_to="b-1-x@bounce.example.com",
        content=zlib.compress(f"Subject: {MARK}\r\n\r\n{MARK}".encode()),
        state=NoticeState.PROCESSED,
    )
    Bounce.objects.create(
        notice=notice, delivery_id=delivery_pk, recipient="hiyoko@example.jp", kind="hard", reason="user_unknown"
    )


def make_doors(workspace: Workspace) -> None:
    upload = NoticeUpload.objects.create(pk=PK, workspace=workspace, filename=f"{MARK}.mbox", state="done", found=1)
    RawNotice.objects.filter(pk=PK).update(upload=upload)
    Webhook.objects.create(pk=PK, workspace=workspace, service="postmark", token="hiyoko", problem=MARK)  # noqa: S106


def read(response: HttpResponseBase) -> str:
    """Return the whole body of an answer, streamed or not."""
    if isinstance(response, StreamingHttpResponse):
        return response.getvalue().decode(errors="replace")
    assert isinstance(response, HttpResponse)
    return response.content.decode(errors="replace")
