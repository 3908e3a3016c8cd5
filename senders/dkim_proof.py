"""Proves the signature of a domain: a mail is signed as ours are, and verified by dkimpy against the live DNS."""

import logging
import secrets
from collections.abc import Sequence
from datetime import datetime

import dkim
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mta.dkim import SigningKey, sign
from mta.mime import Mail, build
from senders.checks import check_dkim
from senders.dns import CouldNotAsk, Found, Resolver
from senders.models import CheckResult
from senders.outcomes import CheckOutcome, CheckSubject, KeyFacts, Line, Tone
from senders.records import dkim_name

logger = logging.getLogger(__name__)
PUBLISHED = gettext_lazy(
    "公開鍵は登録されていますが、署名を確かめられませんでした。レコードに「設定する値」にない指定(「s=」など)があれば"
    "取り除いてください。なければ、新しい鍵に切り替えるか、システム管理者に連絡してください。"
)
# dkimpy writes an error for each signature that does not hold; here that is an answer.
QUIET = logging.getLogger(f"{__name__}.dkimpy")
QUIET.setLevel(logging.CRITICAL)


class NotAskedError(Exception):
    """The DNS could not be asked in the middle of a verification."""


def make_signed_mail(domain: str, keys: tuple[SigningKey, ...], *, now: datetime) -> bytes:
    """Return a mail from a domain, built and signed as campaigns are. It is never sent."""
    mail = Mail(
        from_name="DKIM",
        from_address=f"postmaster@{domain}",
        to_name="",
        to_address=f"postmaster@{domain}",
        subject="DKIM の確認",
        text="署名の確認に使うメールです。送信はされません。\n",
        message_id=f"<{secrets.token_hex(12)}@{domain}>",
        date=now,
        boundary=secrets.token_hex(12),
    )
    return sign(build(mail), *keys, now=now)


def is_our_record(texts: Sequence[str], key: KeyFacts) -> bool:
    """Say whether the TXT records at the name of a key are that key."""
    return check_dkim(texts, public_key=key.public_key, algorithm=key.algorithm).result == CheckResult.OK


def prove(subject: CheckSubject, resolver: Resolver, *, message: bytes) -> CheckOutcome:
    """Verify each signature of a signed mail as a receiver does.

    Whether a domain may send is decided by its key record alone (`check_dkim`). Where that is right and the proof is not,
    either the private key does not belong to it, which is our fault, or dkimpy goes more by the letter than RFC 6376
    (`s=email:other`): neither is a reason to stop a customer, so the fault is told and logged.
    """
    signing = [key for key in subject.keys if key.is_signing]
    ours = {dkim_name(key.selector, subject.domain): key for key in signing}
    published: set[str] = set()

    def look_up(name: bytes, timeout: int = 5) -> bytes | None:  # dkimpy passes a time-out.
        host = name.decode("ascii").removesuffix(".")
        answer = resolver.find_txt(host)
        if isinstance(answer, CouldNotAsk):
            raise NotAskedError
        # dkimpy computes with whatever is published, for hours if it is made for that: it gets our own key or none.
        if not isinstance(answer, Found) or not is_our_record(answer.values, ours[host]):
            return None
        published.add(ours[host].selector)
        return answer.values[0].encode("ascii", "replace")

    lines: list[Line] = []
    for index, key in enumerate(signing):
        try:
            verified = bool(dkim.DKIM(message, logger=QUIET).verify(index, dnsfunc=look_up))
        except NotAskedError:
            advice = _("DNS サーバーから応答がなく、署名を実証できませんでした。時間をおいてもう一度お試しください。")
            return CheckOutcome(CheckResult.UNKNOWN, advice=advice, lines=tuple(lines))
        except dkim.DKIMException:
            verified = False
        sentence = _("受信側で正しい署名と判定されます。") if verified else _("受信側では署名を確認できません。")
        tone = Tone.OK if verified else Tone.ERROR
        lines.append(Line(tone, f"{key.selector}({key.algorithm})", sentence))
    if signing and lines[0].tone is Tone.OK:
        return CheckOutcome(CheckResult.OK, lines=tuple(lines))
    if signing and signing[0].selector in published:
        logger.error("the key of %s is published and verifies nothing", dkim_name(signing[0].selector, subject.domain))
        return CheckOutcome(CheckResult.WRONG, advice=str(PUBLISHED), lines=tuple(lines))
    advice = _("このシステムで署名したメールが、公開されている鍵では確認できません。DKIM の設定を直してください。")
    return CheckOutcome(CheckResult.WRONG, advice=advice, lines=tuple(lines))
