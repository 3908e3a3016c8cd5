"""Pages on which a subscriber is added and changed by hand."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from lists.editing import (
    AddressErased,
    AddressTaken,
    ListGone,
    SubscriberChanged,
    add_subscriber,
    edit_subscriber,
)
from lists.exclusions import find_excluded
from lists.models import Subscriber
from lists.subscriber_forms import SubscriberForm


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def create(request: WorkspaceRequest) -> HttpResponse:
    """Add a subscriber to lists; ?list= is the one that it is asked for on."""
    data = request.POST if request.method == "POST" else None
    form = SubscriberForm(data, workspace=request.workspace, initial={"lists": request.GET.getlist("list")})
    if form.is_valid():
        added = try_saving(form, lambda: add(request, form))
        if added is not None:
            messages.success(request, _("%sを追加しました。") % added.address)
            warn_of_exclusion(request, added)
            return redirect("subscriber_detail", added.pk)
    return render(request, "lists/subscriber_form.html", {"form": form})


def add(request: WorkspaceRequest, form: SubscriberForm) -> Subscriber:
    """Add the subscriber of a valid form."""
    return add_subscriber(
        request.workspace,
        form.person(),
        mailing_lists=form.chosen_lists(),
        evidence=form.cleaned_data["evidence"],
        actor=request.user,
        now=timezone.now(),
        may_return=form.may_return(),
    )


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def edit(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Change a subscriber's address, name, values and lists."""
    subscriber = get_object_or_404(Subscriber, workspace=request.workspace, pk=pk)
    data = request.POST if request.method == "POST" else None
    form = SubscriberForm(data, workspace=request.workspace, subscriber=subscriber)
    if form.is_valid() and try_saving(form, lambda: change(request, form, subscriber)) is not None:
        messages.success(request, _("購読者の内容を保存しました。"))
        warn_of_exclusion(request, subscriber)
        return redirect("subscriber_detail", pk)
    # The page's heading shows the stored address.
    return render(request, "lists/subscriber_form.html", {"form": form, "subscriber": subscriber})


def change(request: WorkspaceRequest, form: SubscriberForm, subscriber: Subscriber) -> Subscriber:
    """Change the subscriber to what a valid form says."""
    edit_subscriber(
        subscriber,
        form.person(),
        mailing_lists=form.chosen_lists(),
        evidence=form.cleaned_data["evidence"],
        actor=request.user,
        now=timezone.now(),
        may_return=form.may_return(),
        seen=form.cleaned_data["seen"],
    )
    return subscriber


def try_saving(form: SubscriberForm, save: Callable[[], Subscriber]) -> Subscriber | None:
    """Return what `save` returns; where it cannot be saved, None, and the form says why."""
    try:
        return save()
    except AddressTaken as error:
        form.add_error("address", error.sentence)
        form.taken = error.subject if isinstance(error.subject, Subscriber) else None
    except AddressErased as error:
        form.add_error("address", error.sentence)
        form.ask_for_return()
    except ListGone as error:
        form.add_error("lists", error.sentence)
    except SubscriberChanged as error:
        form.add_error(None, error.sentence)
    return None


def warn_of_exclusion(request: WorkspaceRequest, subscriber: Subscriber) -> None:
    """Tell where nothing will be sent to the address all the same."""
    now = timezone.now()
    if find_excluded(subscriber.workspace_id, [subscriber.address_key], now=now):
        messages.warning(request, _("このアドレスは除外リストに登録されています。登録されている間は配信されません。"))
