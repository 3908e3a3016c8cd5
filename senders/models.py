"""Senders, their domains, DKIM keys and the results of DNS checks."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User, Workspace


class DnsPanel(models.TextChoices):
    """The service whose DNS panel a person uses; its instructions are shown (senders/panel_guides.py)."""

    ONAMAE = "onamae", _("お名前.com")
    MUUMUU = "muumuu", _("ムームードメイン")
    SAKURA = "sakura", _("さくらインターネット")
    XSERVER = "xserver", _("エックスサーバー")
    ROUTE53 = "route53", "Amazon Route 53"
    CLOUDFLARE = "cloudflare", "Cloudflare"
    OTHER = "other", _("そのほか")


class SenderDomain(models.Model):
    """A domain that a workspace sends from, and whether it proved itself."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="sender_domains")
    # Lower case, ASCII (punycode).
    name = models.CharField(_("ドメイン"), max_length=253)
    created_at = models.DateTimeField(auto_now_add=True)
    # Set when every required check was ok; only a check that says `missing` or `wrong` takes it away.
    verified_at = models.DateTimeField(null=True, blank=True)
    # When somebody last took the turn to look at it; a guarded update keeps a second turn away for a while.
    check_started_at = models.DateTimeField(null=True, blank=True)
    # That look holds a thread of the web server.
    is_checking = models.BooleanField(default=False)
    # The newest check that was finished, and when the daily one looks again.
    checked_at = models.DateTimeField(null=True, blank=True)
    recheck_at = models.DateTimeField(null=True, blank=True)
    # When a daily check first found that it should not send; only a second look takes `verified_at`, or what its addresses
    # proved, away.
    failing_since = models.DateTimeField(null=True, blank=True)
    # When that was taken away, until it comes back.
    lost_at = models.DateTimeField(null=True, blank=True)
    # The managers are to be told that it was lost or came back.
    to_mail = models.BooleanField(default=False)
    # A domain of the customer's own that errors return to; empty = RETURN_DOMAIN (senders/return_domain.py).
    return_name = models.CharField(_("戻り先ドメイン"), max_length=253, blank=True, default="")
    # Set while the DNS says that `return_name` leads to us: mails that start then return to it.
    return_proved_at = models.DateTimeField(null=True, blank=True)
    # The DKIM records are CNAMEs into the installation's own zone (DKIM_CNAME_ZONE).
    key_as_cname = models.BooleanField(default=False)
    # They were CNAMEs once, which may have stayed in the customer's DNS: the zone goes on to hold the keys.
    had_cnames = models.BooleanField(default=False)
    panel = models.CharField(_("DNSの管理画面"), max_length=10, choices=DnsPanel.choices, blank=True, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="sender_domain_once")]
        indexes = [
            models.Index(
                fields=["recheck_at"], condition=models.Q(recheck_at__isnull=False), name="sender_domain_recheck"
            ),
            models.Index(fields=["id"], condition=models.Q(to_mail=True), name="sender_domain_to_mail"),
            # For asking whether another workspace proved a domain.
            models.Index(fields=["name"], condition=models.Q(verified_at__isnull=False), name="sender_domain_verified"),
            # For asking whether a returned mail is for us.
            models.Index(fields=["return_name"], condition=~models.Q(return_name=""), name="sender_domain_return"),
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
    # Set when a link that was mailed to the address was confirmed: for domains whose DNS cannot be changed (E5).
    address_verified_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "address"], name="sender_address_once")]

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>"

    def is_archived(self) -> bool:
        """Say whether the sender is out of use."""
        return self.archived_at is not None


class AddressProof(models.Model):
    """A link mailed to a sender's address, by which whoever reads its mail confirms that it may send (E5)."""

    sender = models.ForeignKey(Sender, on_delete=models.CASCADE, related_name="address_proofs")
    asked_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    # Set before the mail leaves: rather no mail than two.
    mailed_at = models.DateTimeField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["sender", "-id"], name="address_proof_sender"),
            models.Index(fields=["id"], condition=models.Q(mailed_at=None), name="address_proof_to_mail"),
        ]

    def __str__(self) -> str:
        return f"{self.sender} {self.asked_at}"


class KeyAlgorithm(models.TextChoices):
    """The algorithm of a DKIM key (RFC 6376, RFC 8463)."""

    RSA = "rsa", "RSA-2048"
    ED25519 = "ed25519", "Ed25519"


class KeyOrigin(models.TextChoices):
    """Where a DKIM key comes from."""

    GENERATED = "generated", _("自動作成")
    IMPORTED = "imported", _("読み込み")


