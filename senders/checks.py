"""Judges the texts of SPF and DKIM records; pure, answers in, outcome out."""

from collections.abc import Callable, Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from senders import spf
from senders.dns import Absent, Answer, CouldNotAsk
from senders.dns_budget import TOO_MANY
from senders.models import CheckResult
from senders.outcomes import CheckOutcome
from senders.tag_lists import parse_tags, read_words

NOT_ANSWERED = gettext_lazy(
    "DNS サーバーから応答がなく、確認できませんでした。設定の誤りとは限りません。"
    "時間をおいてもう一度「確認する」を押してください。"
)
TOO_MANY_QUESTIONS = gettext_lazy(
    "このドメインのレコードが指す名前が多すぎるため、途中で確認をやめました。"
    "使っていない include などを SPF レコードから取り除いてから、もう一度「確認する」を押してください。"
)


def explain_unasked(answer: CouldNotAsk) -> str:
    """Return what to do where a question has no answer: time may help, or fewer names."""
    return str(TOO_MANY_QUESTIONS if answer.why == TOO_MANY else NOT_ANSWERED)


def judge(answer: Answer, check: Callable[[Sequence[str]], CheckOutcome]) -> CheckOutcome:
    """Return what `check` says of the TXT records of an answer, or `unknown` where the DNS could not be asked."""
    if isinstance(answer, CouldNotAsk):
        return CheckOutcome(CheckResult.UNKNOWN, advice=explain_unasked(answer))
    return check(() if isinstance(answer, Absent) else answer.values)


def check_spf(texts: Sequence[str]) -> CheckOutcome:
    """Find the one SPF record among the TXT records of the domain itself (RFC 7208 section 4.5)."""
    records = [text for text in texts if spf.is_spf(text)]
    if not records:
        return explain_absent_spf(texts)
    found = "\n".join(records)
    if len(records) > 1:
        advice = _(
            "SPF レコードが2つ以上あります。受信側では無効になるため、1つを「設定する値」に書き換え、ほかの SPF レコードは削除してください。"
        )
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
        advice=_("SPF レコードがありません。「設定する値」を登録してください。"),
    )


def check_dkim(texts: Sequence[str], *, public_key: str, algorithm: str = "rsa") -> CheckOutcome:
    """Judge the TXT records at <selector>._domainkey.<domain>; `public_key` is ours in base64, `algorithm` its k=.

    Sources: RFC 6376 section 3.6.1 (tags), section 3.6.2.2 (one record), RFC 8301 (no SHA-1).
    """
    if not texts:
        advice = _("DKIM レコードがありません。「設定する値」を登録してください。")
        return CheckOutcome(CheckResult.MISSING, advice=advice)
    found = "\n".join(texts)
    if len(texts) > 1:
        advice = _("同じ名前の TXT レコードが2つ以上あります。「設定する値」と同じもの1つだけを残してください。")
        return CheckOutcome(CheckResult.WRONG, found, advice)
    tags = parse_tags(texts[0])
    if tags is None or "p" not in tags:
        advice = _("DKIM レコードとして読み取れません。今の値を消して、「設定する値」をそのまま貼り付けてください。")
        return CheckOutcome(CheckResult.WRONG, found, advice)
    fault = find_dkim_fault(tags, public_key, algorithm)
    if fault:
        return CheckOutcome(CheckResult.WRONG, found, fault)
    if "y" in read_words(tags, "t", ""):
        advice = _(
            "テスト中を表す「t=y」が付いています。署名が無視されることがあるため、「t=y;」を取り除いてください。"
        )
        return CheckOutcome(CheckResult.OK, found, advice)
    return CheckOutcome(CheckResult.OK, found)


def find_dkim_fault(tags: dict[str, str], public_key: str, algorithm: str) -> str:
    """Return what keeps a key record from verifying our signatures, as advice; empty where nothing does."""
    published = "".join(tags["p"].split())
    if not published:
        return _("鍵が失効(p= が空)になっています。「設定する値」に書き換えてください。")
    if published != public_key and public_key.startswith(published):
        return _(
            "公開鍵が途中で切れています。「設定する値」を最後まで登録してください。入りきらないときは、「設定する値」に添えた説明をご覧ください。"
        )
    if published != public_key:
        return _("公開鍵がこのシステムの鍵と違います。「設定する値」に書き換えてください。")
    if "v" in tags and next(iter(tags)) != "v":
        return _("「v=DKIM1」は先頭に書きます。「設定する値」に書き換えてください。")
    # Values count in the case in which they are written too: to verifiers that go by the letter "RSA" is no key type.
    if tags.get("v", "DKIM1") != "DKIM1" or tags.get("k", "rsa") != algorithm:
        return _("「v=」または「k=」の値が正しくありません。「v=DKIM1; k=%s;」にしてください。") % algorithm
    if "sha256" not in read_words(tags, "h", "sha256"):
        return _("「h=」で SHA-256 が許可されていません。「h=」の指定を取り除いてください。")
    if not {"*", "email"} & set(read_words(tags, "s", "*")):
        return _("「s=」でメールが許可されていません。「s=」の指定を取り除いてください。")
    return ""
