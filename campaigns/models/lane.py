"""Lanes: route × provider of a workspace, and what holds them back."""

from __future__ import annotations

from functools import cached_property

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from mta.pace import Speed
from mta.pace_store import load_speed
from mta.providers import PROVIDER_LABELS
from senders.domain_names import to_unicode


class Lane(models.Model):
    """配送レーン: route × provider, kept per workspace so that a pause or backlog of one is nobody else's."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="lanes")
    route = models.CharField(max_length=50)
    provider = models.CharField(max_length=20)
    # A domain with a cap of its own (DomainCap) has a lane of its own; empty for the provider's other domains.
    domain = models.CharField(max_length=253, blank=True)
    # Set while a person holds this lane back (A13); other lanes go on.
    paused_at = models.DateTimeField(null=True, blank=True)
    # Rows claimed while this is set become 送信除外 (A13).
    excluded_at = models.DateTimeField(null=True, blank=True)
    # Set while our own side is at fault or the lane's turn comes later: nothing is tried until then.
    held_until = models.DateTimeField(null=True, blank=True)
    held_because = models.CharField(max_length=500, blank=True)
    # Faults of ours in a row, such as a key that cannot be read; the rest grows with it.
    fault_count = models.PositiveSmallIntegerField(default=0)
    # The begin of the newest turn: the lanes of a workspace are served in turn.
    served_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "route", "provider", "domain"], name="lane_once")]

    def __str__(self) -> str:
        return f"{self.route} × {self.domain or self.provider}"

    def provider_label(self) -> str:
        """Return the provider's name for people, or the domain that has a lane of its own."""
        return self.domain or PROVIDER_LABELS.get(self.provider, self.provider)

    @cached_property
    def speed(self) -> Speed:
        """How the provider takes mail over the route; read once for each turn, which loads the lane anew."""
        return load_speed(self.route, self.provider)

    @cached_property
    def cap(self) -> int | None:
        """The mails a minute that the domain may be sent (C23), None = no limit; read once for each turn."""
        if not self.domain:
            return None
        caps = DomainCap.objects.filter(workspace=self.workspace_id, domain=self.domain)
        return caps.values_list("per_minute", flat=True).first()


class Chain(models.Model):
    """One turn after the other that a workspace sends in: each workspace has SEND_PROCESSES of them at most."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="chains")
    number = models.PositiveSmallIntegerField()
    # Rises with every turn: a message that names another step was doubled or came too late, and does nothing.
    step = models.PositiveBigIntegerField(default=0)
    # A message is on its way or a turn at work; until then the tick begins no other.
    busy_until = models.DateTimeField(null=True, blank=True)
    # The begin of the newest turn: workspaces are served in turn.
    began_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "number"], name="chain_once")]

    def __str__(self) -> str:
        return f"{self.workspace_id} {self.number} step {self.step}"


class DomainCap(models.Model):
    """宛先ドメインの上限 (C23): at most so many mails a minute from a workspace to one domain."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="domain_caps")
    # Lower case, ASCII. Stands for itself alone, not for what is below it.
    domain = models.CharField(_("宛先ドメイン"), max_length=253)
    per_minute = models.PositiveIntegerField(_("1分間の上限(通)"))
    created_at = models.DateTimeField(auto_now_add=True)
    # When waiting rows of the domain are looked for next, to be moved to its own lane; None = all are there.
    moves_at = models.DateTimeField(null=True, blank=True, default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "domain"], name="domain_cap_once"),
            models.CheckConstraint(condition=models.Q(per_minute__gte=1), name="domain_cap_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.domain} {self.per_minute}/min"

    def label(self) -> str:
        """Return the domain for people, an IDN in its own letters (RFC 5890)."""
        return to_unicode(self.domain)
