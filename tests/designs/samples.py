"""Designs that the tests of this app begin from."""

from typing import Any

from designs.blocks import Design, read_design

SHOWN = {"v": 1, "all": [{"field": "attribute:ランク", "op": "is", "value": "金"}]}


def one(kind: str, **data: Any) -> dict[str, Any]:
    """Return the JSON of a block."""
    return {"id": "abcd", "kind": kind, "data": data}


def full_design() -> Design:
    """Return a design with every kind of block, as a mail has them."""
    text = (
        "<p>{{name|お客様}} 様</p><p>いつもご利用ありがとうございます。<strong>初夏の新作</strong>が届きました。"
        '<a href="https://shop.example/new?a=1&amp;b=2">一覧を見る</a></p>'
        "<ul><li><p>送料無料</p></li><li><p>即日発送</p></li></ul><blockquote><p>お客様の声</p></blockquote>"
    )
    blocks = [
        one("heading", text="初夏の新作が届きました", level=1, align="center", ground="accent"),
        one("picture", picture=5, alt="木の机に並んだ3つの茶碗", href="https://shop.example/", width=100),
        one("text", html=text, ground="accent"),
        one("button", label="新作を見る", href="https://shop.example/new?a=1&b=2", ground="accent"),
        one("divider", space=40),
        one("heading", text="今月のおすすめ"),
        one(
            "columns",
            left=[
                {**one("picture", picture=6, alt="青い皿"), "id": "left1"},
                {**one("heading", text="青の器", level=3), "id": "left2"},
            ],
            right=[
                {**one("text", html="<p>涼しげな青の器です。</p>"), "id": "right1"},
                {
                    **one("button", label="詳しく", href="https://shop.example/b", tone="plain", align="left"),
                    "id": "right2",
                },
            ],
            ground="soft",
        ),
        one(
            "product",
            picture=7,
            alt="白い茶碗",
            name="白磁の茶碗",
            price="3,300円(税込)",
            text="毎日使える\n軽い茶碗です。",
            label="カートに入れる",
            href="https://shop.example/p/1",
        )
        | {"show": SHOWN},
        one("html", html='<table><tr><td style="color:#333333">店舗</td><td>10時〜19時</td></tr></table>'),
        one(
            "sns", links=[{"service": "x", "href": "https://x.com/a"}, {"service": "line", "href": "https://line.me/a"}]
        ),
        one(
            "footer",
            text="{{legal_name}}\n{{postal_address}}\nお問い合わせ: {{contact}}\n配信停止: {{unsubscribe_url}}",
        ),
    ]
    return read_design({"blocks": [block | {"id": f"block{number}"} for number, block in enumerate(blocks)]})
