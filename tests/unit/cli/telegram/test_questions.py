"""Questions: answered once, by who asked, where it was asked, in time. And who may ask and act at all."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from nexgent.cli.telegram_bot.access import MOST_STRANGERS, TELL_SECONDS, Access, Strangers
from nexgent.cli.telegram_bot.questions import (
    MOST_OPEN,
    OPEN_SECONDS,
    Exit,
    Question,
    QuestionClosedError,
    Questions,
    Resume,
)
from nexgent.config.section import SettingsError
from nexgent.config.settings import Settings, is_private_to_the_service
from nexgent.config.telegram import TelegramSettings
from tests.builders import T0
from tests.fakes.clock import FakeClock

ME, GROUP, OTHER = 11, -1001, 22
WISH = Exit("agent", "position", "EXM")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(T0)


@pytest.fixture
def questions(clock: FakeClock) -> Questions:
    return Questions(clock)


def asked(questions: Questions) -> Question:
    return questions.ask(GROUP, ME, WISH)


def test_a_question_is_answered_once(questions: Questions) -> None:
    question = asked(questions)

    assert questions.take(question.token, GROUP, ME) == question
    with pytest.raises(QuestionClosedError, match="not open any more"):
        questions.take(question.token, GROUP, ME)


@pytest.mark.parametrize(("chat", "user"), [(GROUP, OTHER), (ME, ME), (GROUP, None)])
def test_by_who_asked_where_it_was_asked(questions: Questions, chat: int, user: int | None) -> None:
    question = asked(questions)

    with pytest.raises(QuestionClosedError, match="Only who asked"):
        questions.take(question.token, chat, user)
    assert questions.take(question.token, GROUP, ME) == question


def test_in_time(questions: Questions, clock: FakeClock) -> None:
    in_time, late = asked(questions), asked(questions)
    clock.advance(OPEN_SECONDS)
    assert questions.take(in_time.token, GROUP, ME) == in_time
    clock.advance(0.001)
    for said in ("More than 60 seconds", "not open any more"):
        with pytest.raises(QuestionClosedError, match=said):
            questions.take(late.token, GROUP, ME)


def test_a_machine_that_slept_is_late_although_its_monotonic_clock_stood_still(
    questions: Questions, clock: FakeClock
) -> None:
    question = asked(questions)
    clock.sleep(3600)

    with pytest.raises(QuestionClosedError, match="More than 60 seconds"):
        questions.take(question.token, GROUP, ME)


def test_tokens_are_no_numbers_to_guess_and_too_many_questions_close_the_oldest(questions: Questions) -> None:
    made = [questions.ask(ME, ME, Resume()) for _ in range(MOST_OPEN + 1)]

    assert len({one.token for one in made}) == len(made)
    assert all(len(one.token) >= 22 for one in made)
    assert (questions.expire(made[0].token), questions.expire(made[1].token)) == (False, True)
    assert questions.expire(made[1].token) is False


def access(**values: str) -> Access:
    return Access(TelegramSettings.read({f"TELEGRAM_{name}": text for name, text in values.items()}))


def test_who_is_in_a_listed_chat_may_ask_and_only_operators_may_act() -> None:
    usual = access(CHAT_IDS=f"{ME}, {GROUP}")
    assert [usual.may_ask(chat) for chat in (ME, GROUP, OTHER)] == [True, True, False]
    assert [usual.may_act(GROUP, user) for user in (ME, OTHER, None)] == [True, False, False]
    assert (usual.may_act(ME, ME), usual.may_act(OTHER, ME)) == (True, False)

    named = access(CHAT_IDS=f"{ME},{GROUP}", OPERATOR_IDS=str(OTHER))
    assert [named.may_act(GROUP, user) for user in (ME, OTHER, None)] == [False, True, False]
    assert not named.may_act(ME, ME)

    group_alone, nobody = access(CHAT_IDS=str(GROUP)), access()
    assert not any(group_alone.may_act(GROUP, user) for user in (ME, OTHER, GROUP, None))
    assert not nobody.may_ask(ME)
    assert not nobody.may_act(ME, ME)


def test_strangers_are_counted_in_few_lines(clock: FakeClock) -> None:
    strangers = Strangers(clock)
    with capture_logs() as lines:
        for chat in range(1, 1000):
            strangers.note(chat)
        assert [line["chats"] for line in lines] == [{"1": 1}]
        clock.advance(TELL_SECONDS)
        strangers.note(1)
    assert len(lines) == 2
    assert len(lines[1]["chats"]) == MOST_STRANGERS
    assert lines[1]["others"] == 1000 - 1 - MOST_STRANGERS


def test_settings_keep_the_token_to_themselves() -> None:
    token, key = "123456789:AAF-some_thing_that_BotFather_gave_0", "nex_" + "k" * 32
    settings = Settings.from_values({"TELEGRAM_BOT_TOKEN": f" {token} ", "TELEGRAM_SERVICE_KEY": key})

    assert settings.telegram.bot_token is not None
    assert settings.telegram.bot_token.get_secret_value() == token
    assert token not in repr(settings)
    assert key not in repr(settings)
    assert is_private_to_the_service("TELEGRAM_BOT_TOKEN")
    assert is_private_to_the_service("TELEGRAM_SERVICE_KEY")
    for wrong in ("4711-mistyped", "bot123456789:AAF-some_thing_that_BotFather_gave_0", token + "/../x"):
        with pytest.raises(SettingsError) as caught:
            Settings.from_values({"TELEGRAM_BOT_TOKEN": wrong})
        assert wrong not in str(caught.value)
    for name, text in (
        ("TELEGRAM_TIME_ZONE", "Mars"),
        ("TELEGRAM_CHAT_IDS", "1;2"),
        ("TELEGRAM_OPERATOR_IDS", "-5"),
    ):
        with pytest.raises(SettingsError, match=name):
            Settings.from_values({name: text})
