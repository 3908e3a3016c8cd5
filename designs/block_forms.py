"""The form of the block that is open in the editor: one for every kind, its values read by the kind's own readers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from accounts.numbers import read_number
from designs.blocks import FIELDS, RATIOS, Block, BlockKind, SnsService, read_links
from designs.exceptions import DesignRefused
from designs.models import Picture

# What its inputs are called: b-text, b-href …
PREFIX: Final = "b"
# Pictures that a select offers, the newest first.
MOST_PICTURES: Final = 200
ALIGN: Final = [("left", _("左")), ("center", _("中央"))]
GROUND: Final = [("none", _("なし")), ("soft", _("薄い色")), ("accent", _("アクセントの色"))]
TAGGED: Final = {"data-tags": ""}
MakeField = Callable[[], forms.Field]


def line(label: Any, *, hint: Any = "", placeholder: str = "") -> MakeField:
    """Return the maker of a field of one line into which merge tags may be put."""
    attrs = TAGGED | ({"placeholder": placeholder} if placeholder else {})
    return lambda: forms.CharField(
        label=label, required=False, strip=False, help_text=hint, widget=forms.TextInput(attrs=attrs)
    )


def area(label: Any, *, rows: int, hint: Any = "", **attrs: str) -> MakeField:
    """Return the maker of a field of several lines."""
    widget_attrs = {**TAGGED, "rows": rows, **attrs}
    return lambda: forms.CharField(
        label=label, required=False, strip=False, help_text=hint, widget=forms.Textarea(attrs=widget_attrs)
    )


def choice(label: Any, choices: Iterable[tuple[str, Any]]) -> MakeField:
    """Return the maker of a select. What was not posted stays as it is: a page may be older than the field."""
    offered = list(choices)
    return lambda: forms.TypedChoiceField(label=label, choices=offered, required=False, empty_value=None)


def number(label: Any, *, least: int, most: int, step: int) -> MakeField:
    """Return the maker of a field for a whole number."""
    widget = {"min": least, "max": most, "step": step}
    return lambda: forms.IntegerField(label=label, required=False, widget=forms.NumberInput(attrs=widget))


def link(label: Any, hint: Any = "") -> MakeField:
    """Return the maker of a field for where something leads."""
    return line(label, hint=hint, placeholder="https://")


def stored_picture() -> forms.Field:
    """Return a select of the workspace's pictures, which the form fills."""
    return forms.ChoiceField(label=_("登録した画像"), required=False)


_SOURCE: Final = link(_("画像のURL"), _("登録した画像を選ぶと、そちらを使います。"))
_ALT: Final = line(_("代替テキスト"), hint=_("画像が表示されないときに読まれる言葉です。"))
_TARGET: Final = link(_("リンク先"))
_GROUND: Final = choice(_("背景"), GROUND)
# In their order on the page.
FORMS: Final[dict[BlockKind, dict[str, MakeField]]] = {
    BlockKind.HEADING: {
        "text": line(_("見出しの文字")),
        "level": choice(_("大きさ"), [("1", _("大")), ("2", _("中")), ("3", _("小"))]),
        "align": choice(_("位置"), ALIGN),
        "ground": _GROUND,
    },
    BlockKind.TEXT: {
        "html": area(
            _("本文"),
            rows=8,
            hint=_("空行で段落が分かれます。スクリプトを使わない画面では、太字やリンクはHTMLで書きます。"),
            **{"data-rich": ""},
        ),
        "align": choice(_("位置"), ALIGN),
        "ground": _GROUND,
    },
    BlockKind.PICTURE: {
        "picture": stored_picture,
        "src": _SOURCE,
        "alt": _ALT,
        "href": link(_("リンク先"), _("空欄のときはリンクになりません。")),
        "width": number(_("幅(%)"), least=20, most=100, step=5),
        "align": choice(_("位置"), [*ALIGN, ("right", _("右"))]),
    },
    BlockKind.BUTTON: {
        "label": line(_("ボタンの文字")),
        "href": _TARGET,
        "tone": choice(_("色"), [("accent", _("アクセントの色")), ("plain", _("枠だけ"))]),
        "align": choice(_("位置"), ALIGN),
        "ground": _GROUND,
    },
    BlockKind.DIVIDER: {
        "space": number(_("高さ(px)"), least=8, most=64, step=4),
        "line": lambda: forms.BooleanField(label=_("線を引く"), required=False),
    },
    BlockKind.COLUMNS: {
        "ratio": choice(_("左と右の幅"), [(ratio, ratio.replace("-", " : ")) for ratio in RATIOS]),
        "ground": _GROUND,
    },
    BlockKind.PRODUCT: {
        "picture": stored_picture,
        "src": _SOURCE,
        "alt": _ALT,
        "name": line(_("商品名")),
        "price": line(_("価格"), placeholder="1,980円(税込)"),
        "text": area(_("説明"), rows=3),
        "label": line(_("ボタンの文字")),
        "href": _TARGET,
    },
    BlockKind.SNS: {service.value: link(service.label) for service in SnsService},
    BlockKind.FOOTER: {
        "text": area(
            _("フッターの文"),
            rows=6,
            hint=_("「名前: URL」と書いた行はリンクになります。法律で必要な項目がなければ、末尾に自動で付きます。"),
        )
    },
    BlockKind.HTML: {
        "html": area(
            _("HTML"),
            rows=10,
            hint=_("スクリプト・フォーム・フレームは取り除かれます。"),
            spellcheck="false",
            **{"class": "mono"},
        )
    },
}