class DkimKey(models.Model):
    """A DKIM signing key of a domain; the private part is encrypted at rest (senders/dkim_keys.py).

    It waits for its record, signs from `activated_at` to `superseded_at`, what began meanwhile for KEY_OVERLAP_DAYS more,
    and is retired when no mail that it signed can be under way any more; its private part is destroyed then.
    """

    domain = models.ForeignKey(SenderDomain, on_delete=models.CASCADE, related_name="dkim_keys")
    selector = models.CharField(max_length=63)
    algorithm = models.CharField(max_length=10, choices=KeyAlgorithm.choices, default=KeyAlgorithm.RSA)
    # Fernet token of the PEM (PKCS #8).
    private_key = models.BinaryField()
    # Base64 as in the p= tag: of the SubjectPublicKeyInfo of an RSA key (RFC 6376 section 3.6.1), of the 32 octets of
    # an Ed25519 key (RFC 8463 section 4.2).
    public_key = models.TextField()
    origin = models.CharField(max_length=10, choices=KeyOrigin.choices, default=KeyOrigin.GENERATED)
    bits = models.PositiveSmallIntegerField(default=2048)
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True, blank=True)
    # The newest look that found this key in the DNS.
    seen_at = models.DateTimeField(null=True, blank=True)
    superseded_at = models.DateTimeField(null=True, blank=True)
    # Of a key that was replaced: since when its record is missing, and when that was sure. It signs no more then.
    missing_since = models.DateTimeField(null=True, blank=True)
    gone_at = models.DateTimeField(null=True, blank=True)
    # When the managers were told that the key is old.
    reminded_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["domain", "selector"], name="dkim_selector_once"),
            models.UniqueConstraint(
                fields=["domain", "algorithm"],
                condition=models.Q(activated_at__isnull=False, superseded_at=None, retired_at=None),
                name="dkim_signing_key_once",
            ),
            models.UniqueConstraint(
                fields=["domain", "algorithm"],
                condition=models.Q(activated_at=None, retired_at=None),
                name="dkim_waiting_key_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.selector}._domainkey.{self.domain.name}"


class CheckKind(models.TextChoices):
    """What of a domain is checked."""

    SPF = "spf", "SPF"
    DKIM = "dkim", "DKIM"
    DMARC = "dmarc", "DMARC"
    # Only of a domain that has such a key beside its RSA key; never required.
    ED25519 = "ed25519", "DKIM(Ed25519)"
    # A mail that is signed and verified against the DNS as a receiver does it.
    PROOF = "proof", _("署名の実証")
    # The record of a key that waits for its turn.
    NEXT_KEY = "next_key", _("切り替え先の DKIM")
    # The records of keys that were replaced, while mails signed by them are under way; never required.
    OLD_KEY = "old_key", _("切り替え前の DKIM")
    # The domain of the customer's own that errors return to.
    RETURN = "return", _("エラーメールの戻り先")
    # The domain has an A or an MX record; some receivers refuse mail from one that has neither.
    HOST = "host", _("A・MX レコード")
    # Only advised.
    MTA_STS = "mta_sts", "MTA-STS"
    TLS_RPT = "tls_rpt", "TLS-RPT"
    BIMI = "bimi", "BIMI"


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
    # When `found` was there; earlier than `checked_at` where the newest check could not ask. None = of an older version.
    found_at = models.DateTimeField(null=True, blank=True)
    advice = models.CharField(max_length=500, blank=True)
    expected = models.TextField(blank=True)
    # What was looked at, line by line: [{"tone", "label", "text"}] (senders/outcomes.py).
    lines = models.JSONField(default=list, blank=True)
    # For how many seconds resolvers keep what was found, or that there is nothing.
    ttl = models.PositiveIntegerField(null=True, blank=True)
    checked_at = models.DateTimeField()
    # When the result was last `ok`; None once it was missing or wrong, of which a look that nobody asked for is sure at the
    # second time.
    good_at = models.DateTimeField(null=True, blank=True)
    # Only of DMARC: its policy has receivers keep our mail off, since nothing of it passes.
    refuses_us = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["domain", "kind"], name="dns_check_once")]

    def __str__(self) -> str:
        return f"{self.domain} {self.kind} {self.result}"

    def is_good(self) -> bool:
        """Say whether it was `ok` when the DNS could last be asked, and is not surely missing or wrong since."""
        return self.result == CheckResult.OK or self.good_at is not None


class DnsCheckChange(models.Model):
    """That a check of a domain came out otherwise than before: the history of the domain."""

    domain = models.ForeignKey(SenderDomain, on_delete=models.CASCADE, related_name="check_changes")
    kind = models.CharField(max_length=10, choices=CheckKind.choices)
    # Empty for the first check.
    before = models.CharField(max_length=10, choices=CheckResult.choices, blank=True)
    after = models.CharField(max_length=10, choices=CheckResult.choices)
    found = models.TextField(blank=True)
    at = models.DateTimeField()
    # Who asked for the check; None = the daily one.
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        indexes = [
            models.Index(fields=["domain", "-id"], name="check_change_domain"),
            models.Index(fields=["at"], name="check_change_at"),
        ]

    def __str__(self) -> str:
        return f"{self.domain} {self.kind} {self.before}→{self.after}"


class ServerCheckKind(models.TextChoices):
    """What of the installation's own servers is checked."""

    # Reverse name of a sending address, confirmed by the address of that name (RFC 1912 section 2.1).
    PTR = "ptr", _("逆引き(PTR)")
    # The name that the servers greet with has an address.
    EHLO = "ehlo", _("サーバー名(EHLO)")
    # The record that customers include allows each sending address.
    INCLUDE = "include", _("当サービスの SPF")
    # Errors reach us.
    RETURN_MX = "return_mx", _("エラーメールの戻り先(MX)")
    RETURN_SPF = "return_spf", _("エラーメールの戻り先(SPF)")
    BLOCKLIST = "blocklist", _("ブロックリスト")


class ServerCheck(models.Model):
    """The newest result of one check of the installation itself; no workspace's own."""

    kind = models.CharField(max_length=10, choices=ServerCheckKind.choices)
    # A sending address or a name; of a blocklist "zone address".
    subject = models.CharField(max_length=300)
    result = models.CharField(max_length=10, choices=CheckResult.choices)
    found = models.TextField(blank=True)
    advice = models.CharField(max_length=500, blank=True)
    checked_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "subject"], name="server_check_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} {self.result}"
