"""The words of the demonstration: lists, sender and mailings of a fictional shop."""

from dataclasses import dataclass
from datetime import timedelta

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


@dataclass(frozen=True, slots=True)
class Mailing:
    """A mailing and when it was sent or is to be sent, counted from the seeding; None for a draft."""

    subject: str
    text: str
    html: str
    lists: tuple[str, ...]
    after: timedelta | None


def page(heading: str, *paragraphs: str, link: str = "") -> str:
    """Return a simple HTML part: a heading, paragraphs and, where `link` is given, a button."""
    button = (
        '<p style="margin:24px 0"><a href="https://mihon-shoten.example/" style="display:inline-block;'
        "padding:12px 24px;border-radius:6px;background:#1d4ed8;color:#ffffff;text-decoration:none;"
        f'font-weight:bold">{link}</a></p>'
        if link
        else ""
    )
    body = "".join(f'<p style="margin:0 0 16px">{paragraph}</p>' for paragraph in paragraphs)
    return (
        '<!doctype html><html lang="ja"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"></head>'
        '<body style="margin:0;background:#f4f5f7">'
        '<div style="max-width:600px;margin:0 auto;padding:32px 24px;background:#ffffff;'
        'font-family:sans-serif;font-size:16px;line-height:1.8;color:#222222">'
        f'<h1 style="font-size:22px;line-height:1.5;margin:0 0 24px">{heading}</h1>{body}{button}</div></body></html>'
    )


MAILINGS = (
    Mailing(
        "【みほん商店】秋の新商品のご案内",
        "{{name|お客様}} 様\n\nいつもみほん商店をご利用いただき、ありがとうございます。\n"
        "秋の新商品が入荷しました。ぜひお店でご覧ください。\n\nhttps://mihon-shoten.example/\n",
        page(
            "秋の新商品が入荷しました",
            "{{name|お客様}} 様",
            "いつもみほん商店をご利用いただき、ありがとうございます。",
            '実りの秋にぴったりの<a href="https://mihon-shoten.example/utsuwa/">器</a>と'
            '<a href="https://mihon-shoten.example/nuno/">布もの</a>をそろえました。ぜひお店でご覧ください。',
            link="新商品を見る",
        ),
        ("メルマガ会員",),
        timedelta(days=-21),
    ),
    Mailing(
        "【みほん商店】会員様限定クーポンのお知らせ",
        "{{name|お客様}} 様\n\n日ごろの感謝を込めて、10%引きクーポンをお届けします。\n"
        "ご来店の際にこのメールをご提示ください。\n",
        page(
            "会員様限定 10%引きクーポン",
            "{{name|お客様}} 様",
            "日ごろの感謝を込めて、クーポンをお届けします。ご来店の際にこのメールをご提示ください。",
        ),
        ("メルマガ会員", "セミナー参加者"),
        timedelta(days=-14),
    ),
    Mailing(
        "【みほん商店】年末年始の営業時間",
        "{{name|お客様}} 様\n\n年末は12月30日まで、年始は1月5日から営業いたします。\n"
        "どうぞよろしくお願いいたします。\n",
        "",
        ("メルマガ会員", "セミナー参加者"),
        timedelta(days=-7),
    ),
    Mailing(
        "【みほん商店】冬のセールを先行でご案内",
        "{{name|お客様}} 様\n\n冬のセールを、メルマガ会員の皆さまに一足早くご案内します。\n"
        "https://mihon-shoten.example/sale\n",
        page(
            "冬のセール 先行ご案内",
            "{{name|お客様}} 様",
            "メルマガ会員の皆さまに一足早くご案内します。人気の品はお早めにどうぞ。",
            link="セール会場へ",
        ),
        ("メルマガ会員",),
        timedelta(days=5),
    ),
    Mailing(
        "セミナー「やさしい器の選び方」へのご招待",
        "{{name|お客様}} 様\n\n春のセミナーの日程が決まりました。下書きのまま保存してあります。\n",
        page(
            "やさしい器の選び方",
            "{{name|お客様}} 様",
            "ご好評のセミナーを、春にもう一度開きます。お席に限りがありますので、お早めにお申し込みください。",
            link="申し込む",
        ),
        ("セミナー参加者",),
        None,
    ),
)
