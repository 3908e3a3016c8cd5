"""What pages and files say of an A/Bテスト: the figures of its variants, how sure they are, and what can be done."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from campaigns.models import LETTERS, UNDECIDED, Campaign, CampaignState, SplitRule, SplitTest
from campaigns.progress import LARGE
from campaigns.split_figures import Standing, at_decision, by_variant, choose, count_undecided, is_clear, stored
from campaigns.split_tests import DECIDABLE, count_waiting
from campaigns.variants import all_forms, split_test_of


@dataclass(frozen=True, slots=True)
class FormRow:
    """One variant: its subject, its figures now, and those it had at the decision."""

    number: int
    subject: str
    now: Standing
    then: Standing | None
    is_winner: bool

    @property
    def letter(self) -> str:
        """The letter of the variant."""
        return LETTERS[self.number]


@dataclass(frozen=True, slots=True)
class SplitState:
    """A test of a mailing that was started."""

    test: SplitTest
    rows: list[FormRow]
    # 判定待ち.
    undecided: int
    may_choose: bool
    is_over: bool
    sureness: str


def read_split(campaign: Campaign) -> SplitState | None:
    """Return how the test of a mailing stands; None where it has none, or was not started."""
    test = split_test_of(campaign)
    if test is None or test.decide_at is None:
        return None
    forms = dict(all_forms(campaign))
    counted = stored(campaign)
    then = {own.variant: own for own in at_decision(test)}
    standings = by_variant(counted, forms)
    rows = [
        FormRow(own.variant, forms[own.variant].title, own, then.get(own.variant), test.winner == own.variant)
        for own in standings
    ]
    return SplitState(
        test=test,
        rows=rows,
        undecided=counted[UNDECIDED].waiting if UNDECIDED in counted else 0,
        may_choose=test.winner is None and campaign.state in DECIDABLE,
        is_over=test.winner is None and campaign.state == CampaignState.CANCELLED,
        sureness=sureness_words(at_decision(test) or standings, test.rule),
    )


def undecided_of(campaign: Campaign) -> int:
    """Return how many of a running mailing wait for the decision; of a large one as of the newest count."""
    if not SplitTest.objects.filter(campaign=campaign, released_at=None, decide_at__isnull=False).exists():
        return 0
    return count_undecided(campaign) if (campaign.recipient_count or 0) >= LARGE else count_waiting(campaign)


def sureness_words(standings: list[Standing], rule: str) -> str:
    """Return what the difference of the variants is worth, without a precision that it does not have."""
    clear = is_clear(standings, SplitRule.OPENS if rule == SplitRule.HAND else rule)
    if clear is None:
        return _("反応がまだ少なく、差があるかどうかは分かりません。")
    if clear:
        return _("1位と2位の差は、偶然だけでは起こりにくい大きさです。")
    return _("1位と2位の差は、偶然でも起こる大きさです。どちらでも大きくは変わらないと考えられます。")


def result_words(test: SplitTest) -> str:
    """Return who or what decided a test."""
    if test.decided_by is not None:
        return _("%(who)s さんが選びました。") % {"who": test.decided_by.name or test.decided_by.email}
    if test.rule == SplitRule.HAND:
        return _("手動で選ばれました。")
    standings = [own for own in at_decision(test) if own.accepted]
    if not standings:
        return _("受信サーバーに受け付けられたメールがなかったため、A案(元のメール)にしました。")
    if not any(own.reactions(test.rule) for own in standings):
        return _("反応が1件も数えられなかったため、A案(元のメール)にしました。")
    if choose(standings, test.rule) is None:
        return _("割合が同じだったため、A案(元のメール)にしました。")
    return _("%sで自動で決めました。") % test.get_rule_display()
