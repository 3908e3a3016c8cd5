"""Pages of the second half of an import: dry run, confirmation, progress, cancel, result, rejected rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts import audit
from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from lists.csv_merge import STEPS
from lists.csv_writing import CHARSETS, stream_csv
from lists.import_checking import Forecast, forecast
from lists.import_hints import describe_hints
from lists.import_leftovers import WORKING
from lists.import_reasons import RejectReason
from lists.import_running import CannotCancel, approve_import, cancel_import, reopen_import, tells_steps
from lists.import_views import fetch_import
from lists.models import CsvImport, ImportMode, ImportState, RejectedRow

# Refused rows that are shown of each reason.
SAMPLES = 5
# Nothing was imported yet.
DRY = (ImportState.UPLOADED, ImportState.WAITING, ImportState.CHECKING, ImportState.CHECKED)


@require_safe
@member_required(Role.EDITOR)
def check(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """What the dry run found, and the question whether to import it."""
    csv_import = fetch_import(request, pk)
    if csv_import.state != ImportState.CHECKED:
        return redirect("import_detail", pk)
    found = forecast(csv_import)
    has_changed = csv_import.mailing_list.generation != csv_import.checked_generation
    context = {
        "csv_import": csv_import,
        "found": found,
        "samples": describe_samples(found),
        "hints": describe_hints(csv_import),
        **describe_refused(csv_import),
        "has_changed": has_changed,
        "is_outdated": has_changed and csv_import.mode == ImportMode.REPLACE,
        "brings_nothing": not (found.new or found.updated or found.removed),
    }
    return render(request, "lists/import_check.html", context)


def describe_samples(found: Forecast) -> list[tuple[str, int, list[tuple[int, str]]]]:
    """Return the sorts of rows that there are: what people call them, how many they are, a few of them."""
    names = {
        "new": _("リストに加わる宛先"),
        "updated": _("内容が変わる宛先"),
        "removed": _("リストから外れる宛先"),
        "kept": _("取り込めない行にあり、今のまま残る宛先"),
        "stopped": _("配信停止のままの宛先"),
        "unchanged": _("変わらない宛先"),
    }
    return [(names[sort], getattr(found, sort), found.samples[sort]) for sort in names if found.samples.get(sort)]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why rows are not imported, how many they are, the first of them."""

    reason: str
    number: int
    samples: list[RejectedRow]


def describe_refused(csv_import: CsvImport) -> dict[str, object]:
    """Return the reasons for which rows are not imported, the most frequent first, and whether all rows are shown."""
    numbers = dict(csv_import.forecast.get("rejected", {}))
    if csv_import.rows_duplicate:
        numbers[RejectReason.DUPLICATE] = csv_import.rows_duplicate
    labels = dict(RejectReason.choices)
    # Each by itself, so that no reason takes the places of another.
    refused = [
        Refused(
            str(labels.get(code) or _("そのほか")),
            number,
            list(csv_import.rejected_rows.filter(code=code).order_by("line", "pk")[:SAMPLES]),
        )
        for code, number in sorted(numbers.items(), key=lambda item: -item[1])
    ]
    shows_all = all(kind.number == len(kind.samples) for kind in refused)
    return {"refused": refused, "refused_shown": SAMPLES, "shows_all_refused": shows_all}