class BlockForm(forms.Form):
    """Reads one block; what cannot be used keeps the value that it had, and says why."""

    def __init__(
        self,
        block: Block,
        data: QueryDict | None = None,
        *,
        pictures: QuerySet[Picture] | None = None,
        is_in_column: bool = False,
    ) -> None:
        super().__init__(data, prefix=PREFIX, initial=shown(block))
        self.original = block
        for name, make in FORMS[block.kind].items():
            # The columns have one ground.
            if name != "ground" or not is_in_column:
                self.fields[name] = make()
        self.pictures = Picture.objects.none() if pictures is None else pictures
        # The one that is chosen; None also where it is gone.
        self.chosen_picture: Picture | None = None
        if isinstance(field := self.fields.get("picture"), forms.ChoiceField):
            # The block is shown anew, with the picture and its words.
            field.widget.attrs["data-act"] = f"open:{block.id}"
            newest = list(self.pictures[:MOST_PICTURES])
            chosen = read_number(str(self["picture"].value() or ""))
            self.chosen_picture = next((found for found in newest if found.pk == chosen), None) or self.find_picture(
                chosen
            )
            offered = (
                [*newest, self.chosen_picture] if self.chosen_picture and self.chosen_picture not in newest else newest
            )
            field.choices = picture_choices(offered, block.data["picture"])

    def find_picture(self, number: int | None) -> Picture | None:
        """Return a picture of the workspace, however old."""
        return self.pictures.filter(pk=number).first() if number is not None else None

    def block(self) -> Block:
        """Return the block as the form has it."""
        data = dict(self.original.data)
        if not self.is_bound:
            return self.original
        self.is_valid()
        given = {
            name: self.cleaned_data[name]
            for name, field in self.fields.items()
            if name in self.cleaned_data
            and not (isinstance(field, forms.TypedChoiceField) and self.cleaned_data[name] is None)
        }
        if self.original.kind == BlockKind.SNS:
            return replace(self.original, data=data | self.read_services(given))
        for name, value in given.items():
            read, default = FIELDS[self.original.kind][name]
            try:
                data[name] = read(as_json(name, value, default))
            except DesignRefused as error:
                self.add_error(name, error.sentence)
        if (
            self.chosen_picture is not None
            and data["picture"] == self.chosen_picture.pk != self.original.data["picture"]
        ):
            data["alt"] = self.alt_of(self.chosen_picture, data["alt"])
        return replace(self.original, data=data)

    def alt_of(self, picture: Picture, typed: str) -> str:
        """Return the words for a picture that was just chosen: its own, unless somebody typed others."""
        before = self.find_picture(self.original.data["picture"])
        if typed and (before is None or typed != before.alt):
            return typed
        try:
            return str(FIELDS[self.original.kind]["alt"][0](picture.alt))
        except DesignRefused:
            # A tag that no mail may hold.
            return ""

    def read_services(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Return the links to services that can be used."""
        links: list[dict[str, str]] = []
        for service, href in given.items():
            try:
                links += read_links([{"service": service, "href": href}])
            except DesignRefused as error:
                self.add_error(service, error.sentence)
        return {"links": links}


def form_for(
    block: Block,
    data: QueryDict | None = None,
    *,
    pictures: QuerySet[Picture] | None = None,
    is_in_column: bool = False,
) -> BlockForm:
    """Return the form of a block; `data` is what was posted of it, `pictures` are those of its workspace."""
    return BlockForm(block, data, pictures=pictures, is_in_column=is_in_column)


def shown(block: Block) -> dict[str, Any]:
    """Return what the inputs of a block begin with."""
    if block.kind == BlockKind.SNS:
        return {link["service"]: link["href"] for link in reversed(block.data["links"])}
    data = dict(block.data)
    if block.kind == BlockKind.TEXT:
        # On lines of its own each paragraph can be read without an editor.
        data["html"] = re.sub(r"(</(?:p|ul|ol|li|h3|blockquote)>)(?!\n|\Z)", r"\1\n", data["html"])
    return data


def picture_choices(pictures: Iterable[Picture], chosen: int | None) -> list[tuple[str, Any]]:
    """Return what can be chosen, and what was although it is gone."""
    offered: list[tuple[str, Any]] = [(str(picture.pk), picture.name) for picture in pictures]
    if chosen is not None and str(chosen) not in dict(offered):
        offered.append((str(chosen), _("削除された画像")))
    return [("", _("選ばない(URLを使う)")), *offered]


def as_json(name: str, value: Any, default: Any) -> Any:
    """Return what was typed as the readers of designs.blocks take it."""
    if name == "picture":
        return int(value) if value else None
    if name == "html":
        return paragraphs(value)
    if name == "level":
        return int(value)
    return default if value is None else value


def paragraphs(typed: str) -> str:
    """Return text that was typed without any element as paragraphs, HTML as it is."""
    if "<" in typed:
        return typed
    parts = re.split(r"\n\s*\n", typed.replace("\r\n", "\n").replace("\r", "\n").strip())
    return "".join("<p>" + part.strip().replace("\n", "<br>") + "</p>" for part in parts if part.strip())
