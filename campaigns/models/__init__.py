"""The app's models; each topic has a module."""

from campaigns.models.approval import LIVE, Approval, ApprovalRule, ApprovalState
from campaigns.models.campaign import (
    PLANNED,
    Audience,
    AudiencePart,
    Campaign,
    CampaignQuerySet,
    CampaignState,
    DoubtPolicy,
    Part,
    QuietMode,
    default_lifetime,
    protect_planned,
)
from campaigns.models.content_check import CheckState, ContentCheck, ContentCheckKind
from campaigns.models.delivery import (
    CLAIMABLE,
    FAILURES,
    TERMINAL,
    Delivery,
    DeliveryQuerySet,
    DeliveryState,
)
from campaigns.models.draft import Draft, DraftVersion
from campaigns.models.figures import HoldState, Leaving, LeavingReason, StopHold, Tally
from campaigns.models.folder import MOST_FOLDERS, Folder
from campaigns.models.gate import ErrorGate, GateState
from campaigns.models.label import Comment, Label, LabelTone
from campaigns.models.lane import Chain, DomainCap, Lane
from campaigns.models.quiet_hours import QuietHours
from campaigns.models.recurrence import Occurrence, Recurrence, Rhythm
from campaigns.models.split_test import LETTERS, NEVER, UNDECIDED, SplitRule, SplitTest, Variant, VariantFigure
from campaigns.models.test_mail import TestMail, TestMailState
from campaigns.models.tester import MOST_SEEDS, MOST_TESTERS, Tester

__all__ = [
    "CLAIMABLE",
    "FAILURES",
    "LETTERS",
    "LIVE",
    "MOST_FOLDERS",
    "MOST_SEEDS",
    "MOST_TESTERS",
    "NEVER",
    "PLANNED",
    "TERMINAL",
    "UNDECIDED",
    "Approval",
    "ApprovalRule",
    "ApprovalState",
    "Audience",
    "AudiencePart",
    "Campaign",
    "CampaignQuerySet",
    "CampaignState",
    "Chain",
    "CheckState",
    "Comment",
    "ContentCheck",
    "ContentCheckKind",
    "Delivery",
    "DeliveryQuerySet",
    "DeliveryState",
    "DomainCap",
    "DoubtPolicy",
    "Draft",
    "DraftVersion",
    "ErrorGate",
    "Folder",
    "GateState",
    "HoldState",
    "Label",
    "LabelTone",
    "Lane",
    "Leaving",
    "LeavingReason",
    "Occurrence",
    "Part",
    "QuietHours",
    "QuietMode",
    "Recurrence",
    "Rhythm",
    "SplitRule",
    "SplitTest",
    "StopHold",
    "Tally",
    "TestMail",
    "TestMailState",
    "Tester",
    "Variant",
    "VariantFigure",
    "default_lifetime",
    "protect_planned",
]
