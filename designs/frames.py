"""Whole mails on our pages: only ever in a sandboxed frame, under a policy of their own, with words in place of tags."""

from __future__ import annotations

import re
from typing import Final

from django.http import HttpResponse
from django.utils.translation import gettext as _

from designs.tags import TAG, escape

# No script, no form, no link: a look at the mail.
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data: https: http:; font-src data:; sandbox"
_LINKED: Final = re.compile(r"""(\bhref\s*=\s*["']?)\{\{[^{}\r\n]*\}\}""", re.IGNORECASE)


def frame(page: str) -> HttpResponse:
    """Return a mail as the answer that fills such a frame."""
    return HttpResponse(page, headers={"Content-Security-Policy": POLICY})


def show_tags(page: str) -> str:
    """Return the HTML part of a mail with an example in the place of each merge tag, or the words it falls back to."""
    examples = {
        "legal_name": _("例の株式会社"),
        "postal_address": _("〒100-0001 東京都千代田区○○1-2-3"),
        "contact": _("info@example.co.jp"),
        "name": _("山田 花子"),
    }

    def show(tag: re.Match[str]) -> str:
        name, _bar, fallback = tag[0][2:-2].partition("|")
        return escape(examples.get(name.strip()) or fallback or name)

    return TAG.sub(show, _LINKED.sub(r"\1#", page))