@require_POST
@member_required(Role.EDITOR)
def run(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Import what was checked."""
    csv_import = fetch_import(request, pk)
    shown = request.POST.get("attempt", "")
    # An attempt that is no number was never shown.
    attempt = int(shown) if shown.isdecimal() and len(shown) < 6 else -1
    if not approve_import(csv_import, actor=request.user, attempt=attempt):
        csv_import.refresh_from_db()
        if csv_import.state in (ImportState.WAITING, ImportState.CHECKING, ImportState.CHECKED):
            messages.warning(
                request, _("表示していた内容が変わったため、まだ取り込んでいません。新しい件数を確かめてください。")
            )
    return redirect("import_detail", pk)


@require_POST
@member_required(Role.EDITOR)
def reopen(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Go back from the dry run, or from a failure, to the columns."""
    csv_import = fetch_import(request, pk)
    return redirect("import_columns" if reopen_import(csv_import, now=timezone.now()) else "import_detail", pk)


@require_POST
@member_required(Role.EDITOR)
def cancel(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Cancel an import at any moment before it is over."""
    try:
        if not cancel_import(fetch_import(request, pk), actor=request.user, now=timezone.now()):
            messages.info(request, _("この取り込みはすでに終わっていたか、取り消しの途中です。"))
    except CannotCancel as error:
        messages.error(request, error.sentence)
    return redirect("import_detail", pk)


@require_safe
@member_required()
def detail(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Progress while the import waits or runs, then its result."""
    csv_import = fetch_import(request, pk)
    if request.membership.can_edit() and (page := page_for(csv_import)):
        return redirect(page, pk)
    context = describe_progress(csv_import) | {"is_over": is_over(csv_import), "modes": ImportMode}
    if is_over(csv_import):
        context |= describe_refused(csv_import)
    return render(request, "lists/import_detail.html", context)


def page_for(csv_import: CsvImport) -> str:
    """Return the page on which an editor decides something about the import, "" where there is nothing to decide."""
    return {ImportState.UPLOADED: "import_columns", ImportState.CHECKED: "import_check"}.get(
        ImportState(csv_import.state), ""
    )


def is_over(csv_import: CsvImport) -> bool:
    """Say whether the import will not change any more."""
    return csv_import.state in (ImportState.DONE, ImportState.FAILED, ImportState.CANCELLED)


def describe_progress(csv_import: CsvImport) -> dict[str, object]:
    """Return what the live part of an import's page shows."""
    is_read = bool(csv_import.rows_total) and csv_import.rows_done >= csv_import.rows_total
    is_cancelling = csv_import.cancel_asked_at is not None and csv_import.state in WORKING
    is_merging = csv_import.state == ImportState.RUNNING and is_read
    return {
        "csv_import": csv_import,
        "is_cancelling": is_cancelling,
        "can_cancel": not is_cancelling and (tells_steps() or not is_merging),
        "tells_steps": tells_steps(),
        "is_comparing": csv_import.state == ImportState.CHECKING and is_read,
        "is_reading": csv_import.state in WORKING and not is_read,
        "steps": STEPS,
    }


@require_safe
@member_required()
def progress(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The live part of the import's page; where something is to be decided or it is over, that page is loaded."""
    csv_import = fetch_import(request, pk)
    response = render(request, "lists/_import_progress.html", describe_progress(csv_import))
    page = page_for(csv_import) if request.membership.can_edit() else ""
    if page or is_over(csv_import):
        response["HX-Redirect"] = reverse(page or "import_detail", args=[pk])
    return response


@require_POST
@member_required(Role.EDITOR)
def rejected_csv(request: WorkspaceRequest, pk: int) -> StreamingHttpResponse:
    """Download the rows that were not imported, which is written down; encoding=cp932 for Shift_JIS."""
    csv_import = fetch_import(request, pk)
    encoding = request.POST.get("encoding", "")
    detail = {"file": csv_import.filename, "import": csv_import.pk}
    audit.record(csv_import.workspace, request.user, "list.import_rejected", csv_import.mailing_list.name, **detail)
    words = _("取り込めない行_%s.csv") if csv_import.state in DRY else _("取り込めなかった行_%s.csv")
    filename = words % csv_import.filename.rpartition(".")[0]
    return stream_csv(rejected_rows(csv_import), filename, encoding if encoding in CHARSETS else "utf-8-sig")


def rejected_rows(csv_import: CsvImport) -> Iterator[Sequence[object]]:
    """Yield the header and the rejected rows in the order of the file, as far as they were kept."""
    yield [_("行"), _("列"), _("値"), _("理由")]
    rows = csv_import.rejected_rows.order_by("line", "pk").values_list("line", "column", "value", "reason")
    left = csv_import.rows_rejected + csv_import.rows_duplicate
    for row in rows.iterator(chunk_size=2000):
        left -= 1
        yield row
    if left > 0:
        yield ["", "", "", _("このほかに%s行あります(残すのは最初の10万行まで、31日間です)。") % f"{left:,}"]
