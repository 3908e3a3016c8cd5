"""テンプレート: starters that can be sent as they are written, drafts from them, templates that are kept, files that are read."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, Workspace
from campaigns.models import Campaign
from designs.blocks import BlockKind, read_design
from designs.brands import Look
from designs.gaps import find_gaps
from designs.models import Brand, Template
from designs.rendering import render_design
from designs.templates import Starter, starters
from tests.designs.page_checking import fault_of
from tests.factories import make_sender

STARTERS = pytest.mark.parametrize("starter", starters(), ids=lambda starter: starter.key)


@STARTERS
def test_starter_is_a_whole_mail(starter: Starter) -> None:
    design = starter.design_for(Look())
    rendered = render_design(design, Look(), title=starter.subject, preheader=starter.preheader)
    assert find_gaps(design, ()) == []
    assert fault_of(rendered.html) == ""
    assert rendered.html.count("<h1") == 1
    # The law's four lines, in both parts.
    for tag in ("legal_name", "postal_address", "contact", "unsubscribe_url"):
        assert f"{{{{{tag}}}}}" in rendered.html
        assert f"{{{{{tag}}}}}" in rendered.text
    assert starter.name
    assert starter.about
    assert 0 < len(starter.subject) <= 40
    assert 0 < len(starter.preheader) <= 60
    # Nothing is loaded from elsewhere, and a forgotten link leads to nobody.
    assert "<img" not in rendered.html
    links = set(re.findall(r'href="([^"{]+)"', rendered.html))
    assert all(link.startswith("https://www.example.co.jp/") for link in links)


def test_starter_takes_the_footer_and_the_services_of_the_brand() -> None:
    look = Look(footer="例の店\n配信停止: {{unsubscribe_url}}", sns=({"service": "x", "href": "https://x.com/rei"},))
    *_others, sns, footer = starters()[0].design_for(look).blocks
    assert (sns.kind, sns.data["links"][0]["href"]) == (BlockKind.SNS, "https://x.com/rei")
    assert footer.data["text"] == look.footer


@pytest.mark.django_db
def test_a_draft_has_the_only_sender_from_the_beginning(editor: Client, workspace: Workspace) -> None:
    sender = make_sender(workspace)
    make_sender(workspace, archived_at=timezone.now())
    make_sender()
    editor.post(reverse("starter_use", args=["event"]))
    assert Campaign.objects.get(workspace=workspace).sender == sender
    make_sender(workspace)
    editor.post(reverse("starter_use", args=["event"]))
    assert Campaign.objects.filter(workspace=workspace).latest("pk").sender is None


@pytest.mark.django_db
def test_draft_is_made_of_a_starter_and_kept_as_a_template(editor: Client, workspace: Workspace) -> None:
    Brand.objects.create(workspace=workspace, accent="#0b6e4f")
    answer = editor.post(reverse("starter_use", args=["event"]))
    campaign = Campaign.objects.get(workspace=workspace)
    assert answer.headers["Location"] == reverse("campaign_edit", args=[campaign.pk])
    assert campaign.subject.startswith("【ご招待】")
    assert "#0b6e4f" in campaign.html
    assert "○○セミナーへのご招待" in campaign.text
    asked = reverse("campaign_save_template", args=[campaign.pk])
    assert campaign.subject in editor.get(asked).content.decode()
    editor.post(asked, {"name": "毎月のセミナー"})
    template = Template.objects.get(workspace=workspace)
    assert (template.name, template.kind, template.subject) == ("毎月のセミナー", "blocks", campaign.subject)
    # The same name is nobody else's; the page says so.
    assert "この名前のテンプレートはすでにあります" in editor.post(asked, {"name": "毎月のセミナー"}).content.decode()
    editor.post(reverse("template_use", args=[template.pk]))
    again = Campaign.objects.exclude(pk=campaign.pk).get(workspace=workspace)
    assert (again.html, again.text) == (campaign.html, campaign.text)
    assert read_design(again.draft.blocks) == read_design(campaign.draft.blocks)


@pytest.mark.django_db
def test_gallery_and_the_frames_in_it(viewer: Client, workspace: Workspace) -> None:
    page = viewer.get(reverse("design_index")).content.decode()
    assert page.count("<iframe") == page.count(" sandbox ") == len(starters())
    # A viewer makes nothing.
    assert "このテンプレートで作る" not in page
    frame = viewer.get(reverse("starter_frame", args=["notice"]))
    assert frame["Content-Security-Policy"].endswith("; sandbox")
    assert "script" not in frame["Content-Security-Policy"]
    # Examples and fallbacks stand in the place of tags.
    assert "{{" not in frame.content.decode()
    assert "例の株式会社" in frame.content.decode()
    assert viewer.get(reverse("starter_detail", args=["nothing"])).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "data", "found"),
    [
        (
            "mail.HTML",
            "<html><head><style>p{color:red}</style></head><p>春の便り</p></html>".encode("cp932"),
            "春の便り",
        ),
        (
            "mail.mjml",
            "<mjml><mj-body><mj-section><mj-column><mj-text>夏</mj-text></mj-column></mj-section></mj-body></mjml>".encode(),
            "夏</div>",
        ),
    ],
)
def test_file_becomes_a_template(editor: Client, workspace: Workspace, name: str, data: bytes, found: str) -> None:
    editor.post(reverse("design_import"), {"name": "制作会社", "file": SimpleUploadedFile(name, data)})
    template = Template.objects.get(workspace=workspace)
    assert template.kind == "html"
    assert found in template.source
    assert found in editor.get(reverse("template_frame", args=[template.pk])).content.decode()
    editor.post(reverse("template_use", args=[template.pk]))
    assert found in Campaign.objects.get(workspace=workspace).html


@pytest.mark.django_db
def test_file_that_is_no_mail_is_refused_with_a_sentence(editor: Client, workspace: Workspace) -> None:
    def refused(name: str, data: bytes) -> str:
        file = SimpleUploadedFile(name, data)
        return editor.post(reverse("design_import"), {"name": "型", "file": file}).content.decode()

    assert "拡張子が .html" in refused("mail.docx", b"PK")
    assert "mj-include" in refused("a.mjml", b'<mjml><mj-body><mj-include path="/etc/passwd" /></mj-body></mjml>')
    assert "HTMLのファイルではありません" in refused("a.html", b"hello")
    assert not Template.objects.exists()


@pytest.mark.django_db
def test_template_is_renamed_and_deleted(editor: Client, workspace: Workspace) -> None:
    now = timezone.now()
    first, second = (
        Template.objects.create(workspace=workspace, name=name, kind="text", text="<b>本文</b>", created_at=now)
        for name in ("春", "夏")
    )
    rename = reverse("template_rename", args=[first.pk])
    assert "この名前のテンプレートはすでにあります" in editor.post(rename, {"name": "夏"}).content.decode()
    editor.post(rename, {"name": "秋"})
    # A text is shown as it is written, whatever is in it.
    assert "&lt;b&gt;本文" in editor.get(reverse("template_frame", args=[first.pk])).content.decode()
    editor.post(reverse("template_delete", args=[second.pk]))
    assert list(Template.objects.values_list("name", flat=True)) == ["秋"]
    assert list(AuditEntry.objects.order_by("pk").values_list("action", "target")) == [
        ("template.update", "秋"),
        ("template.delete", "夏"),
    ]
