"""What a mailing's pages say of its sender: that its proof is lost, about to be lost, or of the address alone (E10)."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

from campaigns.models import Campaign, CampaignState
from senders.domain_names import display_domain
from senders.errors import SenderError
from senders.lights import warn_address_only, warn_verified
from senders.models import CheckKind, CheckResult, SenderDomain
from senders.verification import explain_missing, is_proved_by_address, require_verified, where_to_fix

OVER = (CampaignState.DONE, CampaignState.CANCELLED)


@dataclass(frozen=True, slots=True)
class SenderNote:
    """A note of one of the components' tones; `url` leads to what is to be set, or is empty."""

    tone: str
    label: str
    sentence: str
    url: str


def notes_of(campaigns: Sequence[Campaign]) -> list[tuple[Campaign, SenderNote | None]]:
    """Return each campaign with its note. Asks nothing where `sender__domain__checks` is prefetched."""
    return [(campaign, note_of(campaign)) for campaign in campaigns]


def note_of(campaign: Campaign) -> SenderNote | None:
    """Return what is to be told of a campaign's sender; None where all is well, or the campaign is over."""
    sender = campaign.sender
    if sender is None or campaign.state in OVER or not settings.REQUIRE_VERIFIED_SENDERS:
        return None
    try:
        require_verified(sender)
    except SenderError as error:
        return SenderNote("bad", _("送信元を確認"), tell_lost(campaign, error), link_of(error))
    if is_proved_by_address(sender):
        return SenderNote(
            "warn", _("アドレスの確認のみ"), warn_address_only(sender.domain), where_to_fix(sender.domain)
        )
    results = {CheckKind(check.kind): CheckResult(check.result) for check in sender.domain.checks.all()}
    warning = warn_verified(sender.domain, results)
    if not warning:
        return None
    sentence = _("送信元ドメイン %(domain)s: %(warning)s") % {
        "domain": display_domain(sender.domain.name),
        "warning": warning,
    }
    return SenderNote("warn", _("送信元を確認"), sentence, where_to_fix(sender.domain))


def tell_lost(campaign: Campaign, error: SenderError) -> str:
    """Return why a sender may not send, and what that means for the campaign."""
    meaning = {
        CampaignState.SCHEDULED: _("開始の時刻までに直らなければ、配信は始まらず、下書きに戻ります。"),
        CampaignState.STARTING: _(
            "宛先の確定が始まる前であれば、下書きに戻ります。始まっていれば、そのまま配信します。"
        ),
        CampaignState.SENDING: _("このメールの配信は、そのまま続きます。新しい配信は始められません。"),
        CampaignState.PAUSED: _("直るまで、配信を再開できません。"),
    }
    sentence = error.sentence
    if isinstance(error.about, SenderDomain) and error.about.lost_at is not None:
        sentence = _(
            "送信元ドメイン %(domain)s は、DNS の設定に問題が見つかったため、確認が取り消されています。%(missing)s"
        ) % {"domain": display_domain(error.about.name), "missing": explain_missing(error.about)}
    return sentence + meaning.get(CampaignState(campaign.state), "")


def link_of(error: SenderError) -> str:
    """Return the address of the page on which the fault can be mended, or ""."""
    return where_to_fix(error.about) if isinstance(error.about, SenderDomain) else ""
