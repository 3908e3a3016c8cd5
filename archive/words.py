"""What the public pages of archives say, in each of their languages."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from signup.models import FormLanguage


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The sentences of the public pages; `language` and `skip` are those that signup/public.html asks for."""

    language: str
    skip: str
    archive: str
    # Stands for the name of a recipient.
    reader: str
    mailings: str
    none_yet: str
    subscribe: str
    feed: str
    back: str
    newer: str
    older: str
    page: str
    links_heading: str
    links: str
    unknown_heading: str
    unknown: str

    def write_day(self, moment: datetime) -> str:
        """Return the day of a moment on the present clock."""
        day = timezone.localdate(moment)
        if self.language == FormLanguage.EN:
            return f"{day:%B} {day.day}, {day.year}"
        return f"{day.year}年{day.month}月{day.day}日"


JA = Words(
    language="ja",
    skip="本文へ移動",
    archive="バックナンバー",
    reader="お客様",
    mailings="メールの一覧",
    none_yet="公開しているメールはまだありません。",
    subscribe="メールを受け取る",
    feed="RSSで読む",
    back="バックナンバー一覧",
    newer="新しいメール",
    older="以前のメール",
    page="ページ送り",
    links_heading="届いたメールからお開きください",
    links="バックナンバーは公開用のページのため、ここからは配信停止やメールの設定はできません。お手元に届いたメールの中のリンクをお使いください。",
    unknown_heading="ページが見つかりません",
    unknown="アドレスの一部が欠けているか、公開が終わっています。",
)

EN = Words(
    language="en",
    skip="Skip to content",
    archive="Archive",
    reader="reader",
    mailings="Past emails",
    none_yet="Nothing has been published yet.",
    subscribe="Get these by email",
    feed="RSS feed",
    back="All past emails",
    newer="Newer",
    older="Older",
    page="Pages",
    links_heading="Please open the email you received",
    links="This is a public copy, so you cannot unsubscribe or change your settings from here. Please use the links in the email that was sent to you.",
    unknown_heading="Page not found",
    unknown="A part of the address is missing, or the page is no longer public.",
)

WORDS = {FormLanguage.JA.value: JA, FormLanguage.EN.value: EN}


def words_in(language: str) -> Words:
    """Return the words of a language (FormLanguage), Japanese for one that is not known."""
    return WORDS.get(language, JA)
