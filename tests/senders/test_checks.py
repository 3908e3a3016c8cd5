"""The judgements over DNS answers, as tables (A1, A5, A6, B1)."""

import pytest

from senders.checks import CheckOutcome, check_dkim, check_dmarc, check_spf, judge
from senders.dns import Absent, CouldNotAsk, Found
from senders.models import CheckResult

OK, MISSING, WRONG, UNKNOWN = CheckResult.OK, CheckResult.MISSING, CheckResult.WRONG, CheckResult.UNKNOWN
INCLUDE = "_spf.hypermail.example"
KEY = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A" + "x" * 360

SPF_CASES = [
    # what is published, result, a piece of the advice
    ([f"v=spf1 include:{INCLUDE} ~all"], OK, ""),
    ([f"v=spf1 include:{INCLUDE} ~all", "google-site-verification=abc"], OK, ""),
    ([f"V=SPF1 +INCLUDE:{INCLUDE.upper()}. -ALL"], OK, ""),
    ([f"v=spf1  a   mx include:{INCLUDE}  ?all "], OK, ""),
    ([f"v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 exists:%{{i}}.example a:b.example/24 ptr include:{INCLUDE}"], OK, ""),
    ([f"v=spf1 include:{INCLUDE} redirect=other.example exp=why.example x-note=hi"], OK, ""),
    ([], MISSING, "SPF レコードがありません"),
    (["google-site-verification=abc"], MISSING, "SPF レコードがありません"),
    # "v=spf10" is another version, not this one (RFC 7208 section 4.5).
    (["v=spf10 -all"], WRONG, "先頭"),
    ([f'"v=spf1 include:{INCLUDE} ~all"'], WRONG, "引用符"),
    ([f" v=spf1 include:{INCLUDE} ~all"], WRONG, "余分な空白"),
    ([f"v=spf1include:{INCLUDE} ~all"], WRONG, "先頭"),
    ([f"v=spf1 include:{INCLUDE} ~all", "v=spf1 mx ~all"], WRONG, "2つ以上"),
    ([f"v=spf1 inclde:{INCLUDE} ~all"], WRONG, f"inclde:{INCLUDE}"),
    ([f"v=spf1 include: {INCLUDE} ~all"], WRONG, "「include:」"),
    ([f"v=spf1 include:{INCLUDE} ip4 ~all"], WRONG, "「ip4」"),
    ([f"v=spf1 include:{INCLUDE} ~all:"], WRONG, "「~all:」"),
    ([f"v=spf1 include:{INCLUDE},mx 192.0.2.1 ~all"], WRONG, "「192.0.2.1」"),
    (["v=spf1 mx ~all"], WRONG, f"include:{INCLUDE}"),
    (["v=spf1"], WRONG, f"include:{INCLUDE}"),
    (["v=spf1 include:other.example ~all"], WRONG, f"include:{INCLUDE}"),
    ([f"v=spf1 mx ~all include:{INCLUDE}"], WRONG, f"include:{INCLUDE}"),
    ([f"v=spf1 -include:{INCLUDE} ~all"], WRONG, f"include:{INCLUDE}"),
    ([f"v=spf1 include:{INCLUDE}.evil.example ~all"], WRONG, f"include:{INCLUDE}"),
    ([f"v=spf1 include:{INCLUDE} +all"], WRONG, "+all"),
    ([f"v=spf1 include:{INCLUDE} all"], WRONG, "+all"),
]


@pytest.mark.parametrize(("texts", "result", "advice"), SPF_CASES)
def test_spf(texts: list[str], result: CheckResult, advice: str) -> None:
    outcome = check_spf(texts, include=INCLUDE)
    assert outcome.result == result
    assert advice in outcome.advice
    assert bool(outcome.advice) == (result != OK)


@pytest.mark.parametrize("include", [f"include:{INCLUDE}", f" {INCLUDE}. "])
def test_spf_include_setting_may_be_written_in_full(include: str) -> None:
    assert check_spf([f"v=spf1 include:{INCLUDE} ~all"], include=include).result == OK


@pytest.mark.parametrize(
    ("texts", "result"), [(["v=spf1 mx -all"], OK), ([], MISSING), (["v=spf1 mx", "v=spf1 a"], WRONG)]
)
def test_spf_where_no_include_is_asked_for(texts: list[str], result: CheckResult) -> None:
    assert check_spf(texts, include="").result == result


def test_spf_tells_what_it_found() -> None:
    records = ["v=spf1 mx -all", "v=spf1 a ~all"]
    assert check_spf([*records, "other"], include="").found == "\n".join(records)


DKIM_CASES = [
    ([f"v=DKIM1; k=rsa; p={KEY}"], OK, ""),
    ([f"v=DKIM1; p={KEY};"], OK, ""),
    ([f" p = {KEY[:50]} {KEY[50:]} ; "], OK, ""),
    ([f"v=DKIM1;k=RSA;h=sha1:sha256;s=email:other;t=s;p={KEY}"], OK, ""),
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


DMARC_CASES = [
    (["v=DMARC1; p=none; rua=mailto:a@shop.example"], OK, ""),
    (["v = DMARC1 ; P=Reject ; RUA=mailto:a@shop.example ;"], OK, ""),
    (["v=DMARC1; p=quarantine; rua=mailto:a@shop.example", "other text"], OK, ""),
    (["v=DMARC1; p=none"], OK, "rua="),
    ([], MISSING, "DMARC レコードがありません"),
    (["v=spf1 -all"], MISSING, "DMARC レコードがありません"),
    (["v=dmarc1; p=none"], MISSING, "DMARC レコードがありません"),
    (["p=none; v=DMARC1"], MISSING, "DMARC レコードがありません"),
    (["v=DMARC1; p=none", "v=DMARC1; p=reject"], WRONG, "2つ以上"),
    (["v=DMARC1; p=none; nonsense"], WRONG, "書き方"),
    (["v=DMARC1; p=none, rua=mailto:a@shop.example"], WRONG, "p="),
    (["v=DMARC1; rua=mailto:a@shop.example"], WRONG, "p="),
    (["v=DMARC1; p=monitor"], WRONG, "p="),
]


@pytest.mark.parametrize(("texts", "result", "advice"), DMARC_CASES)
def test_dmarc(texts: list[str], result: CheckResult, advice: str) -> None:
    outcome = check_dmarc(texts)
    assert outcome.result == result
    assert advice in outcome.advice


def test_absent_wrong_and_could_not_ask_are_three_results() -> None:
    assert judge(Absent(), check_dmarc).result == MISSING
    assert judge(Found(("v=DMARC1",)), check_dmarc).result == WRONG
    assert judge(CouldNotAsk("LifetimeTimeout"), check_dmarc).result == UNKNOWN
    assert judge(Found(("v=DMARC1; p=none; rua=mailto:a@b.example",)), check_dmarc) == CheckOutcome(
        OK, "v=DMARC1; p=none; rua=mailto:a@b.example"
    )


def test_advice_fits_its_column() -> None:
    long_term = "x" * 3000
    assert len(check_spf([f"v=spf1 {long_term}"], include="").advice) < 500
    assert len(check_spf(["v=spf1 mx"], include="y" * 253).advice) < 500
