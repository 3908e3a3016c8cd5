"""Says in Japanese what evaluating and auditing SPF found."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from senders.spf_record import SyntaxFault
from senders.spf_report import UNANSWERED, SpfFault, SpfResult, Trouble

# A word of a hostile record may have 60,000 characters.
WORD_LIMIT = 80

SYNTAX_WORDS = {
    SyntaxFault.WORD: gettext_lazy("「%(term)s」のつづりや区切りの空白を直してください。"),
    SyntaxFault.VALUE: gettext_lazy("「%(term)s」に続く値がありません。値を書き加えるか、取り除いてください。"),
    SyntaxFault.DOMAIN: gettext_lazy("「%(term)s」のドメイン名が正しくありません。"),
    SyntaxFault.ADDRESS: gettext_lazy(
        "「%(term)s」の IP アドレスの書き方が正しくありません。「ip4:192.0.2.1」のように書いてください。"
    ),
    SyntaxFault.PREFIX: gettext_lazy("「%(term)s」の「/」の後ろの数字が正しくありません。"),
    SyntaxFault.MACRO: gettext_lazy("「%(term)s」の「%%」や記号の使い方が正しくありません。"),
    SyntaxFault.TWICE: gettext_lazy("「%(term)s」は1つしか書けません。1つだけを残してください。"),
    SyntaxFault.NON_ASCII: gettext_lazy(
        "「%(term)s」に全角文字や使えない文字が入っています。半角で書き直してください。"
    ),
}

FAULT_WORDS = {
    SpfFault.MANY_RECORDS: gettext_lazy("SPF レコードが2つ以上あります。1つにまとめてください。"),
    SpfFault.LENGTH: gettext_lazy(
        "SPF レコードが長すぎて、受信側で読み取れません。使っていない部分を取り除いてください。"
    ),
    SpfFault.LOOKUPS: gettext_lazy(
        "DNS への問い合わせが上限の 10 回を超えています。使っていない include などを取り除いてください。"
    ),
    SpfFault.VOIDS: gettext_lazy(
        "「%(term)s」など、存在しない名前を指す部分が3つ以上あります。使っていないものを取り除いてください。"
    ),
    SpfFault.MX_LIMIT: gettext_lazy("「%(term)s」が指すメールサーバーが10台を超えています。"),
    SpfFault.INCLUDE_NONE: gettext_lazy(
        "「%(term)s」の先に SPF レコードがありません。つづりを確かめるか、取り除いてください。"
    ),
    SpfFault.REDIRECT_NONE: gettext_lazy(
        "「%(term)s」の先に SPF レコードがありません。つづりを確かめるか、取り除いてください。"
    ),
    SpfFault.LOOP: gettext_lazy("「%(term)s」が自分自身に戻り、終わりがありません。取り除いてください。"),
    SpfFault.DNS: gettext_lazy("%(at)s について DNS サーバーから応答がありませんでした。"),
    SpfFault.BUDGET: gettext_lazy(
        "SPF レコードが指す名前が多すぎるため、%(at)s から先は確認できませんでした。"
        "使っていない include などを取り除いてください。"
    ),
}

RESULT_WORDS = {
    SpfResult.NONE: gettext_lazy("SPF レコードがない"),
    SpfResult.NEUTRAL: gettext_lazy("どちらとも言わない(neutral)"),
    SpfResult.PASS: gettext_lazy("認められる(pass)"),
    SpfResult.FAIL: gettext_lazy("認められない(fail)"),
    SpfResult.SOFTFAIL: gettext_lazy("疑わしいとされる(softfail)"),
    SpfResult.TEMPERROR: gettext_lazy("確認できない(temperror)"),
    SpfResult.PERMERROR: gettext_lazy("設定の誤り(permerror)"),
}


def explain_trouble(trouble: Trouble) -> str:
    """Return a sentence that says what is wrong and what to do; where it is not the domain's own record, whose."""
    words = SYNTAX_WORDS[trouble.syntax] if trouble.syntax else FAULT_WORDS[trouble.fault]
    sentence = str(words) % {"term": shorten(trouble.term), "at": shorten(trouble.at)}
    if trouble.fault in SPOILING_FAULTS:
        sentence = _("SPF 全体が無効になる誤りがあります。%(sentence)s") % {"sentence": sentence}
    owner = trouble.path[-2:][0] if trouble.fault in FAULTS_OF_TARGETS else trouble.at
    if trouble.path and owner != trouble.path[0] and trouble.fault not in UNANSWERED:
        return _(
            "include の先の %(owner)s の SPF レコード: %(sentence)s"
            "%(owner)s の管理者に伝えるか、この include を取り除いてください。"
        ) % {"owner": shorten(owner), "sentence": sentence}
    return sentence


# Their sentences do not say of themselves that the whole record is void.
SPOILING_FAULTS = frozenset({SpfFault.SYNTAX, SpfFault.MANY_RECORDS, SpfFault.MX_LIMIT, SpfFault.VOIDS, SpfFault.LOOP})
# Their `at` is what a word names; the record that is to be mended is the one before.
FAULTS_OF_TARGETS = frozenset({SpfFault.INCLUDE_NONE, SpfFault.REDIRECT_NONE, SpfFault.LOOP})


def shorten(word: str) -> str:
    """Return a word of a record as it may stand in a sentence."""
    return word if len(word) <= WORD_LIMIT else word[: WORD_LIMIT - 1] + "…"
