"""Judges the DKIM key records of a domain as published (RFC 6376 section 3.6.1, RFC 8301, RFC 8463)."""

import base64
import binascii
import re
from functools import partial

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from senders.checks import check_dkim, judge
from senders.dns import Absent, Answer, CouldNotAsk, Found, RecordType, Resolver
from senders.models import CheckResult
from senders.outcomes import CheckOutcome, CheckSubject, KeyFacts, Line, Tone
from senders.records import dkim_name
from senders.tag_lists import parse_tags, read_words

# Verifiers need not take less (RFC 8301 section 3.2), and signers shall have this much.
SMALLEST_BITS = 1024
GOOD_BITS = 2048
# Where the SubjectPublicKeyInfo of an RSA key of 2048 bits begins and a bare RSAPublicKey (PKCS #1) does, in base64.
PKCS1_START = "MIIBCgKCAQEA"
# Longer chains resolvers do not follow either.
CHAIN_LIMIT = 8
OUR_ZONE = gettext_lazy(
    "お客様の CNAME は正しく登録されていますが、当サービス側の DNS に鍵が見つかりません。"
    "お客様の設定の誤りではありません。システム管理者に連絡してください。"
)
BAD = (CheckResult.MISSING, CheckResult.WRONG)
# Of several keys the worst result speaks.
WORST_FIRST = (*BAD, CheckResult.UNKNOWN)
# What is meant to be a key record, however it is misspelled.
LIKE_A_KEY = re.compile(r"dkim|(^|[\s;\"'])[pk]\s*=", re.IGNORECASE)


def check_dkim_key(subject: CheckSubject, resolver: Resolver, *, key: KeyFacts) -> CheckOutcome:
    """Return whether receivers find our key at its name."""
    name = dkim_name(key.selector, subject.domain)
    answer = resolver.find_txt(name)
    if isinstance(answer, Found):
        return judge_key_record(answer, key, subject.domain, answer.chain)
    return judge_key_record(answer, key, subject.domain, follow_cnames(name, resolver, answer))


def check_old_keys(subject: CheckSubject, resolver: Resolver) -> CheckOutcome:
    """Return whether receivers find the keys that were replaced and whose records have to stay."""
    outcomes = {key.selector: check_dkim_key(subject, resolver, key=key) for key in subject.old_keys}
    results = {selector: outcome.result for selector, outcome in outcomes.items()}
    worst = next((name for name in WORST_FIRST if name in results.values()), CheckResult.OK)
    advice = ""
    if worst in BAD:
        advice = _(
            "切り替える前の鍵(%s)のレコードが DNS に見つかりません。切り替える前に始まった配信と、届く途中のメールの"
            "署名を確かめるのに必要です。「設定する値」をもう一度登録してください。"
        ) % _("、").join(selector for selector, result in results.items() if result in BAD)
    elif worst == CheckResult.UNKNOWN:
        advice = next(outcome.advice for outcome in outcomes.values() if outcome.result == CheckResult.UNKNOWN)
    return CheckOutcome(
        worst,
        "\n".join(outcome.found for outcome in outcomes.values() if outcome.found),
        advice,
        tuple(
            Line(Tone.OK if result == CheckResult.OK else Tone.WARNING, selector, str(result.label))
            for selector, result in results.items()
        ),
        by_selector=results,
    )


def follow_cnames(name: str, resolver: Resolver, answer: Absent | CouldNotAsk) -> tuple[str, ...]:
    """Return the names that CNAMEs lead to from a name without a TXT record: the answer itself does not tell."""
    chain: list[str] = []
    while isinstance(answer, Absent) and len(chain) < CHAIN_LIMIT:
        alias = resolver.find(chain[-1] if chain else name, RecordType.CNAME)
        if not isinstance(alias, Found):
            break
        chain.append(alias.values[0])
    return tuple(chain)


def judge_key_record(answer: Answer, key: KeyFacts, domain: str, chain: tuple[str, ...] = ()) -> CheckOutcome:
    """Return what the TXT records at the name of a key say, where CNAMEs led along a `chain`."""
    outcome = judge(answer, partial(check_dkim, public_key=key.public_key, algorithm=key.algorithm))
    texts = answer.values if isinstance(answer, Found) else ()
    lines = [Line(Tone.NOTE, _("調べた名前"), dkim_name(key.selector, domain))]
    if chain:
        lines.append(Line(Tone.NOTE if texts else Tone.ERROR, _("CNAME の行き先"), " → ".join(chain)))
    elif isinstance(answer, Absent) and answer.exists:
        lines.append(Line(Tone.NOTE, _("TXT レコード"), _("名前はありますが、TXT レコードがありません。")))
    lines += [line for text in texts for line in describe_record(text)]
    result, advice = outcome.result, outcome.advice
    if key.cname_target in chain and result in (CheckResult.MISSING, CheckResult.WRONG):
        # The customer did what he was asked for: what is wrong stands in the installation's own zone.
        result, advice = CheckResult.UNKNOWN, str(OUR_ZONE)
    elif texts and not any(map(LIKE_A_KEY.search, texts)):
        # A wildcard answers for every name; nothing was set for this one, so there is nothing to delete.
        result = CheckResult.MISSING
        advice = _(
            "DKIM レコードがありません(「*」のレコードなど、別の用途の値が返っています)。"
            "その値は消さずに、「設定する値」を登録してください。"
        )
    elif chain and isinstance(answer, Absent):
        advice = _("CNAME の行き先(%s)に DKIM レコードがありません。「設定する値」に書き換えてください。") % chain[-1]
    return CheckOutcome(
        result,
        outcome.found,
        advice,
        tuple(lines),
        expected=f"v=DKIM1; k={key.algorithm}; p={key.public_key}",
        ttl=None if isinstance(answer, CouldNotAsk) else answer.ttl,
    )


def describe_record(text: str) -> list[Line]:
    """Return what can be said of a published key: its length, and flags that change how it is used."""
    tags = parse_tags(text)
    if tags is None or not tags.get("p"):
        return []
    lines = [describe_key("".join(tags["p"].split()), tags.get("k", "rsa").lower())]
    flags = read_words(tags, "t", "")
    if "y" in flags:
        lines.append(Line(Tone.WARNING, "t=y", _("テスト中の印です。署名が無視されることがあります。")))
    if "s" in flags:
        lines.append(
            Line(
                Tone.NOTE, "t=s", _("サブドメインの差出人には使えない鍵です。このシステムの送り方では問題ありません。")
            )
        )
    return lines


def describe_key(published: str, algorithm: str) -> Line:
    """Return what a published key is."""
    label = _("公開鍵")
    if algorithm == "ed25519":
        return Line(Tone.NOTE, label, "Ed25519")
    if published.startswith(PKCS1_START):
        return Line(Tone.ERROR, label, _("鍵の形式が違います(PKCS #1)。「設定する値」をそのまま登録してください。"))
    try:
        key = load_der_public_key(base64.b64decode(published, validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return Line(Tone.ERROR, label, _("鍵として読み取れません。途中で切れているか、余分な文字が入っています。"))
    if not isinstance(key, RSAPublicKey):
        return Line(Tone.ERROR, label, _("RSA の鍵ではありません。"))
    if key.key_size < SMALLEST_BITS:
        return Line(Tone.ERROR, label, _("RSA %dビット(短すぎるため、受信側では無効です)") % key.key_size)
    tone = Tone.OK if key.key_size >= GOOD_BITS else Tone.WARNING
    return Line(tone, label, _("RSA %dビット") % key.key_size)
