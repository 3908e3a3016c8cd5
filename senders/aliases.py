"""Tells where a CNAME stands at a name that wants another record: the two cannot stand together (RFC 1034 section 3.6.2)."""

from django.utils.translation import gettext as _

from senders.dns import Absent, Answer, Found, RecordType, Resolver
from senders.spf_words import shorten


def explain_alias(name: str, answer: Answer, resolver: Resolver) -> str:
    """Return what keeps a TXT record from being set at `name`, as advice; empty where nothing does.

    `answer` is that to the question for the TXT records. One that came along a CNAME is that of another name; where none
    came the CNAME is asked for, since a negative answer does not tell of it.
    """
    target = ""
    if isinstance(answer, Found) and answer.chain:
        target = answer.chain[0]
    elif isinstance(answer, Absent):
        alias = resolver.find(name, RecordType.CNAME)
        target = alias.values[0] if isinstance(alias, Found) and alias.values else ""
    if not target:
        return ""
    return _(
        "「%(name)s」には CNAME(%(target)s)が登録されているため、TXT レコードを一緒に登録できません。"
        "CNAME を消すとホームページなどが見えなくなることがあるため、"
        "ドメインの管理者かホームページの制作会社に相談するか、CNAME のないドメイン名を送信元にしてください。"
    ) % {"name": shorten(name), "target": shorten(target)}
