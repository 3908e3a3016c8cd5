"""The app's models; each topic has a module."""

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
from campaigns.models.delivery import (
    CLAIMABLE,
    FAILURES,
    TERMINAL,
    Delivery,
    DeliveryQuerySet,
    DeliveryState,
)
from campaigns.models.figures import HoldState, StopHold, Tally
from campaigns.models.gate import ErrorGate, GateState
from campaigns.models.lane import Chain, DomainCap, Lane
from campaigns.models.quiet_hours import QuietHours
from campaigns.models.test_mail import TestMail, TestMailState

__all__ = [
    "CLAIMABLE",
    "FAILURES",
    "PLANNED",
    "TERMINAL",
    "Audience",
    "AudiencePart",
    "Campaign",
    "CampaignQuerySet",
    "CampaignState",
    "Chain",
    "Delivery",
    "DeliveryQuerySet",
    "DeliveryState",
    "DomainCap",
    "DoubtPolicy",
    "ErrorGate",
    "GateState",
    "HoldState",
    "Lane",
    "Part",
    "QuietHours",
    "QuietMode",
    "StopHold",
    "Tally",
    "TestMail",
    "TestMailState",
    "default_lifetime",
    "protect_planned",
]
