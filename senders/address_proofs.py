"""Proves a From address by a link that is mailed to it, where the DNS of its domain cannot be changed (E5, E11)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import audit
from accounts.manager_mails import one_line, send
from accounts.models import User, Workspace
from mta import tokens
from senders.check_store import BAD
from senders.dkim_check import check_dkim_key
from senders.dkim_keys import active_key
from senders.dmarc import Policy, discover
from senders.dns import Resolver
from senders.dns_budget import BudgetResolver
from senders.domain_names import display_domain
from senders.domains import is_proved, look_daily, require_not_taken, require_own_domain
from senders.errors import SenderError
from senders.models import AddressProof, Sender, SenderDomain
from senders.outcomes import CheckSubject
from senders.verification import claim_check, facts_of, is_key_found, release_check

# What the token of a link is bound to.
PURPOSE = "address-proof"
# Mails to one address, and of one workspace, within a day: nobody shall be pestered in our name.
DAY = timedelta(days=1)
MAILS_A_SENDER = 3
MAILS_A_WORKSPACE = 20
# Questions and seconds for the policy of a domain: a walk has eight names, and one for `np`.
QUESTIONS = 10
SECONDS = 6.0
# Proofs that one tick asks to be mailed, and deletes.
BATCH = 20
# How long a proof is kept.
KEPT = timedelta(days=400)
DELETED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class AddressRow:
    """A sender whose address may be proved; `expires_at` is when the newest link that was mailed to it ends."""

    sender: Sender
    tone: str
    label: str
    is_proved: bool
    expires_at: datetime | None


def list_addresses(domain: SenderDomain, *, now: datetime) -> list[AddressRow]:
    """Return the senders in use of a domain whose addresses matter; none where links prove nothing."""
    if not (settings.REQUIRE_VERIFIED_SENDERS and settings.ADDRESS_VERIFICATION) or domain.is_verified():
        return []
    still_open = AddressProof.objects.filter(sender__domain=domain, confirmed_at=None, expires_at__gt=now)
    waiting = dict(still_open.order_by("pk").values_list("sender", "expires_at"))
    rows = []
    for sender in sorted(domain.senders.all(), key=lambda sender: sender.address):
        if sender.is_archived():
            continue
        if sender.address_verified_at:
            rows.append(AddressRow(sender, "warn", _("アドレスの確認のみ"), is_proved=True, expires_at=None))
        elif expires_at := waiting.get(sender.pk):
            rows.append(AddressRow(sender, "info", _("確認待ち"), is_proved=False, expires_at=expires_at))
        else:
            rows.append(AddressRow(sender, "muted", _("未確認"), is_proved=False, expires_at=None))
    return rows


def ask(sender: Sender, resolver: Resolver, *, actor: User, now: datetime) -> AddressProof:
    """Store and return a proof whose link is to be mailed; links that were mailed before end.

    Raises SenderError with what to do where the address cannot be proved this way, or not now. What the domain asks
    receivers to do is looked up live: it is for its owner to change at any time, and a stored check tells the record
    but not which of its policies holds for the domain.
    """
    require_provable(sender)
    require_few(sender, now=now)
    # A look holds a thread of the web server, as a check does.
    if refusal := claim_check(sender.domain, now=now, button=_("確認メールを送る")):
        raise SenderError(refusal, sender.domain)
    try:
        require_lenient_policy(sender.domain, resolver)
    finally:
        release_check(sender.domain)
    with transaction.atomic():
        # Locked, so that clicks at once do not exceed what a day allows.
        Workspace.objects.select_for_update(no_key=True).get(pk=sender.workspace_id)
        require_few(sender, now=now)
        AddressProof.objects.filter(sender=sender, confirmed_at=None, expires_at__gt=now).update(expires_at=now)
        expires_at = now + timedelta(hours=settings.ADDRESS_PROOF_HOURS)
        proof = AddressProof.objects.create(sender=sender, asked_by=actor, asked_at=now, expires_at=expires_at)
        audit.record(sender.workspace, actor, "sender.prove_ask", sender.address)
    return proof


def require_provable(sender: Sender) -> None:
    """Raise SenderError where a mailed link can never let this sender send."""
    if not settings.ADDRESS_VERIFICATION:
        raise SenderError(_("アドレスによる確認は、このシステムでは使えません。DNS を設定してください。"), sender)
    if sender.is_archived():
        raise SenderError(_("使用を終了した送信元です。「再び使う」を押してから、もう一度お試しください。"), sender)
    if sender.domain.is_verified():
        raise SenderError(_("このドメインは DNS で確認済みです。アドレスの確認は必要ありません。"), sender.domain)
    require_own_domain(sender.domain.name)
    require_not_taken(sender.workspace, sender.domain.name)


def require_few(sender: Sender, *, now: datetime) -> None:
    """Raise SenderError where enough links were mailed within a day."""
    lately = AddressProof.objects.filter(asked_at__gt=now - DAY)
    if lately.filter(sender=sender).count() >= MAILS_A_SENDER:
        raise SenderError(
            _(
                "このアドレスへの確認メールは、1日に%d通までです。届いていないときは、迷惑メールフォルダーもご確認ください。"
            )
            % MAILS_A_SENDER,
            sender,
        )
    if lately.filter(sender__workspace=sender.workspace_id).count() >= MAILS_A_WORKSPACE:
        raise SenderError(
            _("確認メールは1日に%d通までです。明日、もう一度お試しください。") % MAILS_A_WORKSPACE, sender.workspace
        )


def require_lenient_policy(domain: SenderDomain, resolver: Resolver) -> None:
    """Raise SenderError where receivers are asked to keep unauthenticated mail of a domain off (RFC 9989 section 4.7).

    Mail of a sender that only its address proved is signed where the key of the domain is found, else it could never pass.
    """
    asked = BudgetResolver(resolver, seconds=SECONDS, questions=QUESTIONS)
    found = discover(domain.name, asked)
    if found.policy in (Policy.QUARANTINE, Policy.REJECT) and not is_signed_now(domain, asked):
        raise SenderError(
            _(
                "%(domain)s の DMARC は「p=%(policy)s」です。DKIM の署名がないメールは受信側で迷惑メールになるか拒否されるため、"
                "アドレスの確認では配信できません。ドメインの管理者に DNS の設定を依頼し、登録されたら「確認する」を押してください。"
            )
            % {"domain": display_domain(domain.name), "policy": found.policy},
            domain,
        )
    if found.could_not_ask:
        raise SenderError(
            _("DNS に問い合わせできず、DMARC の方針を確かめられませんでした。時間をおいて、もう一度お試しください。"),
            domain,
        )


def is_signed_now(domain: SenderDomain, resolver: Resolver) -> bool:
    """Say whether mails of a domain that proved nothing are signed, by a key that is not gone since."""
    key = active_key(domain)
    if key is None or not is_key_found(domain):
        return False
    return check_dkim_key(CheckSubject(domain.name), resolver, key=facts_of(key)).result not in BAD


def proofs_to_mail(now: datetime) -> list[int]:
    """Return proofs whose link has not been mailed."""
    waiting = AddressProof.objects.filter(mailed_at=None, expires_at__gt=now)
    return list(waiting.order_by("pk").values_list("pk", flat=True)[:BATCH])


def mail_link(proof_id: int, *, now: datetime) -> int:
    """Mail the link of a proof to its address, once; return how many mails left.

    It is marked as mailed first: rather no mail than two. A mail that cannot leave is logged, and may be asked for anew.
    """
    if not AddressProof.objects.filter(pk=proof_id, mailed_at=None, expires_at__gt=now).update(mailed_at=now):
        return 0
    proof = AddressProof.objects.select_related("sender__workspace").get(pk=proof_id)
    context = {
        "proof": proof,
        "sender": proof.sender,
        "workspace": one_line(proof.sender.workspace.name),
        "url": settings.BASE_URL + reverse("address_proof", args=[token_of(proof)]),
    }
    subject = _("[Hypermail] 送信元アドレスの確認のお願い")
    with proof.sender.workspace.in_zone():
        text = render_to_string("senders/address_mail.txt", context).rstrip() + "\n"
    return send([EmailMessage(subject, text, to=[proof.sender.address])], f"address proof {proof.pk}")


def token_of(proof: AddressProof) -> str:
    """Return the token of a proof's link."""
    return tokens.make(PURPOSE, proof.pk, secret=settings.SECRET_KEY)


