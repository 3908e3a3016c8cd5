"""Pages of A/Bテスト: what is tested, and a person's choice of the winner."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import member_required
from accounts.audit import record
from accounts.models import Role
from accounts.numbers import read_number
from accounts.requests import WorkspaceRequest
from campaigns import content_checks, split_tests
from campaigns.draft_parts import content_of
from campaigns.drafts import Stale, save
from campaigns.models import LETTERS, Campaign, SplitTest, Variant
from campaigns.split_forms import KEPT, NUMBERS, SplitForm, VariantForm, refuse_alike, sources_of
from campaigns.variants import split_test_of, variants_of
from campaigns.views import change_state, find_campaign, is_as_shown


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def split_edit(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Set what a draft's A/Bテスト sends, to whom, and how it is decided."""
    campaign = find_campaign(request.workspace, pk)
    if not campaign.is_editable():
        messages.error(request, _("下書きではないため、A/Bテストを変更できません。"))
        return redirect("campaign_detail", pk=pk)
    data = request.POST if request.method == "POST" else None
    form = SplitForm(data, campaign=campaign, instance=split_test_of(campaign), use_required_attribute=False)
    own = {variant.number: variant for variant in variants_of(campaign)}
    forms = [VariantForm(data, campaign=campaign, number=number, variant=own.get(number)) for number in NUMBERS]
    is_fit = data is not None and form.is_valid() and all(row.is_valid() for row in forms)
    if is_fit and not refuse_alike(campaign, forms):
        if not any(row.cleaned_data["subject"] for row in forms):
            form.add_error(None, _("比べる案がありません。B案の件名を入力してください。"))
        elif is_as_shown(request, campaign) and save_test(request, campaign, form, forms):
            content_checks.ask_quietly(campaign, now=timezone.now())
            messages.success(request, _("A/Bテストを保存しました。"))
            return redirect("campaign_preview", pk=pk)
        else:
            campaign.refresh_from_db(fields=["revision"])
            form.add_error(
                None, _("別の画面で先に保存されました。もう一度「保存する」を押すと、この画面の内容で上書きします。")
            )
    context = {"campaign": campaign, "form": form, "forms": forms, "has_test": form.instance.pk is not None}
    return render(request, "campaigns/split_form.html", context)


def save_test(request: WorkspaceRequest, campaign: Campaign, form: SplitForm, forms: list[VariantForm]) -> bool:
    """Store the test and its variants as a save of the draft; False where somebody else was quicker."""
    now = timezone.now()

    def store(draft: Campaign) -> None:
        test = SplitTest.objects.update_or_create(campaign=draft, defaults=form.cleaned_data)[0]
        Variant.objects.filter(campaign=draft).exclude(
            number__in=[row.number for row in forms if row.cleaned_data["subject"]]
        ).delete()
        for row in forms:
            if row.cleaned_data["subject"]:
                values = body_values(draft, row)
                Variant.objects.update_or_create(campaign=draft, number=row.number, defaults=values)
        told = {"share": test.share, "rule": test.get_rule_display(), "hours": test.hours}
        record(draft.workspace, request.user, "campaign.split_save", str(draft.pk), **told)

    def body_values(draft: Campaign, row: VariantForm) -> dict[str, Any]:
        values: dict[str, Any] = {name: row.cleaned_data[name] for name in ("subject", "preheader")}
        if row.cleaned_data["body"] == KEPT:
            return values
        source = row.source()
        if source is None:
            return values | {"body": {}, "source": None, "taken_at": None}
        taken = get_object_or_404(sources_of(draft), pk=source)
        return values | {"body": content_of(taken).as_json(), "source": taken, "taken_at": now}

    return save_draft(request, campaign, store)


def save_draft(request: WorkspaceRequest, campaign: Campaign, store: Any) -> bool:
    """Save a draft with the content it has and what `store` stores; False where somebody else was quicker."""
    content = content_of(campaign)
    saved = save(
        campaign, content, revision=campaign.revision, actor=request.user, now=timezone.now(), store_rest=store
    )
    return not isinstance(saved, Stale)


@require_POST
@member_required(Role.EDITOR)
def split_remove(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Send a draft without A/Bテスト."""
    campaign = find_campaign(request.workspace, pk)

    def remove(draft: Campaign) -> None:
        Variant.objects.filter(campaign=draft).delete()
        if SplitTest.objects.filter(campaign=draft).delete()[0]:
            record(draft.workspace, request.user, "campaign.split_remove", str(draft.pk))

    with transaction.atomic():
        done = campaign.is_editable() and save_draft(request, campaign, remove)
    if done:
        messages.success(request, _("A/Bテストをやめました。A案だけを全員に送ります。"))
    else:
        messages.error(request, _("下書きではないか、別の画面で先に保存されました。最新の状態を確かめてください。"))
    return redirect("campaign_preview", pk=pk)


@require_POST
@member_required(Role.EDITOR)
def split_decide(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Send one of the variants to those who wait."""
    chosen = read_number(request.POST.get("variant"))
    number = chosen if chosen is not None and chosen < len(LETTERS) else -1
    return change_state(
        request,
        pk,
        lambda campaign: split_tests.decide_by_hand(campaign, number, actor=request.user, now=timezone.now()),
        _("%s案を残りの宛先に送ります。") % (LETTERS[number] if number >= 0 else ""),
    )
