"""Subscribers and what their status is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from lists.literals import Literal


class SubscriberStatus(models.TextChoices):
    """Whether a subscriber is sent to."""

    ACTIVE = "active", _("配信中")
    STOPPED = "stopped", _("配信停止")


class StopReason(models.TextChoices):
    """Why a subscriber was stopped."""

    ERRORS = "errors", _("エラー停止")
    UNSUBSCRIBED = "unsubscribed", _("購読解除")
    COMPLAINT = "complaint", _("苦情")
    MANUAL = "manual", _("手動停止")


# What the recipient wants outranks what we saw: it replaces a stop by errors or by hand, so that nobody
# who resumes the address later overlooks it.
RECIPIENTS_WILL = (StopReason.UNSUBSCRIBED, StopReason.COMPLAINT)


class SubscriberQuerySet(models.QuerySet["Subscriber"]):
    def for_workspace(self, workspace: Workspace) -> SubscriberQuerySet:
        """Keep the subscribers of one workspace."""
        return self.filter(workspace=workspace)

    def active(self) -> SubscriberQuerySet:
        """Keep those who may be sent to."""
        return self.filter(status=SubscriberStatus.ACTIVE)

    def stopped(self) -> SubscriberQuerySet:
        """Keep those in 配信停止."""
        return self.filter(status=Literal(SubscriberStatus.STOPPED.value))

    def lock(self) -> list[int]:
        """Lock these until the end of the transaction and return their ids.

        Always in the order of the ids, so that two callers never wait for each other in a circle.
        """
        return list(self.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))

    def stop_active(self, reason: StopReason, now: datetime, *, note: str = "") -> int:
        """Stop those who are active, and nobody else; return how many. `note` is why, in a person's words."""
        return self.active()._stop(reason, now, stop_note=note)

    def mark_stopped(self, reason: StopReason, now: datetime) -> int:
        """Stop those who are active and return how many.

        What the recipient wants replaces other reasons, and a stop by hand one by errors: whom a person has stopped
        is not to come back where a review takes the errors back (B16).
        """
        if reason == StopReason.ERRORS:
            return self.stop_active(reason, now)
        kept = RECIPIENTS_WILL if reason in RECIPIENTS_WILL else (*RECIPIENTS_WILL, StopReason.MANUAL)
        with transaction.atomic():
            rows = self.exclude(stop_reason__in=kept)
            # Locked from the count to the update; in the order of the ids, so that nobody waits in a circle.
            locked = rows.select_for_update(no_key=True).order_by("pk").values_list("status", flat=True)
            newly = list(locked).count(SubscriberStatus.ACTIVE)
            # One statement for both, so that a stop by errors that comes in between cannot keep its reason.
            rows._stop(reason, now)
        return newly

    def _stop(self, reason: StopReason, now: datetime, **fields: Any) -> int:
        # Who is stopped already was stopped then, not now.
        since = Coalesce("stopped_at", models.Value(now, output_field=models.DateTimeField()))
        return self.update(
            status=SubscriberStatus.STOPPED,
            stop_reason=reason,
            stopped_at=since,
            reason_at=now,
            errors_due_at=None,
            updated_at=now,
            **fields,
        )


class Subscriber(models.Model):
    """One address of a workspace, on any number of its lists."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="subscribers")
    address = models.CharField(_("メールアドレス"), max_length=320)
    # The address as it is compared: lower case, domain in ASCII (lists/address.py).
    address_key = models.CharField(max_length=320)
    name = models.CharField(_("お名前"), max_length=200, blank=True)
    attributes: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    status = models.CharField(
        _("状態"), max_length=10, choices=SubscriberStatus.choices, default=SubscriberStatus.ACTIVE
    )
    stop_reason = models.CharField(_("停止理由"), max_length=20, choices=StopReason.choices, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    # When this reason was given, which may be later than the stop; None where it was given with the stop.
    reason_at = models.DateTimeField(null=True, blank=True)
    # Why, in the words of the person who stopped it.
    stop_note = models.CharField(_("停止の理由"), max_length=200, blank=True, db_default="")
    # Number of live counted errors (AddressError); compared with the limit.
    error_count = models.PositiveIntegerField(_("エラー回数"), default=0)
    # When the count may change by itself: an error leaves the period, or a later mail proves the address.
    # None without errors and for the stopped.
    errors_due_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    # The file that changed it last (CsvImport; a number, since the import names this module).
    last_import = models.BigIntegerField(null=True, blank=True)

    objects = SubscriberQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "address_key"], name="subscriber_once"),
            models.CheckConstraint(
                condition=models.Q(status=SubscriberStatus.ACTIVE, stop_reason="", stopped_at__isnull=True)
                | (models.Q(status=SubscriberStatus.STOPPED, stopped_at__isnull=False) & ~models.Q(stop_reason="")),
                name="subscriber_stop_is_explained",
            ),
        ]
        indexes = [
            # For the subscriber pages by status, newest first.
            models.Index(fields=["workspace", "status", "-id"], name="subscriber_by_status"),
            # For 停止アドレス, newest first, all or of one reason, and for the numbers of each reason. With address
            # and name in it, a search for a part of them reads the index alone.
            models.Index(
                fields=["workspace", "-stopped_at", "-id", "address_key", "name"],
                condition=models.Q(status="stopped"),
                name="subscriber_newest_stops",
            ),
            models.Index(
                fields=["workspace", "stop_reason", "-stopped_at", "-id", "address_key", "name"],
                condition=models.Q(status="stopped"),
                name="subscriber_stops_by_reason",
            ),
            # For a lowered threshold: who has already as many errors.
            models.Index(
                fields=["workspace", "error_count"],
                condition=models.Q(status="active", error_count__gt=0),
                name="subscriber_with_errors",
            ),
            # For the tick: whose errors are to be looked at again.
            models.Index(
                fields=["errors_due_at"],
                condition=models.Q(errors_due_at__isnull=False),
                name="subscriber_errors_due",
            ),
        ]

    def __str__(self) -> str:
        return self.address

    def is_stopped(self) -> bool:
        """Say whether the subscriber is in 配信停止."""
        return self.status == SubscriberStatus.STOPPED


class ErasedAddress(models.Model):
    """An address whose personal data was erased: only an HMAC stays, so that no file brings it back by mistake."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="erased_addresses", db_index=False)
    # lists.erasing.digest_of
    digest = models.BinaryField(max_length=32)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "digest"], name="erased_once")]

    def __str__(self) -> str:
        return bytes(self.digest).hex()[:12]


class Engagement(models.Model):
    """That a person opened or clicked a mailing: what segments ask for. Written by whoever reads the hits."""

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="engagements", db_index=False)
    # A number, since campaigns stand above lists.
    campaign = models.BigIntegerField()
    opened_at = models.DateTimeField(null=True, blank=True)
    clicked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subscriber", "campaign"], name="engagement_once")]
        # For all who opened or clicked one mailing.
        indexes = [models.Index(fields=["campaign", "subscriber"], name="engagement_of_campaign")]

    def __str__(self) -> str:
        return f"{self.subscriber_id} {self.campaign}"
