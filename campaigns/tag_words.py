"""How merge tags are written, and what a person reads in their place."""

import re

from django.utils.translation import gettext_lazy as _

# {{ tag }}, {{ tag:format }} or either with |fallback; no part holds braces or a line break.
TAG = re.compile(r"\{\{[ \t\u3000]*([^\s{}|](?:[^{}|\r\n]*[^\s{}|])?)[ \t\u3000]*(?:\|([^{}\r\n]*))?\}\}")
# What every recipient has and what the mailing itself gives, with the name that people see.
FIXED_TAGS = {
    "name": _("お名前"),
    "address": _("メールアドレス"),
    "sender_name": _("差出人名"),
    "legal_name": _("送信者の名称"),
    "postal_address": _("住所"),
    "contact": _("お問い合わせ先"),
    "unsubscribe_url": _("配信停止のURL"),
    "preferences_url": _("メール設定ページのURL"),
    "web_url": _("「ブラウザーで見る」のURL"),
    "allow_url": _("受信設定の案内のURL"),
}


def readable(text: str) -> str:
    """Return a line of a mail as pages name it: `{{name|お客様}}様へ` reads ［お名前］様へ."""
    return TAG.sub(lambda match: f"［{FIXED_TAGS.get(match[1], match[1].partition(':')[0])}］", text)
