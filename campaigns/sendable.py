"""What must be there before a campaign may be sent at all: a sender that may send, content, somebody to send to."""

from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.audiences import audience_of
from campaigns.bodies import unmarked_text
from campaigns.merge_tags import broken_tags, explain_unknown
from campaigns.models import Campaign
from campaigns.sender_notes import link_of
from lists.audience import Audience, people_of
from lists.conditions import SegmentRefused
from lists.segment_counts import first_people
from senders.errors import SenderError
from senders.verification import require_verified

# Seconds for which somebody to send to is looked for.
LOOK = 0.05


class CampaignError(Exception):
    """A campaign that cannot do what was asked, with a sentence that says what to do; `url` is where, or empty."""

    def __init__(self, campaign: Campaign, sentence: str, url: str = "") -> None:
        super().__init__(sentence)
        self.campaign = campaign
        self.sentence = sentence
        self.url = url


def require_sendable(campaign: Campaign) -> None:
    """Raise CampaignError with the first thing that is missing before the campaign may be sent."""
    require_sender(campaign)
    if not campaign.subject.strip() or not campaign.text.strip():
        raise CampaignError(campaign, _("件名とテキスト本文を入力してください。"))
    text = unmarked_text(campaign)
    if broken := broken_tags(f"{campaign.subject}\n{text}"):
        raise CampaignError(
            campaign, _("差し込みの書き方が正しくない箇所があります:「%s」。本文を直してください。") % broken[0]
        )
    if unknown := explain_unknown(campaign.workspace, campaign.subject, text, campaign.html):
        raise CampaignError(campaign, unknown)
    require_audience(campaign, audience_of(campaign))


def require_sender(campaign: Campaign) -> None:
    """Raise CampaignError where the campaign has no sender, or one that may not send (A1, A2)."""
    if campaign.sender is None:
        raise CampaignError(campaign, _("送信元が選ばれていません。編集画面で送信元を選んでください。"))
    try:
        require_verified(campaign.sender)
    except SenderError as error:
        raise CampaignError(campaign, error.sentence, link_of(error)) from error


def require_audience(campaign: Campaign, audience: Audience) -> None:
    """Raise CampaignError where the campaign is sent to nobody, as far as a moment's look can tell."""
    if audience.is_empty:
        raise CampaignError(campaign, _("配信先のリストが選ばれていません。編集画面でリストを選んでください。"))
    try:
        people = people_of(campaign.workspace, audience, now=timezone.now())
    except SegmentRefused as error:
        raise CampaignError(campaign, error.sentence) from error
    found, is_certain = first_people(people, campaign.workspace, 1, budget=LOOK)
    if found or not is_certain:
        return
    if audience.is_plain:
        raise CampaignError(
            campaign, _("選んだリストに配信できる宛先がありません。ファイルを取り込むか、別のリストを選んでください。")
        )
    raise CampaignError(
        campaign, _("選んだ配信先に当てはまる人がいません。セグメントの条件と、除く相手を確かめてください。")
    )


def stopped_sentence() -> str:
    """Return why nothing can be started in a stopped workspace (A15)."""
    return _(
        "このワークスペースの配信は一時停止中です。ホームの「配信エラー率の内訳と対処を見る」で理由を確かめてください。"
    )
