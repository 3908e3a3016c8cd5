"""Pages of 画像: what a workspace has uploaded, new ones, and the pictures themselves, which recipients load."""

from __future__ import annotations

import re
from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import member_required
from accounts.audit import record
from accounts.models import Role
from accounts.numbers import read_number
from accounts.requests import WorkspaceRequest
from designs.middleware import PublicFile
from designs.models import Picture, picture_storage
from designs.picture_encoding import MAX_BYTES, PictureRefused, PictureUnavailable
from designs.picture_forms import MAX_FILES, PictureForm, PicturesForm
from designs.pictures import TYPES, store_picture
from lists.uploads import OVERHEAD, drain, refuse_many_files, refuse_uploads_above

PAGE_SIZE: Final = 24
LONGEST_QUERY: Final = 100
NAME: Final = re.compile(r"[0-9a-f]{64}\.(jpg|png|gif)")
# A year; the content of a name never changes.
CACHED: Final = "public, max-age=31536000, immutable"
# Should a browser ever take one for a page, nothing in it runs.
POLICY: Final = "default-src 'none'; sandbox"
TOO_LARGE: Final = gettext_lazy("画像が大きすぎます。1枚10 MBまでにしてください。")
TOO_MUCH: Final = gettext_lazy("画像が大きすぎます。1枚10 MBまで、一度に10枚までにしてください。")


# The size has to be known before the form's token is read out of the body.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
@refuse_uploads_above(MAX_FILES * MAX_BYTES, TOO_MUCH)
@refuse_many_files
@csrf_protect
def picture_index(request: WorkspaceRequest) -> HttpResponseBase:
    """Show the pictures, newest first; take new ones."""
    form = PicturesForm(request.POST, request.FILES) if request.method == "POST" else PicturesForm()
    if form.is_valid() and (found := store_all(request, form)):
        return redirect(reverse("picture_describe") + "?" + "&".join(f"picture={pk}" for pk in found))
    pictures = Picture.objects.filter(workspace=request.workspace).order_by("-pk")
    page = Paginator(pictures, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "designs/picture_index.html", {"form": form, "page": page, "most": MAX_FILES})


def store_all(request: WorkspaceRequest, form: PicturesForm) -> list[int]:
    """Store the uploaded files; return the numbers of the pictures. What is refused is told in the form, by its name."""
    found = []
    for file in form.cleaned_data["pictures"]:
        try:
            picture, is_new = store_picture(
                request.workspace, file, name=file.name or "", actor=request.user, now=timezone.now()
            )
        except PictureUnavailable as error:
            # The others would wait as long, for the same answer.
            form.add_error("pictures", f"{file.name}: {error.sentence}")
            break
        except PictureRefused as error:
            form.add_error("pictures", f"{file.name}: {error.sentence}")
            continue
        found.append(picture.pk)
        if is_new:
            record(request.workspace, request.user, "picture.upload", picture.name)
    if found and form.errors:
        # The others are stored: the next page shows them, so the refusals go with it.
        for sentence in form.errors["pictures"]:
            messages.error(request, str(sentence))
    return found


# As above: the size comes before the token.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def picture_choices(request: WorkspaceRequest) -> HttpResponseBase:
    """Answer the editor in JSON: the newest pictures, those whose words hold `q`, or one that was uploaded."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if request.method == "POST" and length.isdecimal() and int(length) > MAX_BYTES + OVERHEAD:
        drain(request)
        return JsonResponse({"refused": str(TOO_LARGE)}, status=413)
    return add_choice(request) if request.method == "POST" else list_choices(request)


@csrf_protect
def add_choice(request: WorkspaceRequest) -> HttpResponseBase:
    """Store a picture for the block that is being written."""
    form = PicturesForm(request.POST, request.FILES)
    if not form.is_valid() or not (found := store_all(request, form)):
        return JsonResponse({"refused": str(form.errors["pictures"][0])}, status=422)
    return JsonResponse(choice_of(Picture.objects.get(workspace=request.workspace, pk=found[0])), status=201)


def list_choices(request: WorkspaceRequest) -> HttpResponseBase:
    """Return as many as the editor shows at once, and whether there are more."""
    query = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_QUERY]
    pictures = Picture.objects.filter(workspace=request.workspace).order_by("-pk")
    if query:
        pictures = pictures.filter(Q(name__icontains=query) | Q(alt__icontains=query))
    found = list(pictures[: PAGE_SIZE + 1])
    shown = [choice_of(picture) for picture in found[:PAGE_SIZE]]
    return JsonResponse({"pictures": shown, "has_more": len(found) > PAGE_SIZE})


def choice_of(picture: Picture) -> dict[str, Any]:
    """Return what the editor shows of a picture."""
    return {"id": picture.pk, "name": picture.name, "alt": picture.alt, "src": picture.src}


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def picture_describe(request: WorkspaceRequest) -> HttpResponse:
    """Ask what the pictures that were just uploaded show."""
    source = request.POST if request.method == "POST" else request.GET
    numbers = map(read_number, source.getlist("picture")[:MAX_FILES])
    chosen = [number for number in numbers if number is not None]
    pictures = Picture.objects.filter(workspace=request.workspace, pk__in=chosen).order_by("pk")
    data = request.POST if request.method == "POST" else None
    forms = [PictureForm(data, instance=picture, prefix=f"p{picture.pk}") for picture in pictures]
    if not forms:
        return redirect("picture_index")
    # Each is asked, so that each has its errors.
    are_valid = [form.is_valid() for form in forms]
    if request.method == "POST" and all(are_valid):
        for form in forms:
            form.save()
        if not request.accepts("text/html"):
            # The editor, which goes on from where it is.
            return HttpResponse(status=204)
        messages.success(request, _("画像を保存しました。ブロックの編集で選べます。"))
        return redirect("picture_index")
    return render(request, "designs/picture_describe.html", {"forms": forms})


@require_safe
def picture_file(request: HttpRequest, name: str) -> HttpResponseBase:
    """Give a picture to whoever knows its address: it stands in the mails. Asks no database.

    Also where they are in a bucket: mails that were sent before have this address.
    """
    if not NAME.fullmatch(name):
        raise Http404
    try:
        file = picture_storage().open(name)
    except FileNotFoundError:
        raise Http404 from None
    except PictureUnavailable:
        return HttpResponse(status=503, headers={"Retry-After": "60", "Cache-Control": "no-store"})
    return PublicFile(
        file,
        content_type=TYPES[name.rpartition(".")[2]],
        headers={
            "Cache-Control": CACHED,
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            # Mail on the web shows it within pages of its own.
            "Cross-Origin-Resource-Policy": "cross-origin",
        },
    )
