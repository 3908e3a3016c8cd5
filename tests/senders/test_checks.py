"""The judgements over DNS answers, as tables (A1, A5, A6, B1)."""

import pytest

from senders.checks import check_dkim, check_spf, judge
from senders.dns import Absent, CouldNotAsk, Found
from senders.dns_budget import TOO_LATE, TOO_MANY
from senders.models import CheckResult
from senders.outcomes import CheckOutcome

OK, MISSING, WRONG, UNKNOWN = CheckResult.OK, CheckResult.MISSING, CheckResult.WRONG, CheckResult.UNKNOWN
KEY = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A" + "x" * 360

SPF_CASES = [
    # what is published, result, a piece of the advice
    (["v=spf1 mx ~all"], OK, ""),
    (["V=SPF1 mx ~all", "google-site-verification=abc"], OK, ""),
    (["v=spf1"], OK, ""),
    ([], MISSING, "SPF レコードがありません"),
    (["google-site-verification=abc"], MISSING, "SPF レコードがありません"),
    # "v=spf10" is another version, not this one (RFC 7208 section 4.5).
    (["v=spf10 -all"], WRONG, "先頭"),
    (['"v=spf1 mx ~all"'], WRONG, "引用符"),
    ([" v=spf1 mx ~all"], WRONG, "余分な空白"),
    (["v=spf1mx ~all"], WRONG, "先頭"),
    (["v=spf1 a ~all", "v=spf1 mx ~all"], WRONG, "2つ以上"),
]


@pytest.mark.parametrize(("texts", "result", "advice"), SPF_CASES)
def test_spf(texts: list[str], result: CheckResult, advice: str) -> None:
    outcome = check_spf(texts)
    assert outcome.result == result
    assert advice in outcome.advice
    assert bool(outcome.advice) == (result != OK)


def test_spf_tells_what_it_found() -> None:
    records = ["v=spf1 mx -all", "v=spf1 a ~all"]
    assert check_spf([*records, "other"]).found == "\n".join(records)


DKIM_CASES = [
    ([f"v=DKIM1; k=rsa; p={KEY}"], OK, ""),
    ([f"v=DKIM1; p={KEY};"], OK, ""),
    ([f" p = {KEY[:50]} {KEY[50:]} ; "], OK, ""),
    ([f"v=DKIM1;k=rsa;h=sha1:sha256;s=email:other;t=s;p={KEY}"], OK, ""),
    ([f"v=DKIM1;k=RSA;p={KEY}"], WRONG, "k=rsa"),
    ([f"V=DKIM1;P={KEY}"], WRONG, "読み取れません"),
    ([f"v=DKIM1; s=*; p={KEY}"], OK, ""),
    ([f"v=DKIM1; t=y:s; p={KEY}"], OK, "t=y"),
    ([], MISSING, "DKIM レコードがありません"),
    ([f"v=DKIM1; p={KEY}"] * 2, WRONG, "2つ以上"),
    (["v=spf1 -all"], WRONG, "読み取れません"),
    (["something else"], WRONG, "読み取れません"),
    (["v=DKIM1; k=rsa"], WRONG, "読み取れません"),
    ([f"p={KEY}; p={KEY}"], WRONG, "読み取れません"),
    ([f'"v=DKIM1; k=rsa; p={KEY}"'], WRONG, "読み取れません"),
    (["v=DKIM1; p="], WRONG, "失効"),
    ([f"v=DKIM1; p={KEY[:200]}"], WRONG, "途中で切れています"),
    (["v=DKIM1; p=AAAA"], WRONG, "鍵と違います"),
    ([f"v=DKIM1; p={KEY}AAAA"], WRONG, "鍵と違います"),
    ([f"v=DKIM1; h=sha1 : sha256; s = email : other; p={KEY}"], OK, ""),
    ([f"v=DKIM1; t=s : y; p={KEY}"], OK, "t=y"),
    ([f"k=rsa; p={KEY}; v=DKIM1"], WRONG, "先頭"),
    ([f"v=DKIM2; p={KEY}"], WRONG, "v="),
    ([f"v=DKIM1; k=ed25519; p={KEY}"], WRONG, "k="),
    ([f"v=DKIM1; h=sha1; p={KEY}"], WRONG, "SHA-256"),
    ([f"v=DKIM1; s=calendar; p={KEY}"], WRONG, "s="),
]


@pytest.mark.parametrize(("texts", "result", "advice"), DKIM_CASES)
def test_dkim(texts: list[str], result: CheckResult, advice: str) -> None:
    outcome = check_dkim(texts, public_key=KEY)
    assert outcome.result == result
    assert advice in outcome.advice
    assert outcome.found == "\n".join(texts)


def test_absent_wrong_and_could_not_ask_are_three_results() -> None:
    assert judge(Absent(), check_spf).result == MISSING
    assert judge(Found(("v=spf1 mx", "v=spf1 a")), check_spf).result == WRONG
    assert judge(CouldNotAsk("LifetimeTimeout"), check_spf).result == UNKNOWN
    assert "応答がなく" in judge(CouldNotAsk(TOO_LATE), check_spf).advice
    # Waiting does not help there.
    assert "多すぎる" in judge(CouldNotAsk(TOO_MANY), check_spf).advice
    assert judge(Found(("v=spf1 mx ~all",)), check_spf) == CheckOutcome(OK, "v=spf1 mx ~all")
