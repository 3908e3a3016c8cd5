"""Downloads of reports: the columns a person chose, as CSV or XLSX."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse
from import_export.resources import Resource

from lists.csv_writing import CHARSETS, stream_csv
from lists.xlsx_writing import stream_xlsx


def column_choices(resource: Resource) -> list[tuple[str, str]]:
    """Return the columns that a download may have, with their headings."""
    return [(name, str(resource.fields[name].column_name)) for name in resource.get_export_order()]


def export_rows(resource: Resource, rows: Iterable[Any], columns: Sequence[str]) -> Iterator[list[object]]:
    """Yield the heading and a line for each row. `columns` are names of fields; unknown ones are left out."""
    chosen = [name for name in resource.get_export_order() if name in columns] or list(resource.get_export_order())
    yield resource.get_export_headers(selected_fields=chosen)
    for row in rows:
        yield resource.export_resource(row, selected_fields=chosen)


def download(request: HttpRequest, resource: Resource, rows: Iterable[Any], name: str) -> StreamingHttpResponse:
    """Return rows as the query asks: `columns`, and `encoding` for CSV. `name` ends in .csv or .xlsx."""
    lines = export_rows(resource, rows, request.GET.getlist("columns"))
    return stream_xlsx(lines, name) if name.endswith(".xlsx") else stream_csv(lines, name, chosen_encoding(request))


def chosen_encoding(request: HttpRequest) -> str:
    """Return the encoding that the query asks for, UTF-8 with BOM unless it is one we write."""
    asked = request.GET.get("encoding", "")
    return asked if asked in CHARSETS else "utf-8-sig"
