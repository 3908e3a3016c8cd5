"""Senders, their domains, DKIM keys and the results of DNS checks."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace


class SenderDomain(models.Model):
    """A domain that a workspace sends from, and whether it proved itself."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="sender_domains")
    # Lower case, ASCII (punycode).
    name = models.CharField(_("ドメイン"), max_length=253)
    created_at = models.DateTimeField(auto_now_add=True)
    # Set when every required check was ok; only a check that says `missing` or `wrong` takes it away.
    verified_at = models.DateTimeField(null=True, blank=True)
    # When somebody last took the turn to check it; a guarded update keeps a second turn away for a while.
    check_started_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="sender_domain_once")]
        indexes = [
            # For asking whether another workspace proved a domain.
            models.Index(fields=["name"], condition=models.Q(verified_at__isnull=False), name="sender_domain_verified"),
        ]

    def __str__(self) -> str:
        return self.name

    def is_verified(self) -> bool:
        """Say whether the domain may send."""
        return self.verified_at is not None


class Sender(models.Model):
    """Who a campaign comes from, with what 特定電子メール法 wants named (F4)."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="senders")
    domain = models.ForeignKey(SenderDomain, on_delete=models.PROTECT, related_name="senders")
    name = models.CharField(_("差出人名"), max_length=100)
    address = models.CharField(_("送信元アドレス"), max_length=254)
    reply_to = models.CharField(_("返信先アドレス"), max_length=254, blank=True)
    legal_name = models.CharField(_("送信者の氏名または名称"), max_length=100)
    postal_address = models.CharField(_("住所"), max_length=200)
    contact = models.CharField(_("問い合わせ先"), max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "address"], name="sender_address_once")]

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>"

    def is_archived(self) -> bool:
        """Say whether the sender is out of use."""
        return self.archived_at is not None


class KeyAlgorithm(models.TextChoices):
    """The algorithm of a DKIM key (RFC 6376, RFC 8463)."""

    RSA = "rsa", "RSA-2048"
    ED25519 = "ed25519", "Ed25519"


class DkimKey(models.Model):
    """A DKIM signing key of a domain; the private part is encrypted at rest (senders/dkim_keys.py)."""

    domain = models.ForeignKey(SenderDomain, on_delete=models.CASCADE, related_name="dkim_keys")
    selector = models.CharField(max_length=63)
    algorithm = models.CharField(max_length=10, choices=KeyAlgorithm.choices, default=KeyAlgorithm.RSA)
    # Fernet token of the PEM (PKCS #8).
    private_key = models.BinaryField()
    # Base64 as in the p= tag: of the SubjectPublicKeyInfo of an RSA key (RFC 6376 section 3.6.1), of the 32 octets of
    # an Ed25519 key (RFC 8463 section 4.2).
    public_key = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["domain", "selector"], name="dkim_selector_once")]

    def __str__(self) -> str:
        return f"{self.selector}._domainkey.{self.domain.name}"


class CheckKind(models.TextChoices):
    """What of a domain is checked."""

    SPF = "spf", "SPF"
    DKIM = "dkim", "DKIM"
    DMARC = "dmarc", "DMARC"
    # Only of a domain that has such a key beside its RSA key; never required.
    ED25519 = "ed25519", "DKIM(Ed25519)"


class CheckResult(models.TextChoices):
    """What a check found. A DNS outage is `unknown` and never un-verifies a domain."""

    OK = "ok", _("設定済み")
    MISSING = "missing", _("未設定")
    WRONG = "wrong", _("要修正")
    UNKNOWN = "unknown", _("確認できません")


class DnsCheck(models.Model):
    """The newest result of one check of a domain."""

    domain = models.ForeignKey(SenderDomain, on_delete=models.CASCADE, related_name="checks")
    kind = models.CharField(max_length=10, choices=CheckKind.choices)
    result = models.CharField(max_length=10, choices=CheckResult.choices)
    found = models.TextField(blank=True)
    advice = models.CharField(max_length=500, blank=True)
    checked_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["domain", "kind"], name="dns_check_once")]

    def __str__(self) -> str:
        return f"{self.domain} {self.kind} {self.result}"
