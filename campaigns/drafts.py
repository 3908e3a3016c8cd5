"""Saves drafts so that nothing is lost when two people write, keeps their versions, and makes drafts of other mailings."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from accounts.models import User
from campaigns import closed_times
from campaigns.approvals import void_changed
from campaigns.audiences import copy_audience
from campaigns.draft_parts import Content, Parts, content_of, read_content, write_parts
from campaigns.merge_tags import blank_controls
from campaigns.models import Campaign, CampaignState, Draft, DraftVersion, Variant
from campaigns.variants import copy_test, write_variants

COPIED: Final = (
    "subject",
    "preheader",
    "text",
    "html",
    "conditions",
    "sender",
    "doubt_policy",
    "quiet_mode",
    "late_tolerance",
    "wants_tracking",
    "wants_seeds",
)
COPIED_OF_DRAFT: Final = ("kind", "blocks", "source", "text", "text_by_hand")
# What one person saves within this time is one version.
ONE_VERSION: Final = timedelta(minutes=5)
MAX_VERSIONS: Final = 50


@dataclass(frozen=True, slots=True)
class Saved:
    """A draft as it was stored."""

    revision: int
    parts: Parts


@dataclass(frozen=True, slots=True)
class Page:
    """The page that a save comes from, and which of its saves it is; `before` is the one whose kept copy it goes on with."""

    key: UUID
    turn: int = 0
    before: UUID | None = None


@dataclass(frozen=True, slots=True)
class Stale:
    """Somebody was quicker: who, when, what is written differently, and the version that keeps what came too late.

    `is_closed` where it is no draft any more, and nothing can be saved.
    """

    by: User | None
    at: datetime
    revision: int
    fields: list[str]
    version: int
    is_closed: bool = False


def save(
    campaign: Campaign,
    content: Content,
    *,
    revision: int,
    actor: User,
    now: datetime,
    columns: Collection[str] = (),
    store_rest: Callable[[Campaign], None] | None = None,
    is_new_version: bool = False,
    page: Page | None = None,
) -> Saved | Stale:
    """Store what a person wrote on a revision, together with the `columns` that the campaign has by now.

    `store_rest` stores what stands in other tables, in the same transaction. A campaign without a number is made.
    `is_new_version` keeps the version before as it is, whoever saved it and when. A `page` that saved last, and nobody
    since, is not too late.
    """
    parts = write_parts(content, campaign.workspace)
    with transaction.atomic():
        if campaign.pk is None:
            campaign.created_by = actor
        elif not take_turn(campaign, revision, page):
            return keep_late(campaign, content, revision=revision, actor=actor, now=now)
        else:
            keep_first(campaign.pk)
        # Whatever it was taken from: a control character in a header can be sent to nobody.
        campaign.subject, campaign.preheader = blank_controls(content.subject), blank_controls(content.preheader)
        campaign.text, campaign.html, campaign.edited_by = parts.text, parts.html, actor
        campaign.conditions = list(parts.conditions)
        written = ["subject", "preheader", "text", "html", "conditions", "edited_by", "updated_at", *columns]
        campaign.save(update_fields=written if campaign.pk else None)
        columns_of_draft = {name: getattr(content, name) for name in COPIED_OF_DRAFT}
        columns_of_draft |= {"page": page and page.key, "page_turn": page.turn if page else 0}
        columns_of_draft |= {"page_from": revision, "page_to": campaign.revision}
        Draft.objects.update_or_create(campaign=campaign, defaults=columns_of_draft)
        if store_rest is not None:
            store_rest(campaign)
        write_variants(campaign, content)
        text = parts.text or content.text
        content = replace(content, text=text, conditions=campaign.conditions)
        note_version(campaign, content, campaign.revision, actor=actor, now=now, is_new=is_new_version)
        void_changed(campaign)
    return Saved(campaign.revision, parts)


def take_turn(campaign: Campaign, revision: int, page: Page | None) -> bool:
    """Take the next revision of a draft; False where somebody else saved it, or sent it."""
    if take_next(campaign, revision):
        return True
    if page is None:
        return False
    # Read once the save that was in the way is through. A save that comes after a later one of its page is late, too.
    own = Q(page=page.key, page_turn__lte=page.turn) | Q(page=page.before, page__isnull=False)
    newest = Draft.objects.filter(own, campaign=campaign.pk, page_from__lte=revision).first()
    return newest is not None and take_next(campaign, newest.page_to)


def take_next(campaign: Campaign, revision: int) -> bool:
    """Take the revision behind this one; False where it is not the newest of a draft."""
    mine = Campaign.objects.filter(pk=campaign.pk, state=CampaignState.DRAFT, revision=revision)
    if not mine.update(revision=F("revision") + 1):
        return False
    campaign.revision = revision + 1
    return True


def keep_first(pk: int) -> None:
    """Keep what a draft without versions had before it is changed."""
    if DraftVersion.objects.filter(campaign=pk).exists():
        return
    stored = Campaign.objects.get(pk=pk)
    DraftVersion.objects.create(
        campaign=stored,
        revision=stored.revision - 1,
        saved_by_id=stored.edited_by_id or stored.created_by_id,
        saved_at=stored.updated_at,
        content=content_of(stored).as_json(),
    )


def keep_late(campaign: Campaign, content: Content, *, revision: int, actor: User, now: datetime) -> Stale:
    """Keep what came too late as a version, and say whose turn it was."""
    stored = Campaign.objects.select_related("edited_by").get(pk=campaign.pk)
    version = note_version(stored, content, revision, actor=actor, now=now, was_saved=False)
    newest = stored.versions.filter(was_saved=True).select_related("saved_by").order_by("-pk").first()
    return Stale(
        by=newest.saved_by if newest else stored.edited_by,
        at=newest.saved_at if newest else stored.updated_at,
        revision=stored.revision,
        fields=content.differences(content_of(stored)),
        version=version.pk,
        is_closed=not stored.is_editable(),
    )


def note_version(
    campaign: Campaign,
    content: Content,
    revision: int,
    *,
    actor: User,
    now: datetime,
    was_saved: bool = True,
    is_new: bool = False,
) -> DraftVersion:
    """Keep the content as a version: the same for what one person saves in a row, a new one for a new kind of body."""
    newest = DraftVersion.objects.filter(campaign=campaign).order_by("-pk").first()
    written = content.as_json()
    if (
        newest is not None
        and not is_new
        and (newest.saved_by_id, newest.was_saved) == (actor.pk, was_saved)
        and newest.content.get("kind") == content.kind
        and now - first_saved(newest) < ONE_VERSION
    ):
        written["began"] = first_saved(newest).isoformat()
        DraftVersion.objects.filter(pk=newest.pk).update(revision=revision, saved_at=now, content=written)
        return newest
    version = DraftVersion.objects.create(
        campaign=campaign, revision=revision, saved_by=actor, saved_at=now, content=written, was_saved=was_saved
    )
    old = DraftVersion.objects.filter(campaign=campaign).order_by("-pk").values_list("pk", flat=True)[MAX_VERSIONS:]
    DraftVersion.objects.filter(pk__in=list(old)).delete()
    return version


def first_saved(version: DraftVersion) -> datetime:
    """Return when a version was begun: it does not go on for ever while somebody writes."""
    began = version.content.get("began")
    return datetime.fromisoformat(began) if began else version.saved_at


def restore(version: DraftVersion, *, revision: int, actor: User, now: datetime) -> Saved | Stale:
    """Make a version the content of its draft again; what it has now stays as a version."""
    content = read_content(version.content)
    return save(version.campaign, content, revision=revision, actor=actor, now=now, is_new_version=True)


def copy_content(source: Campaign, copy: Campaign) -> None:
    """Give a stored draft what the source has: content, settings, A/Bテスト, own 配信禁止時間, audience, labels and folder.

    The caller has a transaction open.
    """
    for name in COPIED:
        setattr(copy, name, getattr(source, name))
    copy.save(update_fields=[*COPIED, "updated_at"])
    copy_draft(source, copy)
    copy_test(source, copy)
    closed_times.copy_own_rules(source, copy)
    copy_audience(source, copy)
    copy.labels.set(source.labels.all())
    Campaign.objects.filter(pk=copy.pk).update(folder=source.folder_id)


def copy_draft(source: Campaign, copy: Campaign, *, variant: int = 0) -> None:
    """Give a draft the same blocks or source, so that it is written on as the other was, or a variant of it."""
    taken = Variant.objects.filter(campaign=source, number=variant).exclude(body={}).first()
    if taken is None:
        draft = Draft.objects.filter(campaign=source).values(*COPIED_OF_DRAFT).first()
    else:
        draft = {name: taken.body[name] for name in COPIED_OF_DRAFT}
    if draft is not None:
        Draft.objects.update_or_create(campaign=copy, defaults=draft)


def make_copy(source: Campaign, *, created_by: User | None) -> Campaign:
    """Return a new draft with all that the source has; the caller has a transaction open."""
    copy = Campaign.objects.create(workspace=source.workspace, created_by=created_by, edited_by=created_by)
    copy_content(source, copy)
    return copy
