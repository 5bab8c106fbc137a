"""What each command does. Knows the service and nothing of Telegram's protocol."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

import structlog

from nexgent.cli.api_client import NoAnswerError, RefusalError, ServiceUnreachableError
from nexgent.cli.telegram_bot import texts
from nexgent.cli.telegram_bot.questions import (
    OPEN_SECONDS,
    Exit,
    Question,
    QuestionClosedError,
    Questions,
    Resume,
)
from nexgent.cli.telegram_bot.service import Service, part, problem
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError

log = structlog.get_logger(__name__)

PAGE = 8
"""Positions of one message."""
SEARCHED_SIGNALS = 500
MODES = ("simulation", "live")
MAX_DATA_BYTES = 64
"""What a button may carry."""
YES, NO, PAGE_OF, EXIT_OF = "y:", "n:", "p:", "x:"
STOP = "stop_entries"
UNKNOWN_STATES = frozenset({500, 502, 503, 504})
"""Answers after which what was asked for may have been carried out."""
_SHORT_EXIT = re.compile(r"exit_([0-9a-f]{8})")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it is offered. `acts`: it changes something, and only operators may give it."""

    name: str
    takes: str
    summary: str
    scopes: tuple[str, ...]
    acts: bool = False


COMMANDS = (
    Command("status", "", "service, engine, prices, entries, what needs attention", ("overview",)),
    Command("profit", "", "today, 7 days, 30 days, in all; by agent", ("overview", "agents")),
    Command("positions", "[AGENT or TOKEN]", "what is open, with profit and loss", ("overview", "positions")),
    Command("explain", "[TOKEN or SIGNAL]", "why agents bought or did not", ("signals_read", "agents")),
    Command(STOP, "[REASON]", "no agent buys any more; exits go on", ("kill_switch",), acts=True),
    Command("resume", "", "agents may buy again; asks first", ("kill_switch",), acts=True),
    Command(
        "exit",
        "POSITION or TOKEN [AGENT]",
        "sell a whole position; asks first",
        ("overview", "trading"),
        acts=True,
    ),
    Command("help", "", "what there is", ()),
)
_BY_NAME = {command.name: command for command in COMMANDS}


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody who is answered. `may_act`: they are an operator. `user_id` is None for who hides behind a group or channel."""

    chat_id: int
    user_id: int | None
    may_act: bool


@dataclass(frozen=True, slots=True)
class Button:
    """A button below a message."""

    text: str
    data: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said. `edits`: in the place of the message whose button was pressed. `question` is closed when nobody answers it;
    `then` is what was confirmed: it begins at once and brings another reply. `notice` is shown to who pressed alone."""

    lines: Sequence[str] = ()
    buttons: Sequence[Sequence[Button]] = ()
    edits: bool = False
    question: Question | None = None
    then: Callable[[], Coroutine[Any, Any, Reply]] | None = None
    notice: str = ""


def help_lines(*, may_act: bool) -> list[str]:
    """Return all commands."""
    lines = [texts.bold("nexgent")]
    for command in COMMANDS:
        takes = f" {command.takes}" if command.takes else ""
        lines.append(f"/{command.name}{takes} – {command.summary}")
    if not may_act:
        lines += [
            "",
            "You may ask here. Stopping, resuming and selling is for the operators (TELEGRAM_OPERATOR_IDS).",
        ]
    return lines


def known(command: str) -> Command | None:
    """Return the command that is meant, also by a short cut such as /exit_1a2b3c4d."""
    if command == "start":
        return _BY_NAME["help"]
    return _BY_NAME["exit"] if _SHORT_EXIT.fullmatch(command) else _BY_NAME.get(command)


