"""What is measured (計測), the links of each mailing, the single hits, and the figures that stay of them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace

# The numbers of what can be hit in a mail: its picture, each link from 1 on, and in figures any of its links.
OPEN = 0
ANY_LINK = -1
# Figures are kept for each of so many hours after the sending began, and together for all that come after them.
HOURS = 72


class TrackingRules(models.Model):
    """What a workspace measures; one without a row has the defaults."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="tracking_rules")
    opens = models.BooleanField(_("開封を計測する"), default=True)
    clicks = models.BooleanField(_("クリックを計測する"), default=True)
    texts = models.BooleanField(_("テキスト本文のリンクも計測する"), default=False)

    def __str__(self) -> str:
        return f"{self.workspace_id} {self.opens} {self.clicks} {self.texts}"


class LinkHost(models.Model):
    """A host of a workspace's own (リンクのドメイン) for the links and the picture of its mails, in place of ours."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="link_host")
    # In ASCII; one workspace has it, so that nobody writes in the name of another.
    name = models.CharField(_("リンクのドメイン"), max_length=253, unique=True)
    # Whether it led to this installation when it was asked last; mailings that begin use it then.
    is_good = models.BooleanField(default=False)
    # What was wrong then, for people.
    problem = models.CharField(max_length=300, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    # When it is to be asked again.
    due_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.name


class TrackedMailing(models.Model):
    """The body of a mailing with the links of ours, frozen when its sending began: a retry gives the same bytes."""

    # A number, since campaigns stand above this app.
    campaign = models.BigIntegerField(primary_key=True)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="tracked_mailings")
    text = models.TextField()
    html = models.TextField(blank=True)
    # How many links the mail of the variant 0 has; None where a mailing has no others, and it has all of `links`.
    own_links = models.PositiveSmallIntegerField(null=True, blank=True)
    # Whether it counts opens.
    has_picture = models.BooleanField(default=False)
    frozen_at = models.DateTimeField()
    # What its links of ours begin with; "" = BASE_URL.
    base = models.CharField(max_length=300, blank=True, default="", db_default="")
    # When the single hits were deleted; the figures stay.
    forgotten_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            # For the tick: whose hits are to be forgotten.
            models.Index(
                fields=["frozen_at"], condition=models.Q(forgotten_at__isnull=True), name="tracked_not_forgotten"
            ),
        ]

    def __str__(self) -> str:
        return str(self.campaign)


class TrackedVariant(models.Model):
    """The same for another variant of a mailing (A/Bテスト). All of them share the numbers of their links."""

    mailing = models.ForeignKey(TrackedMailing, on_delete=models.CASCADE, related_name="variants", db_index=False)
    variant = models.PositiveSmallIntegerField()
    text = models.TextField()
    html = models.TextField(blank=True)
    own_links = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mailing", "variant"], name="tracked_variant_once")]

    def __str__(self) -> str:
        return f"{self.mailing_id} {self.variant}"


class TrackedLink(models.Model):
    """Where a link of a mailing leads. It may hold merge tags behind its host."""

    mailing = models.ForeignKey(TrackedMailing, on_delete=models.CASCADE, related_name="links", db_index=False)
    number = models.PositiveSmallIntegerField()
    target = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mailing", "number"], name="tracked_link_once")]

    def __str__(self) -> str:
        return f"{self.mailing_id}/{self.number} {self.target}"


class HitSource(models.TextChoices):
    """Who loaded the picture or followed the link."""

    HUMAN = "human", _("人")
    PROXY = "proxy", _("画像の中継")
    MACHINE = "machine", _("機械")


class Hit(models.Model):
    """One loading of the picture, or one click. Neither the IP address nor the program is kept."""

    # Made where the hit came in; whoever writes it a second time finds it here.
    entry = models.CharField(max_length=24, unique=True)
    # Without a constraint: a hit of a mailing that is gone must not hold up the others.
    mailing = models.ForeignKey(TrackedMailing, on_delete=models.CASCADE, related_name="hits", db_constraint=False)
    delivery = models.BigIntegerField()
    number = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    # Until it is settled, what its program says alone.
    source = models.CharField(max_length=10, choices=HitSource.choices)
    is_settled = models.BooleanField(default=False)

    class Meta:
        indexes = [
            # For all hits of a recipient, which are judged together and erased with him.
            models.Index(fields=["delivery", "number"], name="hit_of_delivery"),
            # For the hits that are to be settled, oldest first.
            models.Index(fields=["at"], condition=models.Q(is_settled=False), name="hit_unsettled"),
        ]

    def __str__(self) -> str:
        return f"{self.mailing_id}/{self.number} {self.delivery} {self.source}"


class Figure(models.Model):
    """How often the picture, a link or any link of a mailing was hit, and by how many people."""

    mailing = models.ForeignKey(TrackedMailing, on_delete=models.CASCADE, related_name="figures", db_index=False)
    # OPEN, ANY_LINK or the number of a link.
    number = models.SmallIntegerField()
    human_hits = models.PositiveIntegerField(default=0)
    proxy_hits = models.PositiveIntegerField(default=0)
    machine_hits = models.PositiveIntegerField(default=0)
    # Recipients with a hit by a person or a proxy, and those with one by a person.
    people = models.PositiveIntegerField(default=0)
    humans = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mailing", "number"], name="figure_once")]

    def __str__(self) -> str:
        return f"{self.mailing_id}/{self.number}"


class HourFigure(models.Model):
    """What an hour after the beginning of the sending added to the figures; the hours of a mailing add up to them."""

    mailing = models.ForeignKey(TrackedMailing, on_delete=models.CASCADE, related_name="hours", db_index=False)
    # Whole hours since the sending began; all that came after HOURS counts for HOURS.
    hour = models.PositiveSmallIntegerField()
    # Those who opened and clicked for the first time, and all that people and relays did.
    opened = models.PositiveIntegerField(default=0)
    opens = models.PositiveIntegerField(default=0)
    clicked = models.PositiveIntegerField(default=0)
    clicks = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mailing", "hour"], name="hour_figure_once")]

    def __str__(self) -> str:
        return f"{self.mailing_id}+{self.hour}h"
