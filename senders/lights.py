"""Turns what is stored about a domain into a traffic light: a tone, a word and a sentence."""

from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

from senders.models import CheckKind, CheckResult, SenderDomain
from senders.verification import explain_missing

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
        return Light("ok", _("配信できます"), advise_verified(results))
    if not settings.REQUIRE_VERIFIED_SENDERS:
        return Light("muted", _("確認不要"), _("サンドボックスでは、DNS の設定がなくても配信を試せます。"))
    required = [results.get(CheckKind(kind)) for kind in settings.REQUIRED_CHECKS]
    if CheckResult.MISSING in required or CheckResult.WRONG in required:
        return Light("bad", _("設定が必要"), explain_missing(domain))
    return Light("warn", _("確認待ち"), explain_missing(domain))


def advise_verified(results: dict[CheckKind, CheckResult]) -> str:
    """Return what is still worth doing for a domain that may send; empty where there is nothing."""
    if CheckResult.UNKNOWN in results.values():
        return _("直近の確認では DNS に問い合わせできませんでした。前回までの結果にもとづいて配信できます。")
    if results.get(CheckKind.DMARC) in (CheckResult.MISSING, CheckResult.WRONG):
        return _("DMARC も設定すると、Gmail などでさらに届きやすくなります。")
    if results.get(CheckKind.ED25519) in (CheckResult.MISSING, CheckResult.WRONG):
        return _("Ed25519 の公開鍵が DNS にまだありません。登録するまでも、RSA の署名で配信できます。")
    return _("必要な DNS の設定がそろっています。")


def result_tone(result: str, *, required: bool) -> str:
    """Return the tone in which the result of one check is shown; what is only advised is never alarming."""
    tone = TONES[CheckResult(result)]
    return "warn" if tone == "bad" and not required else tone
