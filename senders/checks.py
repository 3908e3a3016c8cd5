"""Judges what the DNS says about a domain: SPF, DKIM and DMARC; pure, answers in, outcome out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from senders import spf
from senders.dns import Absent, Answer, CouldNotAsk
from senders.models import CheckResult
from senders.tag_lists import parse_tags

DMARC_POLICIES = frozenset({"none", "quarantine", "reject"})


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """What a check says. `found` is the record as published; `advice` is Japanese and may be empty where all is well."""

    result: CheckResult
    found: str = ""
    advice: str = ""


def judge(answer: Answer, check: Callable[[Sequence[str]], CheckOutcome]) -> CheckOutcome:
    """Return what `check` says of the TXT records of an answer, or `unknown` where the DNS could not be asked."""
    if isinstance(answer, CouldNotAsk):
        return CheckOutcome(
            CheckResult.UNKNOWN,
            advice=_(
                "DNS サーバーから応答がなく、確認できませんでした。設定の誤りとは限りません。"
                "時間をおいてもう一度「確認する」を押してください。"
            ),
        )
    return check(() if isinstance(answer, Absent) else answer.values)


def check_spf(texts: Sequence[str], *, include: str) -> CheckOutcome:
    """Judge the TXT records of the domain itself.

    One SPF record that can be read and contains the include of this installation is ok; where no include is
    asked for (`include` empty), one that can be read. Sources: RFC 7208 sections 4.5, 4.6.1, 5.1.
    """
    records = [text for text in texts if spf.is_spf(text)]
    if not records:
        return explain_absent_spf(texts)
    found = "\n".join(records)
    if len(records) > 1:
        advice = _("SPF レコードが2つ以上あります。受信側では無効になるため、下の「設定する値」1つにまとめてください。")
        return CheckOutcome(CheckResult.WRONG, found, advice)
    terms = spf.parse_terms(records[0])
    unreadable = next((term.text for term in terms if not term.name), "")
    if unreadable:
        advice = _("「%(term)s」の書き方に誤りがあり、SPF 全体が無効になります。つづりや区切りの空白を直してください。")
        return CheckOutcome(CheckResult.WRONG, found, advice % {"term": unreadable[:80]})
    target = spf.include_target(include)
    if target and not spf.allows_include(terms, target):
        advice = _("「include:%(target)s」が含まれていません。今のレコードを、下の「設定する値」に書き換えてください。")
        return CheckOutcome(CheckResult.WRONG, found, advice % {"target": target})
    if any(term.is_all() and term.qualifier == "+" for term in terms):
        advice = _("最後が「+all」だと、世界中のどのサーバーからの送信も許してしまいます。「~all」に変えてください。")
        return CheckOutcome(CheckResult.WRONG, found, advice)
    return CheckOutcome(CheckResult.OK, found)


def explain_absent_spf(texts: Sequence[str]) -> CheckOutcome:
    """Tell a record that is not there from one that is pasted with quotation marks or spaces before it."""
    almost = [text for text in texts if text.strip(spf.WRAPPING).lower().startswith("v=spf")]
    if almost:
        advice = _("SPF レコードの先頭が「v=spf1 」になっていません。引用符や余分な空白を取り除いてください。")
        return CheckOutcome(CheckResult.WRONG, "\n".join(almost), advice)
    return CheckOutcome(
        CheckResult.MISSING,
        advice=_("SPF レコードがありません。下の「設定する値」を TXT レコードとして登録してください。"),
    )


def check_dkim(texts: Sequence[str], *, public_key: str, algorithm: str = "rsa") -> CheckOutcome:
    """Judge the TXT records at <selector>._domainkey.<domain>; `public_key` is ours in base64, `algorithm` its k=.

    Sources: RFC 6376 section 3.6.1 (tags), section 3.6.2.2 (one record), RFC 8301 (no SHA-1).
    """
    if not texts:
        advice = _("DKIM レコードがありません。下の「設定する値」を TXT レコードとして登録してください。")
        return CheckOutcome(CheckResult.MISSING, advice=advice)
    found = "\n".join(texts)
    if len(texts) > 1:
        advice = _("同じ名前の TXT レコードが2つ以上あります。下の「設定する値」と同じもの1つだけを残してください。")
        return CheckOutcome(CheckResult.WRONG, found, advice)
    tags = parse_tags(texts[0])
    if tags is None or "p" not in tags:
        advice = _(
            "DKIM レコードとして読み取れません。今の値を消して、下の「設定する値」をそのまま貼り付けてください。"
        )
        return CheckOutcome(CheckResult.WRONG, found, advice)
    fault = find_dkim_fault(tags, public_key, algorithm)
    if fault:
        return CheckOutcome(CheckResult.WRONG, found, fault)
    if "y" in tags.get("t", "").split(":"):
        advice = _(
            "テスト中を表す「t=y」が付いています。署名が無視されることがあるため、「t=y;」を取り除いてください。"
        )
        return CheckOutcome(CheckResult.OK, found, advice)
    return CheckOutcome(CheckResult.OK, found)


def find_dkim_fault(tags: dict[str, str], public_key: str, algorithm: str) -> str:
    """Return what keeps a key record from verifying our signatures, as advice; empty where nothing does."""
    published = "".join(tags["p"].split())
    if not published:
        return _("鍵が失効(p= が空)になっています。下の「設定する値」に書き換えてください。")
    if published != public_key and public_key.startswith(published):
        return _(
            "公開鍵が途中で切れています。DNS の画面の文字数制限を確認し、下の「255文字ごとに分けた値」をお試しください。"
        )
    if published != public_key:
        return _("公開鍵がこのシステムの鍵と違います。下の「設定する値」に書き換えてください。")
    if tags.get("v", "DKIM1") != "DKIM1" or tags.get("k", "rsa").lower() != algorithm:
        return _("「v=」または「k=」の値が正しくありません。「v=DKIM1; k=%s;」にしてください。") % algorithm
    if "sha256" not in tags.get("h", "sha256").lower().split(":"):
        return _("「h=」で SHA-256 が許可されていません。「h=」の指定を取り除いてください。")
    if not {"*", "email"} & set(tags.get("s", "*").lower().split(":")):
        return _("「s=」でメールが許可されていません。「s=」の指定を取り除いてください。")
    return ""


def check_dmarc(texts: Sequence[str]) -> CheckOutcome:
    """Judge the TXT records at _dmarc.<domain> or at the parent that speaks for it.

    Sources: RFC 9989 (DMARC): one record that begins with v=DMARC1 and has a policy.
    """
    records = [text for text in texts if is_dmarc(text)]
    if not records:
        advice = _("DMARC レコードがありません。下の「設定する値」を TXT レコードとして登録してください。")
        return CheckOutcome(CheckResult.MISSING, "\n".join(texts), advice)
    found = "\n".join(records)
    if len(records) > 1:
        advice = _("DMARC レコードが2つ以上あります。受信側では無効になるため、1つだけを残してください。")
        return CheckOutcome(CheckResult.WRONG, found, advice)
    tags = parse_tags(records[0])
    if tags is None:
        advice = _("DMARC レコードの書き方に誤りがあります。「名前=値」を「;」で区切って書き直してください。")
        return CheckOutcome(CheckResult.WRONG, found, advice)
    if tags.get("p", "").lower() not in DMARC_POLICIES:
        advice = _(
            "「p=」がないか、値が正しくありません。「p=none」「p=quarantine」「p=reject」のどれかにしてください。"
        )
        return CheckOutcome(CheckResult.WRONG, found, advice)
    if "rua" not in tags:
        advice = _("集計レポートの送り先「rua=mailto:…」を加えると、なりすましの様子を確認できます。")
        return CheckOutcome(CheckResult.OK, found, advice)
    return CheckOutcome(CheckResult.OK, found)


def is_dmarc(text: str) -> bool:
    """Say whether a TXT record is a DMARC record: its first tag is v=DMARC1 (RFC 9989)."""
    name, _equals, value = text.partition(";")[0].partition("=")
    return name.strip().lower() == "v" and value.strip() == "DMARC1"
