"""What the dry run says of addresses that can be sent to and are remarkable all the same."""

from dataclasses import dataclass

from django.db.models import Count
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _

from lists.address_hints import Hint
from lists.models import KEEPS_PLACE, CsvImport, StagedRow

# Rows that are shown of each hint.
SAMPLES = 5
# As they are kept in CsvImport.forecast.
KEY = "hints"


@dataclass(frozen=True, slots=True)
class HintedRows:
    """How many rows of a file have a hint, in words, with a few of them (line, address)."""

    label: str
    advice: str
    number: int
    samples: list[tuple[int, str]]


def find_hints(csv_import: CsvImport) -> dict[str, dict[str, object]]:
    """Return for each hint that staged rows have how many have it and a few of them, to be kept with the forecast."""
    # The 0 stands in the statement itself, else SQLite does not see that the index of the flagged rows will do.
    flagged = StagedRow.objects.filter(csv_import=csv_import, flags__gt=RawSQL("0", ()), flags__lt=KEEPS_PLACE)
    numbers = dict(flagged.values_list("flags").annotate(number=Count("pk")))
    found: dict[str, dict[str, object]] = {}
    for hint in Hint:
        combinations = [flags for flags in numbers if flags & hint]
        if combinations:
            rows = flagged.filter(flags__in=combinations).order_by("line").values_list("line", "address")
            number = sum(numbers[flags] for flags in combinations)
            found[str(int(hint))] = {"number": number, "samples": [list(row) for row in rows[:SAMPLES]]}
    return found


def describe_hints(csv_import: CsvImport) -> list[HintedRows]:
    """Return in words what `find_hints` found at the dry run of an import."""
    words = {
        Hint.CARRIER_DOTS: (
            _("古い携帯電話のアドレス"),
            _("@の前に連続する点や、末尾の点があります。携帯電話会社の古いアドレスとして、そのまま送れます。"),
        ),
        Hint.ROLE: (
            _("役割のアドレス"),
            _("info@やadmin@のように、複数の人が受け取るアドレスです。同意した人が受け取るか確かめてください。"),
        ),
        Hint.DISPOSABLE: (
            _("使い捨てのアドレス"),
            _(
                "短い時間だけ使えるメールアドレスのサービスです。届かなくなることが多く、取り込まないことをおすすめします。"
            ),
        ),
    }
    kept = csv_import.forecast.get(KEY, {})
    return [
        HintedRows(
            *words[hint], number=found["number"], samples=[(line, address) for line, address in found["samples"]]
        )
        for hint in words
        if (found := kept.get(str(int(hint))))
    ]