class Commands:
    """Answers commands and presses of buttons."""

    def __init__(self, *, service: Service, questions: Questions, time_zone: str, clock: Clock) -> None:
        self._service = service
        self._questions = questions
        self._time_zone = time_zone
        self._clock = clock

    async def answer(self, asked: Asked, command: str, words: str) -> Reply:
        """Return the answer to a command; what the service refuses is told in its words."""
        meant = known(command)
        if meant is None:
            return Reply([f"I do not know /{texts.plain(command, 32)}. /help lists what there is."])
        if meant.acts and not asked.may_act:
            return Reply([_NOT_ALLOWED])
        short = _SHORT_EXIT.fullmatch(command)
        log.info("telegram.command", command=meant.name, chat_id=asked.chat_id, from_user=asked.user_id)
        try:
            return await self._carry_out(asked, meant, short[1] if short else words.strip())
        except NexgentError as error:
            return Reply([texts.prose(problem(error))])

    async def _carry_out(self, asked: Asked, command: Command, words: str) -> Reply:
        match command.name:
            case "status":
                return await self._status()
            case "profit":
                return await self._profit()
            case "positions":
                return await self._positions(words, 0)
            case "explain":
                return await self._explain(words)
            case "stop_entries":
                return await self._stop(words)
            case "resume":
                return self._ask_to_resume(asked)
            case "exit":
                return await self._ask_to_exit(asked, words)
            case _:
                return Reply(help_lines(may_act=asked.may_act))

    async def press(self, asked: Asked, data: str) -> Reply:
        """Return the answer to a button."""
        try:
            if data.startswith(PAGE_OF):
                page, _, words = data.removeprefix(PAGE_OF).partition(":")
                shown = await self._positions(words, int(page) if page.isascii() and page.isdigit() else 0)
                return Reply(shown.lines, shown.buttons, edits=True)
            if not asked.may_act:
                return Reply(notice=_NOT_ALLOWED)
            if data.startswith(EXIT_OF):
                return await self._ask_to_exit(asked, data.removeprefix(EXIT_OF))
            if data.startswith(NO):
                self._questions.take(data.removeprefix(NO), asked.chat_id, asked.user_id)
                return Reply(["Nothing was done."], edits=True)
            return self._confirmed(self._questions.take(data.removeprefix(YES), asked.chat_id, asked.user_id))
        except QuestionClosedError as error:
            return Reply(notice=error.message)
        except NexgentError as error:
            return Reply([texts.prose(problem(error))])

    # --- Questions about the service

    async def _status(self) -> Reply:
        health, switches, price, notices, *overviews = await asyncio.gather(
            part(self._service.health()),
            part(self._service.switches()),
            part(self._service.sol_price()),
            part(self._service.notices()),
            *(part(self._service.overview(mode, self._time_zone)) for mode in MODES),
        )
        if isinstance(health, texts.Failed):
            # Nothing else can be known then, and saying so once is enough.
            return Reply(texts.away_lines(health))
        return Reply(
            texts.status_lines(
                health=health,
                switches=switches,
                sol_price=price,
                overviews=dict(zip(MODES, overviews, strict=True)),
                notices=notices,
                now=self._clock.now(),
            )
        )

    async def _profit(self) -> Reply:
        *overviews, agents = await asyncio.gather(
            *(part(self._service.overview(mode, self._time_zone)) for mode in MODES),
            part(self._service.agents()),
        )
        listed = [] if isinstance(agents, texts.Failed) else agents
        shown = listed[: texts.SHOWN_AGENTS]
        figures = await asyncio.gather(*(part(self._service.performance(agent["id"])) for agent in shown))
        by_mode = dict(zip(MODES, overviews, strict=True))
        lines = texts.profit_lines(by_mode, list(zip(shown, figures, strict=True)), len(listed) - len(shown))
        if isinstance(agents, texts.Failed):
            lines.append(f"By agent: {texts.prose(agents.why)}")
        return Reply(lines)

    async def _positions(self, words: str, page: int) -> Reply:
        answer = await self._service.remaining()
        found = sorted(
            (one for one in answer["remaining"] if not words or _concerns(one, words)),
            key=lambda one: (str(one["agentName"]), str(one["tokenSymbol"]), str(one["positionId"])),
        )
        if not found:
            return Reply([f"Nothing open for {texts.name(words)}." if words else "Nothing is open."])
        pages = -(-len(found) // PAGE)
        page = min(page, pages - 1)
        shown = found[page * PAGE : (page + 1) * PAGE]
        figures = await self._figures(shown)
        now = self._clock.now()
        total = f"{len(found)} open" if words else f"{answer['remainingCount']} open"
        lines = [texts.bold(f"{total}, page {page + 1} of {pages}" if pages > 1 else total)]
        for one in shown:
            lines += ["", *texts.position_lines(one, figures.get(one["positionId"]), now)]
        if answer["remainingCount"] > len(answer["remaining"]):
            lines += ["", f"Only {len(answer['remaining'])} are listed here; the dashboard has all of them."]
        return Reply(lines, _page_buttons(page, pages, words))

    async def _figures(self, shown: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        agents = sorted({str(one["agentId"]) for one in shown})
        answers = await asyncio.gather(*(part(self._service.positions(agent)) for agent in agents))
        return {
            one["id"]: one for answer in answers if not isinstance(answer, texts.Failed) for one in answer
        }

    async def _explain(self, words: str) -> Reply:
        signal = await self._signal(words)
        if signal is None:
            return Reply(
                [
                    f"No signal for {texts.name(words)} among the newest {SEARCHED_SIGNALS}."
                    if words
                    else "There is no signal yet."
                ]
            )
        decisions, agents = await asyncio.gather(
            self._service.decisions(signal["id"]), part(self._service.agents())
        )
        names = {} if isinstance(agents, texts.Failed) else {one["id"]: one["name"] for one in agents}
        return Reply(texts.explain_lines(signal, decisions, names, self._clock.now()))

    async def _signal(self, words: str) -> Any | None:
        if not words:
            newest = await self._service.signals()
            return newest[0] if newest else None
        number = words.removeprefix("#")
        if number.isascii() and number.isdigit() and len(number) < 19:
            return await self._service.signal(int(number))
        of_token = await self._service.signals(token=words)
        if of_token:
            return of_token[0]
        newest = await self._service.signals(limit=SEARCHED_SIGNALS)
        return next((one for one in newest if str(one["symbol"] or "").casefold() == words.casefold()), None)

    # --- What changes something

    async def _stop(self, words: str) -> Reply:
        # Whoever asked to resume has not known of this.
        self._questions.close_all_to_resume()
        reason = f"Telegram: {words}"[:500] if words else "Telegram"
        try:
            switches = await self._service.set_switch(engaged=True, reason=reason)
        except NexgentError as error:
            if _may_have_been_done(error):
                return Reply(
                    [
                        f"❓ {texts.bold('It is not known')} whether entries are stopped",
                        texts.prose(problem(error)),
                        "/stop_entries once more does no harm; /status shows how it stands.",
                    ]
                )
            return Reply([texts.bold("Entries are NOT stopped"), texts.prose(problem(error))])
        return Reply(
            [*texts.switch_lines(switches, self._clock.now()), "Exits go on. /resume lets agents buy again."]
        )

    def _ask_to_resume(self, asked: Asked) -> Reply:
        question = self._ask(asked, Resume())
        return Reply(
            [texts.bold("Let your agents buy again?"), f"Within {OPEN_SECONDS:.0f} seconds."],
            _answers(question, "Resume"),
            question=question,
        )

    async def _ask_to_exit(self, asked: Asked, words: str) -> Reply:
        if not words:
            return Reply(["Say which one: /exit POSITION or TOKEN. /positions lists what is open."])
        answer = await self._service.remaining()
        found = _meant(answer["remaining"], words)
        if not found:
            return Reply([f"Nothing open for {texts.name(words)}. /positions lists what is open."])
        if len(found) > 1:
            lines = [f"{len(found)} positions could be meant. Which one?"]
            if len(found) > PAGE:
                lines.append(f"The first {PAGE} are below; /exit TOKEN AGENT says it more closely.")
            return Reply(
                lines, [[Button(_button_text(one), f"{EXIT_OF}{one['positionId']}")] for one in found[:PAGE]]
            )
        (one,) = found
        forecast = await self._service.preview_sale(one["agentId"], one["positionId"])
        question = self._ask(asked, Exit(one["agentId"], one["positionId"], str(one["tokenSymbol"])))
        return Reply(
            texts.exit_question_lines(one, forecast, OPEN_SECONDS),
            _answers(question, "Sell all of it"),
            question=question,
        )

    def _ask(self, asked: Asked, wish: Exit | Resume) -> Question:
        assert asked.user_id is not None  # An operator has a number.
        return self._questions.ask(asked.chat_id, asked.user_id, wish)

    def _confirmed(self, question: Question) -> Reply:
        match question.wish:
            case Exit() as wish:
                log.warning(
                    "telegram.exit_confirmed", position_id=wish.position_id, from_user=question.user_id
                )
                return Reply(
                    [f"Confirmed: selling all of {texts.name(wish.what)} …"],
                    edits=True,
                    then=lambda: self._sell(question.token, wish),
                )
            case Resume():
                log.warning("telegram.resume_confirmed", from_user=question.user_id)
                return Reply(["Confirmed."], edits=True, then=self._resume)
            case _:
                assert_never(question.wish)

    async def _resume(self) -> Reply:
        try:
            switches = await self._service.set_switch(engaged=False, reason="Telegram")
        except NexgentError as error:
            if _may_have_been_done(error):
                return Reply(
                    [
                        f"❓ {texts.bold('It is not known')} whether agents may buy again",
                        texts.prose(problem(error)),
                        "/status shows how it stands.",
                    ]
                )
            return Reply([texts.bold("Nothing was changed"), texts.prose(problem(error))])
        return Reply(texts.switch_lines(switches, self._clock.now()))

    async def _sell(self, token: str, wish: Exit) -> Reply:
        what = texts.name(wish.what)
        try:
            return Reply(
                texts.sold_lines(what, await self._service.sell(wish.agent_id, wish.position_id, token))
            )
        except RefusalError as error:
            if error.status == 404:
                return Reply(
                    [f"{what} is not held any more: something else was faster. Nothing was sold by this."]
                )
            if error.said == "PARTIALLY_SOLD":
                return Reply(
                    [
                        f"⚠️ {texts.bold('Only a part of')} {what} {texts.bold('was sold')}",
                        "The rest is still open: /positions shows it, and /exit sells it.",
                    ]
                )
            if error.status not in UNKNOWN_STATES or error.said in _NOT_SOLD:
                return Reply([f"❌ {texts.bold('Not sold')}: {what}", texts.prose(problem(error))])
            return Reply(_unknown(what, problem(error)))
        except NoAnswerError as error:
            return Reply(_unknown(what, problem(error)))
        except ServiceUnreachableError as error:
            return Reply([f"❌ {texts.bold('Not sold')}: {what}", texts.prose(problem(error))])
        except NexgentError as error:
            return Reply(_unknown(what, problem(error)))


_NOT_SOLD = frozenset({"EXECUTION_FAILED", "ORDER_NOT_BUILT", "QUOTE_FAILED", "QUOTE_IMPLAUSIBLE"})
_NOT_ALLOWED = "You may ask here, but not do this: it is for the operators (TELEGRAM_OPERATOR_IDS)."


def _may_have_been_done(error: NexgentError) -> bool:
    """Tell whether what was asked for may have been carried out although this is the answer."""
    match error:
        case RefusalError():
            return error.status in UNKNOWN_STATES
        case NoAnswerError():
            return True
        case ServiceUnreachableError():
            return False
    # Whatever answered, was no service: a proxy perhaps, with the service behind it.
    return True


def _unknown(what: str, why: str) -> list[str]:
    return [
        f"❓ {texts.bold('It is not known yet')} whether {what} was sold",
        texts.prose(why),
        "If the swap has landed it is booked as soon as that is known. /positions shows whether it is still open.",
    ]


def _concerns(one: Mapping[str, Any], words: str) -> bool:
    wanted = words.casefold()
    return one["tokenAddress"] == words or wanted in (
        str(one["tokenSymbol"]).casefold(),
        str(one["agentName"]).casefold(),
    )


def _meant(remaining: Sequence[Mapping[str, Any]], words: str) -> list[Mapping[str, Any]]:
    """Return the positions that are meant: by id or its first eight letters, mint or symbol, and by agent if one is named."""
    text = words.strip()
    if _ID.fullmatch(text.lower()):
        by_id = [one for one in remaining if str(one["positionId"]).startswith(text.lower())]
        if by_id:
            return by_id
    for token, _, agent in [(text, "", ""), *([text.partition(" ")] if " " in text else [])]:
        found = [
            one
            for one in remaining
            if (one["tokenAddress"] == token or str(one["tokenSymbol"]).casefold() == token.casefold())
            and (not agent or str(one["agentName"]).casefold() == agent.strip().casefold())
        ]
        if found:
            return found
    return []


def _button_text(one: Mapping[str, Any]) -> str:
    # Buttons have no markup, so nothing needs to be escaped, and nothing in them is a link.
    money = " (real money)" if one["walletType"] == "live" else ""
    return f"{texts.bare(one['tokenSymbol'], 20) or '?'} of {texts.bare(one['agentName'], 24)}{money}"


def _answers(question: Question, yes: str) -> list[list[Button]]:
    return [[Button(yes, f"{YES}{question.token}"), Button("Cancel", f"{NO}{question.token}")]]


def _page_buttons(page: int, pages: int, words: str) -> list[list[Button]]:
    if pages == 1:
        return []
    wanted = [(page - 1, "◀"), (page + 1, "▶")]
    row = [Button(sign, f"{PAGE_OF}{other}:{words}") for other, sign in wanted if 0 <= other < pages]
    return [row] if all(len(button.data.encode()) <= MAX_DATA_BYTES for button in row) else []
