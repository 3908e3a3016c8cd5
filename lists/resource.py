"""Subscribers as a django-import-export resource: the one definition of columns, for the admin and other programs.

For a few rows at a time. Files go through lists.csv_staging and lists.csv_merge, downloads through lists.exporting, which
clean and write the same values many times faster.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from import_export.fields import Field
from import_export.resources import ModelResource
from import_export.widgets import Widget

from accounts.models import Workspace
from lists.address import clean_address
from lists.columns import ADDRESS, NAME, Column, clean_value, columns_of
from lists.erasing import find_erased
from lists.exceptions import InvalidAddress, RowRefused
from lists.exclusions import find_excluded
from lists.export_columns import ExportColumn, as_text
from lists.models import Subscriber
from lists.people_export import people_columns


class ColumnWidget(Widget):  # type: ignore[misc]
    """Reads and shows the values of a column as imports and exports of files do."""

    def __init__(self, column: Column) -> None:
        super().__init__()
        self.column = column

    def clean(self, value: object, row: Any = None, **kwargs: Any) -> object:
        """Return the value that a text means; raises ValueError with a sentence."""
        try:
            return clean_value(self.column, as_text(value))
        except RowRefused as error:
            raise ValueError(error.sentence) from error

    def render(self, value: object, obj: Any = None, **kwargs: Any) -> str:
        """Return the value as text."""
        return as_text(value)


class ColumnField(Field):  # type: ignore[misc]
    """The address, the name, or an attribute. An empty value leaves what is there, as 追加・更新 does."""

    def __init__(self, column: Column, label: str) -> None:
        super().__init__(attribute=column.name, column_name=label, widget=ColumnWidget(column))
        self.is_attribute = column.name not in (ADDRESS, NAME)

    def get_value(self, instance: Subscriber) -> object:
        """Return the stored value."""
        return instance.attributes.get(self.attribute) if self.is_attribute else getattr(instance, self.attribute)

    def save(self, instance: Subscriber, row: Any, is_m2m: bool = False, **kwargs: Any) -> None:
        """Write the value of a row into a subscriber; raises ValueError with a sentence."""
        value = self.clean(row, **kwargs)
        if value == "":
            return
        if self.is_attribute:
            instance.attributes = {**instance.attributes, self.attribute: value}
        else:
            setattr(instance, self.attribute, value)


class OwnField(Field):  # type: ignore[misc]
    """What only we know: shown, and never taken from a file. Who is stopped stays stopped."""

    def __init__(self, column: ExportColumn) -> None:
        super().__init__(attribute=column.source, column_name=column.label, readonly=True)
        self.show = column.show

    def export(self, instance: Subscriber, **kwargs: Any) -> str:
        """Return the value as text."""
        return self.show(getattr(instance, self.attribute))


class SubscriberResource(ModelResource):  # type: ignore[misc]
    """The subscribers of one workspace."""

    class Meta:
        model = Subscriber
        # Made from the columns of the workspace.
        fields: list[str] = []
        import_id_fields = [ADDRESS]
        skip_unchanged = True
        report_skipped = True

    def __init__(self, *, workspace: Workspace) -> None:
        super().__init__()
        self.workspace = workspace
        imported = columns_of(workspace)
        exported = people_columns(workspace)
        self.fields = {
            column.name: ColumnField(column, shown.label) for column, shown in zip(imported, exported, strict=False)
        }
        self.fields |= {column.name: OwnField(column) for column in exported[len(imported) :]}

    def get_queryset(self) -> Any:
        """Return the subscribers of the workspace, the oldest first."""
        return Subscriber.objects.for_workspace(self.workspace).order_by("pk")

    def get_instance(self, instance_loader: Any, row: Any) -> Subscriber | None:
        """Return the subscriber with the address of a row, None where it is new or no address."""
        try:
            key = clean_address(as_text(row[self.fields[ADDRESS].column_name])).key
        except InvalidAddress:
            return None
        return Subscriber.objects.for_workspace(self.workspace).filter(address_key=key).first()

    def init_instance(self, row: Any = None) -> Subscriber:
        """Return a new subscriber of the workspace."""
        return Subscriber(workspace=self.workspace)

    def before_save_instance(self, instance: Subscriber, row: Any, **kwargs: Any) -> None:
        """Set how the address is compared. Raises ValidationError for an address that imports refuse as well."""
        instance.address_key = key = clean_address(instance.address).key
        if instance.pk is not None:
            return
        if find_erased(self.workspace, [key]):
            raise ValidationError(
                {ADDRESS: _("消去済みの宛先です。もう一度登録するときは、購読者の追加から登録してください。")}
            )
        if find_excluded(self.workspace.pk, [key], now=timezone.now()):
            raise ValidationError(
                {ADDRESS: _("除外リストの宛先です。登録するときは、先に除外リストから外してください。")}
            )
