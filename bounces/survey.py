"""Surveys the addresses that failed in uploaded notices, and stops those that a person chooses (E7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import models, transaction
from django.db.models import Count, Exists, OuterRef, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext

from accounts import audit
from accounts.models import User
from bounces.models import Bounce, NoticeState, NoticeUpload
from bounces.unregistered import exclude_unregistered
from lists.models import AddressError, StopReason, Subscriber
from mta.verdicts import Kind, Reason

CHUNK = 1000
# The address is at fault, or its owner wants no mail. The rest says something about the moment or about the sender.
STOPPABLE = (
    Reason.USER_UNKNOWN,
    Reason.HOST_UNKNOWN,
    Reason.SUSPENDED,
    Reason.MAILBOX_FULL,
    Reason.REFUSED,
    Reason.COMPLAINT,
)
# What is proposed: these do not mend themselves.
PROPOSED = (Reason.USER_UNKNOWN, Reason.HOST_UNKNOWN, Reason.COMPLAINT)
# Different addresses, as they are compared; those of them that are still sent to; and those of nobody.
ADDRESSES = Count("key", distinct=True)
ACTIVE = Count("key", distinct=True, filter=Q(is_active=True))
UNREGISTERED = Count("key", distinct=True, filter=Q(is_registered=False) & ~Q(key=""))


@dataclass(frozen=True, slots=True)
class Finding:
    """How many different addresses failed for one reason; how many of them are still sent to, or are nobody's."""

    kind: Kind
    reason: Reason
    addresses: int
    active: int
    unregistered: int

    @property
    def value(self) -> str:
        """Return what the form sends for it."""
        return f"{self.kind.value}.{self.reason.value}"

    def is_stoppable(self) -> bool:
        """Say whether its addresses may be stopped or excluded: never for what blames the sender, nor what passes."""
        return self.reason in STOPPABLE and self.active + self.unregistered > 0

    def is_proposed(self) -> bool:
        """Say whether it is chosen from the beginning. A temporary code may mean that the address still lives."""
        return self.reason in PROPOSED and self.kind != Kind.SOFT


@dataclass(frozen=True, slots=True)
class Survey:
    """What an upload tells. `unread` of its notices are still to be processed."""

    findings: tuple[Finding, ...]
    addresses: int
    active: int
    unread: int


def failures_of(upload: NoticeUpload) -> models.QuerySet[Bounce]:
    """Return what the notices of an upload tell of failed addresses, matched to a delivery or not."""
    return Bounce.objects.filter(notice__upload=upload).exclude(kind=Kind.NOT_BOUNCE)


def is_active(upload: NoticeUpload) -> Exists:
    """Say of a failure whether the workspace still sends to its address."""
    active = Subscriber.objects.for_workspace(upload.workspace).active()
    return Exists(active.filter(address_key=Lower(OuterRef("recipient"))))


def is_registered(upload: NoticeUpload) -> Exists:
    """Say of a failure whether its address is one of the workspace's subscribers."""
    own = Subscriber.objects.for_workspace(upload.workspace)
    return Exists(own.filter(address_key=Lower(OuterRef("recipient"))))


def survey_upload(upload: NoticeUpload) -> Survey:
    """Count the failed addresses of an upload by kind and reason, most first."""
    failures = failures_of(upload).annotate(
        key=Lower("recipient"), is_active=is_active(upload), is_registered=is_registered(upload)
    )
    rows = (
        failures.values("kind", "reason")
        .annotate(addresses=ADDRESSES, active=ACTIVE, unregistered=UNREGISTERED)
        .order_by("-addresses", "kind", "reason")
        .values_list("kind", "reason", "addresses", "active", "unregistered")
    )
    findings = tuple(Finding(Kind(kind), Reason(reason), *numbers) for kind, reason, *numbers in rows)
    total = failures.aggregate(addresses=ADDRESSES, active=ACTIVE)
    unread = upload.notices.filter(state=NoticeState.NEW).count()
    return Survey(findings, total["addresses"], total["active"], unread)


