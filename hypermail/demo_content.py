"""The words of the demonstration: lists, sender, mailings and sign-up form of a fictional shop."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from senders.registry import SenderDetails

WORKSPACE_NAME = "デモ用ワークスペース"
SENDER_ADDRESS = "news@mihon-shoten.example"
SENDER = SenderDetails(
    name="みほん商店",
    reply_to="",
    legal_name="みほん商店株式会社",
    postal_address="〒100-0001 東京都千代田区千代田1-1",
    contact="https://mihon-shoten.example/contact",
)
# List name, file in demo/seed/.
LISTS = (("メルマガ会員", "kaiin.csv"), ("セミナー参加者", "seminar.csv"))


FORM_NAME = "ホームページの登録フォーム"
FORM_HEADING = "みほん商店だより"
FORM_DESCRIPTION = "新商品と催しのお知らせを、月に2〜3回お送りします。"
AGREEMENT = "みほん商店株式会社からのお知らせメールを、入力したアドレスで受け取ることに同意します。"
LABEL = "定期便"


@dataclass(frozen=True, slots=True)
class Mailing:
    """A mailing and when it was sent or is to be sent, counted from the seeding; None for a draft.

    `blocks` are kinds and what they hold (designs/blocks.py); a mail of text alone has `text` instead. What is not
    `is_public` is left out of the archive.
    """

    subject: str
    preheader: str
    lists: tuple[str, ...]
    after: timedelta | None
    blocks: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    text: str = ""
    is_public: bool = True


def heading(text: str, *, level: int = 2, align: str = "left", ground: str = "none") -> tuple[str, Mapping[str, Any]]:
    return "heading", {"text": text, "level": level, "align": align, "ground": ground}


def words(html: str, *, align: str = "left", ground: str = "none") -> tuple[str, Mapping[str, Any]]:
    return "text", {"html": html, "align": align, "ground": ground}


def button(label: str, page: str = "", *, ground: str = "none") -> tuple[str, Mapping[str, Any]]:
    return "button", {"label": label, "href": f"https://mihon-shoten.example/{page}", "ground": ground}


def product(name: str, price: str, text: str, page: str) -> tuple[str, Mapping[str, Any]]:
    href = f"https://mihon-shoten.example/{page}"
    return "product", {"name": name, "price": price, "text": text, "label": "商品を見る", "href": href}


SPACE = ("divider", {"space": 16, "line": False})
MAILINGS = (
    Mailing(
        "【みほん商店】秋の新商品のご案内",
        "実りの秋にぴったりの器と布ものをそろえました。",
        ("メルマガ会員",),
        timedelta(days=-21),
        (
            heading("秋の新商品が入荷しました", level=1, align="center", ground="accent"),
            words("<p>実りの秋にぴったりの器と布ものをそろえました。</p>", align="center", ground="accent"),
            button("新商品を見る", ground="accent"),
            SPACE,
            words("<p>{{name|会員}} 様</p><p>いつもみほん商店をご利用いただき、ありがとうございます。</p>"),
            product(
                "飴釉の飯碗", "2,420円(税込)", "手になじむ丸みと、深い飴色の釉薬。電子レンジで使えます。", "utsuwa/"
            ),
            product("麻のふきん 3枚組", "1,650円(税込)", "使うほど柔らかくなる、国産の麻です。", "nuno/"),
        ),
    ),
    Mailing(
        "【みほん商店】会員様限定クーポンのお知らせ",
        "ご来店の際にご提示ください。10%引きになります。",
        ("メルマガ会員", "セミナー参加者"),
        timedelta(days=-14),
        (
            heading("会員様限定クーポン", level=1),
            words("<p>{{name|会員}} 様</p><p>日ごろの感謝を込めて、クーポンをお届けします。</p>"),
            heading("全品 10%引き", level=1, align="center", ground="accent"),
            words("<p>ご来店の際に、このメールをご提示ください。</p>", align="center", ground="accent"),
        ),
        is_public=False,
    ),
    Mailing(
        "【みほん商店】年末年始の営業時間",
        "",
        ("メルマガ会員", "セミナー参加者"),
        timedelta(days=-7),
        text="{{name|会員}} 様\n\n年末は12月30日まで、年始は1月5日から営業いたします。\nどうぞよろしくお願いいたします。\n",
    ),
    Mailing(
        "【みほん商店】冬のセールを先行でご案内",
        "メルマガ会員の皆さまに、一足早くご案内します。",
        ("メルマガ会員",),
        timedelta(days=5),
        (
            heading("冬のセール 先行ご案内", level=1, align="center", ground="accent"),
            words("<p>メルマガ会員の皆さまに、一足早くご案内します。</p>", align="center", ground="accent"),
            button("セール会場へ", "sale/", ground="accent"),
            SPACE,
            words("<p>{{name|会員}} 様</p><p>人気の品は数に限りがあります。お早めにどうぞ。</p>"),
        ),
    ),
    Mailing(
        "セミナー「やさしい器の選び方」へのご招待",
        "ご好評のセミナーを、春にもう一度開きます。",
        ("セミナー参加者",),
        None,
        (
            heading("やさしい器の選び方", level=1, ground="accent"),
            SPACE,
            words("<p>{{name|会員}} 様</p><p>ご好評のセミナーを、春にもう一度開きます。</p>"),
            words(
                "<p><strong>日時</strong> 3月14日(日)14:00〜15:30<br><strong>会場</strong> みほん商店 2階</p>",
                ground="soft",
            ),
            SPACE,
            words("<p>お席に限りがありますので、お早めにお申し込みください。</p>"),
            button("申し込む", "seminar/"),
        ),
    ),
)
