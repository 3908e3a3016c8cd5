"""Routes, their circuits, the pace of each provider, and which provider a domain's mail servers belong to."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _


class RouteKind(models.TextChoices):
    """How a route hands mail over."""

    RELAY = "relay", _("SMTPリレー")
    DIRECT = "direct", _("直接配送(MX)")


class RouteSecurity(models.TextChoices):
    """How a connection is encrypted (RFC 3207, RFC 8314)."""

    NONE = "none", _("暗号化しない")
    OPPORTUNISTIC = "opportunistic", _("相手が対応していれば暗号化(STARTTLS)")
    STARTTLS = "starttls", _("必ず暗号化(STARTTLS)")
    TLS = "tls", _("最初から暗号化(TLS)")


class MailRoute(models.Model):
    """配信経路 of the installation, beside the relay of the settings (RELAY_URL)."""

    name = models.CharField(_("経路名"), max_length=100, unique=True)
    kind = models.CharField(_("種類"), max_length=10, choices=RouteKind.choices, default=RouteKind.RELAY)
    # Of a relay; empty where mail goes to the receivers' own servers.
    host = models.CharField(_("ホスト名"), max_length=253, blank=True)
    port = models.PositiveIntegerField(_("ポート番号"), default=587)
    security = models.CharField(
        _("暗号化"), max_length=15, choices=RouteSecurity.choices, default=RouteSecurity.STARTTLS
    )
    # Whether the certificate must name the host.
    verify = models.BooleanField(_("証明書を確認する"), default=True)
    username = models.CharField(_("ユーザー名"), max_length=254, blank=True)
    # Encrypted at rest (mta/secrets.py); empty without a user name.
    password = models.BinaryField(default=b"", blank=True)
    # The name given in EHLO and the address to send from; empty: EHLO_NAME of the settings, and any address.
    ehlo_name = models.CharField(_("EHLOで名乗る名前"), max_length=253, blank=True)
    source_address = models.GenericIPAddressField(_("送信元IPアドレス"), null=True, blank=True)
    # Of one process; mails over one connection and mails a minute over all processes, empty = no limit.
    connections = models.PositiveSmallIntegerField(_("同時接続数"), default=20)
    messages_per_connection = models.PositiveIntegerField(_("1接続あたりの通数"), null=True, blank=True)
    per_minute = models.PositiveIntegerField(_("1分間の上限(通)"), null=True, blank=True)
    # Whether the figures of each provider (mta/providers.py) are kept; always so on the direct way.
    is_paced = models.BooleanField(_("プロバイダごとの送信ペースを守る"), default=False)
    # Which From addresses go by this route (E16), and whether those of every verified sender domain do (E1).
    senders = models.TextField(_("この経路を使う送信元"), blank=True)
    for_verified = models.BooleanField(_("検証済みの送信元ドメインに使う"), default=False)
    # The route of everything that no other route takes; without one, the relay of the settings is.
    is_default = models.BooleanField(_("通常の経路にする"), default=False)
    disabled_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="mail_route_one_default"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="direct") | ~models.Q(host=""), name="mail_route_relay_has_host"
            ),
            models.CheckConstraint(condition=models.Q(port__gte=1, port__lte=65535), name="mail_route_port"),
            models.CheckConstraint(condition=models.Q(connections__gte=1), name="mail_route_connections"),
        ]

    def __str__(self) -> str:
        return self.name

    def key(self) -> str:
        """Return the name under which lanes, circuits and paces know the route."""
        return f"route-{self.pk}"


class RouteCheck(models.Model):
    """The newest 接続テスト of a route (mta/route_check.py); the relay of the settings has one too."""

    # A route's key, "relay" for that of the settings.
    route = models.CharField(max_length=50, unique=True)
    # On the direct way: the destination domain whose mail servers are tried.
    domain = models.CharField(_("宛先ドメイン"), max_length=253, blank=True)
    # Set while a check was asked for and has not reported, and once a process took it.
    asked_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    # What each step found, never a password.
    report: models.JSONField[list[dict[str, Any]], list[dict[str, Any]]] = models.JSONField(default=list, blank=True)

    def __str__(self) -> str:
        return f"{self.route} {self.checked_at or '–'}"


class RouteCircuit(models.Model):
    """Whether a route is of use just now: a fault of ours or the relay's opens the circuit (mta/circuit.py)."""

    # A route's key, "relay" for that of the settings.
    route = models.CharField(max_length=50, unique=True)
    # While open, nothing is tried before `retry_at`; then one process probes, and holds the probe until `probe_until`.
    opened_at = models.DateTimeField(null=True, blank=True)
    retry_at = models.DateTimeField(null=True, blank=True)
    probe_until = models.DateTimeField(null=True, blank=True)
    # Faults in a row; the wait grows with it.
    faults = models.PositiveSmallIntegerField(default=0)
    phase = models.CharField(max_length=10, blank=True)
    because = models.CharField(max_length=500, blank=True)
    # Slow start: connections that a process may open at once; None = as many as the route allows.
    connections = models.PositiveSmallIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.route} {'open' if self.opened_at else 'closed'}"


class Pace(models.Model):
    """How fast a provider takes our mail over a route, where it asked us to slow down (mta/pace.py)."""

    route = models.CharField(max_length=50)
    provider = models.CharField(max_length=20)
    # Each level halves the rate; 0 = full speed. `base` is the rate, in mails a minute, that is halved.
    level = models.PositiveSmallIntegerField(default=0)
    base = models.PositiveIntegerField(default=0)
    # Suspensions in a row; their length grows with it.
    suspensions = models.PositiveSmallIntegerField(default=0)
    suspended_until = models.DateTimeField(null=True, blank=True)
    # What the server said, and when the next step of the recovery is due.
    code = models.CharField(max_length=20, blank=True)
    because = models.CharField(max_length=500, blank=True)
    slowed_at = models.DateTimeField(null=True, blank=True)
    improves_at = models.DateTimeField(null=True, blank=True)
    # Since the newest step, in turns that were no complaint by themselves: mails that were tried, and put off.
    tried = models.PositiveIntegerField(default=0)
    delayed = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["route", "provider"], name="pace_once")]

    def __str__(self) -> str:
        return f"{self.route} × {self.provider} level {self.level}"


class MailDomain(models.Model):
    """A destination domain and the provider that its MX records lead to, such as Google Workspace."""

    domain = models.CharField(max_length=253, unique=True)
    # A provider's name, empty where the servers belong to none that is known.
    provider = models.CharField(max_length=20, blank=True)
    # None until it was looked up; then when it is to be looked up again.
    looked_up_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField()

    class Meta:
        indexes = [
            # For the task that looks domains up.
            models.Index(fields=["due_at"], name="mail_domain_due"),
        ]

    def __str__(self) -> str:
        return f"{self.domain} {self.provider or '–'}"
