"""What needs attention of agents that other processes trade for: their engines know of exits, keys and chains."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from fastapi import Request

from nexgent.api.deps import ApiServices
from nexgent.api.elsewhere import is_asked_by_another, understood, words_of_engines
from nexgent.domain.attention.notices import Notice, NoticeKind, Severity, by_weight
from nexgent.shared.types import AgentId, PositionId, TokenAddress, UserId, WalletAddress


class _Notice(msgspec.Struct, rename="camel"):
    kind: NoticeKind
    severity: Severity
    text: str
    code: str | None
    agent_id: UUID
    agent_name: str | None
    wallet_address: WalletAddress | None
    position_id: UUID | None
    token_address: TokenAddress | None
    token_symbol: str | None
    since: datetime | None

    def notice(self) -> Notice:
        """Return it as it is here."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        fields["agent_id"] = AgentId(self.agent_id)
        if self.position_id is not None:
            fields["position_id"] = PositionId(self.position_id)
        return Notice(**fields)


class _Notices(msgspec.Struct):
    items: list[_Notice]


_notices = msgspec.json.Decoder(_Notices)


async def with_the_word_of_engines(
    request: Request, services: ApiServices, user_id: UserId, notices: Sequence[Notice]
) -> Sequence[Notice]:
    """Return the notices, those about agents of other engines as these say.

    Where that cannot be asked at present, they are what can be known here: not whether a wallet is locked.
    """
    if is_asked_by_another(request):
        return [one for one in notices if one.agent_id is not None and services.trades_for(one.agent_id)]
    elsewhere = {
        agent.id for agent in services.directory.each_of_user(user_id) if not services.trades_for(agent.id)
    }
    said = await words_of_engines(request, services, elsewhere)
    read = understood(said.values(), _notices.decode)
    told = {agent_id for agent_id, body in said.items() if body in read}
    theirs = [one.notice() for said_so in read.values() for one in said_so.items]
    here = [
        one
        for one in notices
        if one.agent_id not in told
        and not (one.agent_id in elsewhere and one.kind is NoticeKind.WALLET_LOCKED)
    ]
    return by_weight([*here, *(one for one in theirs if one.agent_id in told)])