def chosen_failures(upload: NoticeUpload, choices: Sequence[str]) -> models.QuerySet[Bounce]:
    """Return the failures of the chosen kinds and reasons ("hard.user_unknown")."""
    wanted = Q(pk__in=())
    for choice in choices:
        kind, _, reason = choice.partition(".")
        if reason in STOPPABLE:
            wanted |= Q(kind=kind, reason=reason)
    return failures_of(upload).filter(wanted)


def count_chosen(upload: NoticeUpload, choices: Sequence[str]) -> int:
    """Return how many addresses would be stopped."""
    chosen = chosen_failures(upload, choices).filter(is_active(upload))
    number: int = chosen.annotate(key=Lower("recipient")).aggregate(addresses=ADDRESSES)["addresses"]
    return number


def count_unregistered(upload: NoticeUpload, choices: Sequence[str]) -> int:
    """Return how many of the chosen addresses are no subscriber's."""
    chosen = chosen_failures(upload, choices).annotate(key=Lower("recipient"), is_registered=is_registered(upload))
    number: int = chosen.aggregate(found=UNREGISTERED)["found"]
    return number


def exclude_chosen(upload: NoticeUpload, choices: Sequence[str], *, actor: User, now: datetime) -> int:
    """Put the chosen addresses that are no subscriber's on the 除外リスト; return how many."""
    addresses = chosen_failures(upload, choices).order_by().values_list(Lower("recipient"), flat=True).distinct()
    about = gettext("過去のエラーメール")
    return exclude_unregistered(upload.workspace, addresses.iterator(), about, upload.filename, actor=actor, now=now)


def stop_chosen(upload: NoticeUpload, choices: Sequence[str], *, actor: User, now: datetime) -> int:
    """Stop the chosen addresses that are still active; return how many. What was read in the notice is the evidence."""
    stopped = 0
    for chunk in chunks(chosen_failures(upload, choices)):
        stopped += stop_chunk(upload, chunk, now=now)
    audit.record(
        upload.workspace,
        actor,
        "survey.stop",
        upload.filename,
        reasons=sorted({choice.partition(".")[2] for choice in choices}),
        stopped=stopped,
    )
    return stopped


def chunks(failures: models.QuerySet[Bounce]) -> Iterator[dict[str, Bounce]]:
    """Yield the failures by compared address, a chunk at a time."""
    last = 0
    while found := list(failures.filter(pk__gt=last).order_by("pk")[:CHUNK]):
        last = found[-1].pk
        yield {bounce.recipient.lower(): bounce for bounce in found}


@transaction.atomic
def stop_chunk(upload: NoticeUpload, failures: Mapping[str, Bounce], *, now: datetime) -> int:
    """Stop some addresses and keep why; return how many were active."""
    own = Subscriber.objects.for_workspace(upload.workspace).active().filter(address_key__in=failures.keys())
    # In the order of the ids, as everywhere, so that nobody waits in a circle.
    found = {
        subscriber.pk: failures[subscriber.address_key]
        for subscriber in own.select_for_update(no_key=True).order_by("pk")
    }
    complained = [pk for pk, bounce in found.items() if bounce.reason == Reason.COMPLAINT]
    stopped = Subscriber.objects.filter(pk__in=complained).mark_stopped(StopReason.COMPLAINT, now)
    stopped += Subscriber.objects.filter(pk__in=found.keys() - set(complained)).mark_stopped(StopReason.MANUAL, now)
    AddressError.objects.bulk_create(
        [make_evidence(pk, bounce, upload, now) for pk, bounce in found.items()], ignore_conflicts=True
    )
    return stopped


def make_evidence(subscriber_id: int, bounce: Bounce, upload: NoticeUpload, now: datetime) -> AddressError:
    """Return the evidence of a stop. It is shown, not counted: the mail was no mailing of ours."""
    return AddressError(
        subscriber_id=subscriber_id,
        key=f"survey:{upload.pk}",
        at=now,
        counted=False,
        stopped=True,
        kind=bounce.kind,
        reason=bounce.reason,
        code=bounce.code,
        text=bounce.text,
        about=upload.filename,
    )
