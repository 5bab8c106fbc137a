"""Names for ids and addresses. An address is opaque and case-sensitive."""

from typing import NewType
from uuid import UUID

UserId = NewType("UserId", UUID)
AgentId = NewType("AgentId", UUID)
PositionId = NewType("PositionId", UUID)
IntentId = NewType("IntentId", UUID)
TransactionId = NewType("TransactionId", UUID)
ClosedTradeId = NewType("ClosedTradeId", UUID)
EntryId = NewType("EntryId", UUID)
SignalId = NewType("SignalId", int)
TokenAddress = NewType("TokenAddress", str)
WalletAddress = NewType("WalletAddress", str)
VenueName = NewType("VenueName", str)
