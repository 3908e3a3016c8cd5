"""What people are shown of a stored check of a domain: a tone, a word and what to do; the same on every page."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from senders.advice_checks import ADVICE
from senders.lights import result_tone
from senders.models import CheckKind, CheckResult, DnsCheck, DnsCheckChange

# Nobody sets up a proof: it comes of the key record.
PROOF_WORDS = {
    CheckResult.OK: gettext_lazy("確認済み"),
    CheckResult.MISSING: gettext_lazy("不合格"),
    CheckResult.WRONG: gettext_lazy("不合格"),
}


@dataclass(frozen=True, slots=True)
class ShownCheck:
    """A check as pages show it; `tone` is one of the components' tones."""

    check: DnsCheck
    tone: str
    word: str
    advice: str

    def is_earlier(self) -> bool:
        """Say whether what was found is that of an earlier check, since the newest could not ask."""
        check = self.check
        return check.result == CheckResult.UNKNOWN and bool(check.found) and check.found_at != check.checked_at


def show_check(check: DnsCheck, checks: Mapping[str, DnsCheck]) -> ShownCheck:
    """Return a check of a domain as pages show it; `checks` are all of the domain by kind."""
    result = CheckResult(check.result)
    if check.kind == CheckKind.PROOF:
        key = checks.get(CheckKind.DKIM)
        if result == CheckResult.WRONG and (key is None or key.result != CheckResult.OK):
            # One cause has one alarm, that of the key.
            return ShownCheck(check, "muted", _("未確認"), _("DKIM のレコードを登録すると確認できます。"))
        return ShownCheck(check, result_tone(result, required=False), say_result(check.kind, result), check.advice)
    required = check.kind in settings.REQUIRED_CHECKS
    # What nobody needs alarms nobody while it is not there.
    is_unneeded = result == CheckResult.MISSING and check.kind in ADVICE and not required
    tone = "muted" if is_unneeded else result_tone(result, required=required)
    return ShownCheck(check, tone, str(result.label), check.advice)


@dataclass(frozen=True, slots=True)
class ShownChange:
    """A row of the history with the words of its results; `before` is empty for the first check."""

    change: DnsCheckChange
    before: str
    after: str


def show_change(change: DnsCheckChange) -> ShownChange:
    """Return a row of the history as pages show it."""
    before = say_result(change.kind, CheckResult(change.before)) if change.before else ""
    return ShownChange(change, before, say_result(change.kind, CheckResult(change.after)))


def say_result(kind: str, result: CheckResult) -> str:
    """Return a result of a kind of check as a word."""
    words = PROOF_WORDS if kind == CheckKind.PROOF else {}
    return str(words.get(result, result.label))
