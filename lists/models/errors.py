"""The errors that were told about subscribers."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from lists.models.subscribers import Subscriber


class ClearedBy(models.TextChoices):
    """Why an error counts no more."""

    # A mail that was sent later was accepted and stayed unbounced for 7 days.
    SUCCESS = "success", _("その後の配信にエラーなし")
    PERSON = "person", _("配信の再開")


class AddressErrorQuerySet(models.QuerySet["AddressError"]):
    def uncleared(self) -> AddressErrorQuerySet:
        """Keep errors of a kind that counts, held for review or not, that nothing has cleared."""
        return self.filter(counted=True, cleared_at=None)

    def live(self, since: datetime | None) -> AddressErrorQuerySet:
        """Keep the errors that count now; where only a period counts, those that were told after `since`."""
        found = self.uncleared().filter(held_by="")
        return found if since is None else found.filter(at__gt=since)


class AddressError(models.Model):
    """One error told about one subscriber: the evidence for エラー停止.

    `key` names the event ("delivery:12", "campaign:3"), so that one event told twice counts once.
    """

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="errors")
    key = models.CharField(max_length=60)
    at = models.DateTimeField()
    # False where the kind of error never counts; the row is then shown, not counted.
    counted = models.BooleanField()
    # Set when a success or a person cleared the count.
    cleared_at = models.DateTimeField(null=True, blank=True)
    cleared_by = models.CharField(max_length=10, choices=ClearedBy.choices, blank=True)
    # When the mail was sent that failed: a mail sent later and not returned proves the address (None: as `at`).
    mailed_at = models.DateTimeField(null=True, blank=True)
    # Whether this error stopped the subscriber.
    stopped = models.BooleanField(default=False)
    # The review that holds this error ("hold:7"); until it is decided the error does not count (B16).
    held_by = models.CharField(max_length=60, blank=True)
    kind = models.CharField(max_length=20)
    reason = models.CharField(max_length=20)
    code = models.CharField(max_length=20, blank=True)
    text = models.CharField(max_length=1000, blank=True)
    # What the error was about, for people: the subject of the mailing.
    about = models.CharField(max_length=255, blank=True)

    objects = AddressErrorQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subscriber", "key"], name="address_error_once")]
        indexes = [
            # For the errors that a review holds.
            models.Index(fields=["held_by", "id"], condition=~models.Q(held_by=""), name="address_error_held"),
            # For the errors that leave the period in which they count.
            models.Index(
                fields=["at"], condition=models.Q(counted=True, cleared_at__isnull=True), name="address_error_live"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscriber_id} {self.reason} {self.code}"
