"""Puts mailings into folders and under labels, which somebody may delete at that moment."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign, Folder, Label

NO_FOLDER: Final = _("選べないフォルダです。選び直してください。")
NO_LABEL: Final = _("選べないラベルが含まれています。選び直してください。")


class Gone(Exception):
    """A folder or a label that is there no more, with the sentence for people."""


def move(campaigns: QuerySet[Campaign], folder: Folder | None) -> int:
    """Put mailings into a folder, or into none; return how many. Raises Gone, and moves none then."""
    with transaction.atomic():
        keep_folder(folder)
        return campaigns.update(folder=folder)


def sort(campaign: Campaign, labels: Collection[Label], folder: Folder | None) -> None:
    """Set the labels and the folder of a mailing. Raises Gone, and changes nothing then."""
    with transaction.atomic():
        keep_folder(folder)
        kept = Label.objects.select_for_update(no_key=True).filter(pk__in=[label.pk for label in labels])
        if len(kept.order_by("pk")) < len(labels):
            raise Gone(str(NO_LABEL))
        campaign.labels.set(labels)
        Campaign.objects.filter(pk=campaign.pk).update(folder=folder)


def keep_folder(folder: Folder | None) -> None:
    """Lock a folder, so that it is there until mailings lie in it. Raises Gone."""
    if folder is not None and Folder.objects.select_for_update(no_key=True).filter(pk=folder.pk).first() is None:
        raise Gone(str(NO_FOLDER))


def delete_folder(folder: Folder) -> None:
    """Delete a folder; its mailings lie in none then, also those that come into it at this moment."""
    with transaction.atomic():
        # Whoever uses it has it locked until he is through, and those after us find it gone.
        Folder.objects.select_for_update().filter(pk=folder.pk).first()
        folder.delete()


def delete_label(label: Label) -> None:
    """Delete a label, as a folder is deleted; the mailings stay."""
    with transaction.atomic():
        Label.objects.select_for_update().filter(pk=label.pk).first()
        label.delete()
