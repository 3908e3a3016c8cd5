"""A/Bテスト: the variants of a mailing, who gets them, and how the one for everybody else is chosen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.models.campaign import Campaign

# The letters by which people know the variants; the first is the mailing itself.
LETTERS: Final = "ABCDE"
# Delivery.variant of whoever is not in the test, until it is decided.
UNDECIDED: Final = 255
# Delivery.due_at of the same: no claim comes so far, and whatever asks for due rows passes them by.
NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)


class SplitRule(models.TextChoices):
    """How the winner of a test is chosen."""

    OPENS = "opens", _("開封した人の割合")
    CLICKS = "clicks", _("クリックした人の割合")
    HAND = "hand", _("自分で選ぶ")


class SplitTest(models.Model):
    """A/Bテスト of one mailing."""

    campaign = models.OneToOneField(Campaign, on_delete=models.CASCADE, related_name="split_test")
    # Per cent of the recipients who get a variant by lot. The others get the winner, or with 100 nobody is left.
    share = models.PositiveSmallIntegerField(
        _("テストの対象にする割合(%)"), default=20, validators=[MinValueValidator(10), MaxValueValidator(100)]
    )
    rule = models.CharField(_("勝者の決め方"), max_length=10, choices=SplitRule.choices, default=SplitRule.OPENS)
    # Whole hours from the beginning of the sending.
    hours = models.PositiveSmallIntegerField(
        _("判定までの時間"), default=4, validators=[MinValueValidator(1), MaxValueValidator(168)]
    )
    # Set when the sending begins; later where nothing could be sent until then.
    decide_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    # The number of a variant, once it is decided; by a person where there is one.
    winner = models.PositiveSmallIntegerField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # The figures of each variant at the decision (campaigns/split_figures.py).
    figures: models.JSONField[list[dict[str, Any]], list[dict[str, Any]]] = models.JSONField(default=list)
    # When the last one of the rest had become due for the winner.
    released_at = models.DateTimeField(null=True, blank=True)
    # When the managers were written to, since nobody had chosen.
    reminded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(winner__isnull=True, decided_at__isnull=True)
                | models.Q(winner__isnull=False, decided_at__isnull=False),
                name="split_test_winner_has_time",
            ),
        ]
        indexes = [
            # For the tick: what is to be decided, and whose rest is to be sent.
            models.Index(
                fields=["decide_at"], condition=models.Q(released_at__isnull=True), name="split_test_unfinished"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.share}% {self.get_rule_display()}"

    def wait(self) -> timedelta:
        """Return how long the test runs."""
        return timedelta(hours=self.hours)

    def winner_letter(self) -> str:
        """Return the letter of the winner, or nothing."""
        return "" if self.winner is None else LETTERS[self.winner]


class Variant(models.Model):
    """案: another form of a mailing, beside the mailing itself, which is number 0 and has no row."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="variants")
    number = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(len(LETTERS) - 1)])
    subject = models.CharField(_("件名"), max_length=200)
    preheader = models.CharField(_("プリヘッダー"), max_length=200, blank=True)
    # What is sent. Written anew at every save of the mailing, from its body or from `body`.
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    # A body of its own (campaigns.draft_parts.Content as JSON), as it was in another draft at `taken_at`; empty where
    # it has the body of the mailing.
    body: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict, blank=True)
    source = models.ForeignKey(Campaign, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    taken_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "number"], name="variant_once"),
            models.CheckConstraint(condition=models.Q(number__gte=1, number__lte=4), name="variant_number"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.letter}"

    @property
    def letter(self) -> str:
        """The letter by which people know it."""
        return LETTERS[self.number]


class VariantFigure(models.Model):
    """How a variant of a test fares, counted in the background with the Tally; UNDECIDED for those who wait."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="variant_figures")
    variant = models.PositiveSmallIntegerField()
    recipients = models.PositiveIntegerField(default=0)
    # Not sent yet, nor given up.
    waiting = models.PositiveIntegerField(default=0)
    accepted = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    doubt = models.PositiveIntegerField(default=0)
    # People, as Figure.people counts them.
    opened = models.PositiveIntegerField(default=0)
    clicked = models.PositiveIntegerField(default=0)
    left = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "variant"], name="variant_figure_once")]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.variant}"