def find_open(token: str, *, now: datetime) -> AddressProof | None:
    """Return the proof of a link that can still be confirmed; None for a wrong token, one that is used or over, and a proved domain."""
    pk = tokens.read(PURPOSE, token, secret=settings.SECRET_KEY)
    proofs = AddressProof.objects.select_related("sender__workspace", "sender__domain")
    proof = None if pk is None else proofs.filter(pk=pk, confirmed_at=None, expires_at__gt=now).first()
    if proof is None or proof.sender.is_archived() or not settings.ADDRESS_VERIFICATION:
        return None
    return None if is_proved(proof.sender.domain.name) else proof


@transaction.atomic
def confirm(proof: AddressProof, *, now: datetime) -> bool:
    """Let the sender of a proof send; False where that was done before, the link is over, or the DNS proved the domain."""
    name = proof.sender.domain.name
    # Who proves the domain by DNS at this moment takes back what is stored here, or is seen here.
    list(SenderDomain.objects.filter(name=name).order_by("pk").select_for_update(no_key=True))
    still_open = AddressProof.objects.filter(pk=proof.pk, confirmed_at=None, expires_at__gt=now)
    if is_proved(name) or not still_open.update(confirmed_at=now):
        return False
    Sender.objects.filter(pk=proof.sender_id).update(address_verified_at=now)
    look_daily(proof.sender.domain_id, now=now)
    # Whoever reads the mail of the address need not be a member.
    audit.record(proof.sender.workspace, None, "sender.prove", proof.sender.address)
    return True


def forget_old(*, now: datetime) -> int:
    """Delete some of the proofs that are older than KEPT; return how many. What they proved stays."""
    old = AddressProof.objects.filter(asked_at__lt=now - KEPT).order_by("pk").values_list("pk", flat=True)
    number, _by_model = AddressProof.objects.filter(pk__in=list(old[:DELETED_AT_ONCE])).delete()
    return number
