"""Turns what is stored about a domain into a traffic light: a tone, a word and a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from senders.advice_checks import ADVICE
from senders.domain_names import display_domain
from senders.models import CheckKind, CheckResult, Sender, SenderDomain
from senders.verification import explain_missing, is_key_found, is_proved_by_address

TONES = {
    CheckResult.OK: "ok",
    CheckResult.MISSING: "bad",
    CheckResult.WRONG: "bad",
    CheckResult.UNKNOWN: "warn",
}


@dataclass(frozen=True, slots=True)
class Light:
    """`tone` is one of the components' tones (ok, warn, bad, info, muted)."""

    tone: str
    label: str
    sentence: str


def light_of(domain: SenderDomain) -> Light:
    """Return the light of a domain. Reads the prefetched `checks`; asks nothing of the DNS."""
    results = {CheckKind(check.kind): CheckResult(check.result) for check in domain.checks.all()}
    if domain.is_verified():
        warning = warn_verified(domain, results)
        return Light("warn" if warning else "ok", _("配信できます"), warning or advise_verified(results))
    if not settings.REQUIRE_VERIFIED_SENDERS:
        return Light("muted", _("確認不要"), _("サンドボックスでは、DNS の設定がなくても配信を試せます。"))
    required = [results.get(CheckKind(kind)) for kind in settings.REQUIRED_CHECKS]
    if CheckResult.MISSING in required or CheckResult.WRONG in required:
        return Light("bad", _("設定が必要"), explain_missing(domain))
    return Light("warn", _("確認待ち"), explain_missing(domain))


def light_of_sender(sender: Sender, domain: Light) -> Light:
    """Return the light of a sender: its domain's, unless its address alone lets it send (E10)."""
    if not (settings.REQUIRE_VERIFIED_SENDERS and is_proved_by_address(sender)):
        return domain
    return Light("warn", _("アドレスの確認のみ"), warn_address_only(sender.domain))


def warn_address_only(domain: SenderDomain) -> str:
    """Return what becomes of mails of a domain whose addresses alone are proved, and what to do about it (E10).

    Reads the prefetched `checks`.
    """
    if refuses_us(domain):
        advice = _(
            "自動確認でも同じ結果が続くと、配信を始められなくなります。ドメインの管理者に DNS の設定を依頼してください。"
        )
    elif is_key_found(domain):
        advice = _("残りを設定できたら、ドメインの確認に切り替えてください。")
    else:
        advice = _("DNS を変更できるようになったら、ドメインの確認に切り替えてください。")
    return tell_address_only(domain) + advice


def tell_address_only(domain: SenderDomain) -> str:
    """Return what becomes of mails of a domain whose addresses alone are proved, for people who are no customers too."""
    if refuses_us(domain):
        return _(
            "%(domain)s の DMARC の方針により、アドレスの確認だけで送るメールは、受信側で迷惑メールに入るか拒否されます。"
        ) % {"domain": display_domain(domain.name)}
    if is_key_found(domain):
        return _(
            "ドメインの電子署名は付きますが、ほかの DNS の設定がそろっていないため、docomo・au・ソフトバンクや Gmail などで"
            "迷惑メールに入る、または届かないことがあります。"
        )
    return _(
        "アドレスの確認だけで送るメールには、ドメインの電子署名が付きません。受信者の画面に「〜経由」と表示されたり、"
        "docomo・au・ソフトバンクや Gmail などで迷惑メールに入る、または届かないことがあります。"
    )


def refuses_us(domain: SenderDomain) -> bool:
    """Say whether the policy of a domain keeps our unsigned mails from its inboxes. Reads the prefetched `checks`."""
    return any(check.refuses_us for check in domain.checks.all())


def warn_verified(domain: SenderDomain, results: dict[CheckKind, CheckResult]) -> str:
    """Return what will stop a domain that may send, or keep its mails from being signed; empty where nothing does."""
    if domain.failing_since is not None and domain.recheck_at is not None:
        at = date_format(timezone.localtime(domain.recheck_at), "n月j日(D) H:i")
        return _("%(missing)s次の自動確認(%(at)s)までに直らないと、配信が止まります。") % {
            "missing": explain_missing(domain),
            "at": at,
        }
    required = [results.get(CheckKind(kind)) for kind in settings.REQUIRED_CHECKS]
    if CheckResult.MISSING in required or CheckResult.WRONG in required:
        # A fault that does not keep our mail from passing.
        return _("%(missing)sいまは配信を続けられます。") % {"missing": explain_missing(domain)}
    if results.get(CheckKind.OLD_KEY) in (CheckResult.MISSING, CheckResult.WRONG):
        return _(
            "切り替える前の DKIM の鍵のレコードが、DNS から消えています。その鍵で署名したメールが"
            "届きにくくなります。「切り替え前の DKIM」の説明をご覧ください。"
        )
    # In an outage of the DNS neither is known.
    is_unsure = results.get(CheckKind.PROOF) == CheckResult.UNKNOWN and results.get(CheckKind.DKIM) == CheckResult.OK
    if is_unsure or results.get(CheckKind.PROOF) == CheckResult.WRONG:
        return _("署名したメールを受信側と同じ方法では確認できませんでした。「署名の実証」の説明をご覧ください。")
    return ""


def advise_verified(results: dict[CheckKind, CheckResult]) -> str:
    """Return what is still worth doing for a domain that may send; empty where there is nothing."""
    unknown = [kind for kind, result in results.items() if result == CheckResult.UNKNOWN and kind not in ADVICE]
    if unknown:
        return tell_unknown(unknown)
    if results.get(CheckKind.RETURN) in (CheckResult.MISSING, CheckResult.WRONG):
        return _(
            "お客様の戻り先ドメインの DNS の設定が見つからないため、エラーメールは当サービスのドメインに戻ります。"
            "配信はできます。「エラーメールの戻り先」の説明をご覧ください。"
        )
    if results.get(CheckKind.DMARC) in (CheckResult.MISSING, CheckResult.WRONG):
        return _("DMARC も設定すると、Gmail などでさらに届きやすくなります。")
    if results.get(CheckKind.HOST) in (CheckResult.MISSING, CheckResult.WRONG):
        return _(
            "メールを受け取る設定が見つからないため、docomo などに断られることがあります。「A・MX レコード」の説明をご覧ください。"
        )
    if results.get(CheckKind.ED25519) in (CheckResult.MISSING, CheckResult.WRONG):
        return _("Ed25519 の公開鍵が DNS にまだありません。登録するまでも、RSA の署名で配信できます。")
    return _("必要な DNS の設定がそろっています。")


def tell_unknown(kinds: Sequence[CheckKind]) -> str:
    """Return what it means for a domain that may send that the DNS could not be asked about some of its records."""
    # The database gives them in any order.
    items = _("、").join(str(kind.label) for kind in CheckKind if kind in kinds)
    if any(kind in settings.REQUIRED_CHECKS for kind in kinds):
        return _(
            "直近の確認では、%(items)s を DNS に問い合わせできませんでした。前回までの結果にもとづいて配信できます。"
        ) % {"items": items}
    return _("%(items)s は DNS に問い合わせできず、確認できませんでした。配信には影響しません。") % {"items": items}


def result_tone(result: str, *, required: bool) -> str:
    """Return the tone in which the result of one check is shown; what is only advised is never alarming."""
    tone = TONES[CheckResult(result)]
    return "warn" if tone == "bad" and not required else tone
