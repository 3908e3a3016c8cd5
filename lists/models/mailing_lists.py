"""Lists, and who stands on them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from lists.models.subscribers import Subscriber


class KeptListManager(models.Manager["MailingList"]):
    """Leaves out the lists that are being deleted."""

    def get_queryset(self) -> models.QuerySet[MailingList]:
        """Return the lists that people see."""
        return super().get_queryset().filter(deleted_at=None)


class MailingList(models.Model):
    """A named set of subscribers."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="mailing_lists")
    name = models.CharField(_("リスト名"), max_length=100)
    description = models.CharField(_("説明"), max_length=200, blank=True)
    error_limit = models.PositiveSmallIntegerField(_("このリストのエラー停止回数"), null=True, blank=True)
    # Rises with every applied import; a campaign that freezes its recipients sees by it that the list changed.
    generation = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    # Gone for everybody; its places are deleted in the background (BulkJob).
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = KeptListManager()
    everything = models.Manager["MailingList"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"], condition=models.Q(deleted_at=None), name="list_name_once"
            ),
            models.CheckConstraint(
                condition=models.Q(error_limit__isnull=True) | models.Q(error_limit__gte=1),
                name="list_error_limit_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Subscription(models.Model):
    """A subscriber's place on a list."""

    # The constraint's index begins with it.
    mailing_list = models.ForeignKey(
        MailingList, on_delete=models.CASCADE, related_name="subscriptions", db_index=False
    )
    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="subscriptions")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        # Also for reading a list in the order of subscriber ids, as freezing the recipients does.
        constraints = [models.UniqueConstraint(fields=["mailing_list", "subscriber"], name="subscription_once")]

    def __str__(self) -> str:
        return f"{self.subscriber_id} → {self.mailing_list_id}"


class Headcount(models.Model):
    """How many people are on a list, or in a workspace, for what is too large to be counted on each page."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="headcounts")
    # None for the whole workspace.
    mailing_list = models.ForeignKey(
        MailingList, on_delete=models.CASCADE, null=True, blank=True, related_name="headcounts", db_index=False
    )
    total = models.PositiveIntegerField(default=0)
    stopped = models.PositiveIntegerField(default=0)
    counted_at = models.DateTimeField(null=True, blank=True)
    # When to count again; None while nothing changed.
    due_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["mailing_list"], condition=models.Q(mailing_list__isnull=False), name="headcount_of_list"
            ),
            models.UniqueConstraint(
                fields=["workspace"], condition=models.Q(mailing_list=None), name="headcount_of_workspace"
            ),
        ]
        indexes = [
            # For the tick.
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="headcount_due"),
        ]

    def __str__(self) -> str:
        return f"{self.mailing_list_id or self.workspace_id}: {self.total}"


class DayCount(models.Model):
    """How many people a list, or a workspace, had when a day of its clock ended, and how many came and went on it.

    A day on which nothing counted has no row: that is not known, and no zero.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="day_counts", db_index=False)
    # None for the whole workspace.
    mailing_list = models.ForeignKey(
        MailingList, on_delete=models.CASCADE, null=True, blank=True, related_name="day_counts", db_index=False
    )
    date = models.DateField()
    total = models.PositiveIntegerField()
    stopped = models.PositiveIntegerField()
    # Of those who are there at its end: who came on this day, and who was stopped on it by themselves or by errors.
    joined = models.PositiveIntegerField(default=0)
    left = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["mailing_list", "date"],
                condition=models.Q(mailing_list__isnull=False),
                name="day_count_of_list",
            ),
            models.UniqueConstraint(
                fields=["workspace", "date"], condition=models.Q(mailing_list=None), name="day_count_of_workspace"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mailing_list_id or self.workspace_id} {self.date}: {self.total}"

    @property
    def active(self) -> int:
        """How many were sent to."""
        return self.total - self.stopped


class PeopleState(models.Model):
    """Rises with every change of many subscribers of a workspace; who freezes a segment sees by it that they changed."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, primary_key=True, related_name="people_state")
    generation = models.PositiveIntegerField(default=0)
    # Until then no import and no bulk action begins: a campaign had to freeze its recipients anew because of others.
    held_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.workspace_id}: {self.generation}"
