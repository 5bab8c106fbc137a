"""What each warning of the log means, for people: what happened, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple


class WarningWords(NamedTuple):
    """A warning in two sentences or so, without names from the code."""

    what: str
    advice: str


_BY_ITSELF = "Nothing has to be done: it is tried again by itself."
_DATABASE = (
    "It is tried again by itself. If it goes on, see whether the database answers and its disk has room."
)
_REDIS = (
    "Trading goes on without Redis, and it is tried again by itself. If it goes on, see whether Redis runs."
)
_DEFECT = "Trading goes on. If it comes again, please report it with the details and the log around it."
_SLOW = "See what else this machine does: it may need more processor time or memory."
_LOGIN = "If it was not you, see who may reach the service. Repeated failures are locked out by themselves."
_SOURCE = "Other sources of prices go on. If it lasts, see whether the source is reachable from this machine."

WORDS: Final[Mapping[str, WarningWords]] = {
    name: WarningWords(*words)
    for name, words in {
        # Trades
        "exit.attempt_failed": (
            "A sale did not work.",
            "It is tried again by itself, with more slippage each time. Look at the position if it goes on.",
        ),
        "exit.overdue": (
            "A sale takes longer than it may.",
            "It is still being tried. Look at the position: its token may have no buyers, or its wallet may be locked.",
        ),
        "position.dust_written_off": (
            "What was left of a position was worth less than selling it costs, and no provider buys it: it is booked as lost.",
            "Nothing has to be done. The tokens are still in the wallet.",
        ),
        "exit.not_remembered": (
            "A sale that is due could not be written down.",
            f"It is tried all the same; only a restart at this very moment could forget it. {_DATABASE}",
        ),
        "operation.failed": ("Averaging down or taking profit did not work.", _BY_ITSELF),
        "operation.crashed": ("Averaging down or taking profit stopped with a defect.", _DEFECT),
        "trade.unexpected_error": (
            "A trade stopped with an error nobody has foreseen.",
            "Compare the agent's positions with its wallet. Please report it with the log around it.",
        ),
        "purchase.landed_not_booked": (
            "A purchase went through but could not be written down.",
            "It is looked up on the chain and written down by itself; until then the position is not shown.",
        ),
        "purchase.failure_not_recorded": (
            "A purchase that did not work could not be written down as such.",
            "It counts as open until that is done, which happens by itself.",
        ),
        "quote.implausible": (
            "A quote was far from the token's price and was not taken.",
            "Nothing was traded at it. If it comes again for a token, its market is thin or its price is doubtful.",
        ),
        "quote.no_witness": (
            "The price to compare a quote with could not be had.",
            "The quote was judged by the last known price alone. " + _BY_ITSELF,
        ),
        "recovery.agent_gone": (
            "A trade without a known outcome belongs to an agent that was deleted.",
            "Compare its wallet with the chain on the page Wallets. What it holds stays in the wallet.",
        ),
        "recovery.postponed": ("The outcome of an earlier trade could not be found out yet.", _BY_ITSELF),
        "swap.amounts_unclear": (
            "A trade went through, but the chain does not say clearly for how much.",
            "Compare the wallet with the chain on the page Wallets.",
        ),
        "swap.unknown": (
            "A trade was sent and nobody knows yet what became of it.",
            "It is looked up on the chain by itself. Do not repeat it by hand before that.",
        ),
        "swap.not_simulated": (
            "A trade could not be tried out before it was signed.",
            "See whether the Solana node answers (SOLANA_RPC_URL).",
        ),
        "swap.not_signed": (
            "A trade was not signed, since it would have done something else than was asked for.",
            "Nothing was sent. If it comes again, the swap service answers wrongly: stop live trading and report it.",
        ),
        "shadow.postponed": ("The comparison with paper trading was put off.", _BY_ITSELF),
        "write_off.booked": (
            "A token without any market left was written off.",
            "The loss is in the history. Nothing has to be done.",
        ),
        "write_off.postponed": ("Writing off a dead token was put off.", _BY_ITSELF),
        "write_off.probe_failed": (
            "A source could not be asked whether a token is dead.",
            "Without its answer nothing is written off. " + _BY_ITSELF,
        ),
        "watcher.position_failed": (
            "A position could not be looked after at one price.",
            f"The next price is looked at again. {_DEFECT}",
        ),
        "watcher.token_failed": (
            "The positions of a token could not be looked after at one price.",
            f"The next price is looked at again. {_DEFECT}",
        ),
        "trail.not_stored": ("The stop or peak of a position could not be written down.", _DEFECT),
        "trails.not_storable": ("Stops and peaks of positions could not be written down.", _DEFECT),
        "trails.not_stored": (
            "Stops and peaks of positions could not be written down yet.",
            f"They hold all the same. {_DATABASE}",
        ),
        # Signals
        "signal.decisions_not_recorded": (
            "What agents made of a signal could not be written down.",
            "Their trades are not affected. " + _DATABASE,
        ),
        "signal.expired": (
            "A signal waited too long and was dropped.",
            "Nothing was bought on it. Send it again if it still holds.",
        ),
        "signal.failed": ("A signal stopped with a defect.", "Send it again. " + _DEFECT),
        "signal.left": (
            "A signal was left to the process that trades now.",
            "Nothing has to be done: it goes on there.",
        ),
        "signal.metrics_unavailable": (
            "Market cap, liquidity and holders of a token could not be had.",
            "Agents with limits for them have passed the signal over.",
        ),
        "signal.postponed": ("A signal that waits could not be taken up yet.", _BY_ITSELF),
        "signal.resume_failed": ("A signal that waited stopped with a defect.", _DEFECT),
        "signals.undecided_unreadable": ("Signals that wait could not be read.", _DATABASE),
        "signal_webhook.alert_id_kept": (
            "An alert of a webhook failed, and the same alert will not be taken again.",
            "Have the other service send it with a new id.",
        ),
        "token_metrics.unavailable": (
            "Market cap, liquidity and holders of tokens could not be had.",
            "Agents with limits for them pass signals over until they can. " + _BY_ITSELF,
        ),
        # Prices
        "event_loop.late": (
            "The service was held up: it could do nothing for a while, and stops had to wait.",
            _SLOW,
        ),
        "prices.tick_late": ("Prices were looked at later than they should be; stops had to wait.", _SLOW),
        "prices.tick_overdue": ("Prices have not been looked at for too long; stops have to wait.", _SLOW),
        "prices.outage": ("No source has a price that is accepted: nothing is bought, and no stop loss acts.", _SOURCE),
        "prices.outage_over": ("There are prices again that are accepted.", "Nothing has to be done."),
        "prices.fetch_failed": ("A source of prices stopped with a defect.", f"{_SOURCE} {_DEFECT}"),
        "prices.not_judged": ("A price could not be judged and was not used.", _DEFECT),
        "prices.source_frozen": (
            "A source of prices stands still; nothing is bought or sold by it.",
            _SOURCE,
        ),
        "prices.source_thawed": (
            "A source of prices that stood still moves again.",
            "Nothing has to be done.",
        ),
        "sol_price.fallback_failed": ("The second source for the price of SOL failed as well.", _SOURCE),
        "sol_price.fallback_used": (
            "The price of SOL comes from its second source.",
            "Amounts in USD are right all the same. " + _BY_ITSELF,
        ),
        "sol_price.jump": (
            "The price of SOL has jumped.",
            "It is taken once it has been confirmed. Nothing has to be done.",
        ),
        "sol_price.not_allowed": (
            "The source of the price of SOL refuses this service.",
            "Set PYTH_API_KEY, or another PYTH_HERMES_URL.",
        ),
        "sol_price.poll_failed": ("Asking for the price of SOL failed with a defect.", _DEFECT),
        "sol_price.stream_failed": ("Following the price of SOL failed with a defect.", _DEFECT),
        "price_history.delayed": ("Prices for charts could not be written down yet.", _DATABASE),
        "price_history.lines_delayed": (
            "Stops and levels for charts could not be written down yet.",
            _DATABASE,
        ),
        "price_history.sources_delayed": (
            "What sources of prices said could not be written down yet.",
            _DATABASE,
        ),
        "price_history.lost": (
            "Some prices for charts were never written down: charts have a gap.",
            "Trading is not affected. See whether the database answers.",
        ),
        # Wallets
        "wallet.deleted": ("A wallet was deleted.", "If it was not you, end all sessions and change the password."),
        "wallet.exported": (
            "The key of a wallet was exported.",
            "If it was not you, move its money to another wallet at once, and change the password.",
        ),
        "wallet.held_by_another_user": (
            "A wallet from the settings is used by an agent of another user.",
            "Unless you meant it, take it away from the agent on the page Wallets.",
        ),
        "wallet.secret_refused": (
            "A wrong passphrase was given for a wallet.",
            "If it was not you, end all sessions and change the password. Each wrong one makes the next wait longer.",
        ),
        "wallet.stranded": (
            "A wallet with open positions is locked: their stops cannot sell.",
            "Unlock it on the page Wallets, or put its key into the settings (WALLET_1 and so on).",
        ),
        "wallets.not_loaded": (
            "A key in the settings is not that of a wallet.",
            "Correct WALLET_1 and so on, then start again. The details say which.",
        ),
        "reconciliation.failed": ("A live wallet could not be compared with the chain.", _BY_ITSELF),
        "reconciliation.afterwards": (
            "What follows from comparing a wallet with the chain could not be done.",
            _BY_ITSELF,
        ),
        "reconciliation.many_transactions": (
            "A wallet has had too many transactions to read each of them.",
            "Its balance is compared all the same; deposits among them are not told apart.",
        ),
        "rent.postponed": ("The outcome of getting rent back is not known yet.", _BY_ITSELF),
        "rent.unknown": (
            "Closing empty token accounts was sent, and nobody knows yet what became of it.",
            "It is looked up on the chain by itself.",
        ),
        # Rules and protections
        "agent.config_invalid": (
            "The rules of an agent cannot be read.",
            "Open its tab Rules, correct what is marked there and save.",
        ),
        "agent.config_problem": (
            "An agent does not trade by itself: its rules cannot be read.",
            "Open its tab Rules, correct what is marked there and save.",
        ),
        "protections.entry_unreadable": (
            "A trade of a wallet could not be read for its limits of losses.",
            "The limits are reckoned without it. Please report it with the details.",
        ),
        "protections.kill_switch": (
            "The emergency stop was set or taken back.",
            "If it was not you, see who else may log in.",
        ),
        "panic.not_recorded": (
            "The emergency stop holds, but could not be written down yet.",
            f"A restart now would forget it. {_DATABASE}",
        ),
        # Books
        "ledger.append_failed": ("Trades could not be written down, for a defect.", f"Nothing new is bought. {_DEFECT}"),
        "ledger.not_accepted": (
            "A trade was written down, and what the service had in memory does not follow from it, for a defect.",
            f"The wallet is read anew; `nexgent verify` holds it against all entries. {_DEFECT}",
        ),
        "ledger.append_rejected": (
            "The database refused to write trades down.",
            "The wallets concerned are read anew. " + _DATABASE,
        ),
        "ledger.unreachable": (
            "Nothing can be written down: the database does not answer.",
            f"Nothing is bought meanwhile. {_DATABASE}",
        ),
        "journal.parts_not_made": (
            "The books of a new month cannot be begun: the database's user may not make tables.",
            "Nothing is lost: they go on in those of the month before. Let the user of DATABASE_URL make tables.",
        ),
        "journal.wallet_not_set_apart": (
            "It could not be written down that a wallet cannot be read.",
            _DATABASE,
        ),
        "journal.wallet_unreadable": (
            "The books of a wallet cannot be read; it does not trade.",
            "The others go on. Restore a backup, or report it with the details.",
        ),
        "tables.wallet_unreadable": (
            "The present state of a wallet could not be read and was reckoned from its books.",
            "It trades on. Please report it with the details.",
        ),
        "projector.batch_failed": (
            "Trades could not be put into lists and figures yet.",
            f"Trading does not read those. {_DATABASE}",
        ),
        "projector.entry_failed": (
            "A booking could not be put into lists and figures.",
            "It is missing there; trading goes on. Please report it with the details.",
        ),
        "projections.behind": ("Lists and figures are behind what was traded.", _BY_ITSELF),
        "projection.not_notified": (
            "The process for work that may wait could not be told of new trades.",
            f"Lists get them some seconds later. {_REDIS}",
        ),
        "snapshots.delayed": ("The worth of wallets could not be recorded yet.", _BY_ITSELF),
        "snapshots.wallet_failed": ("The worth of a wallet could not be recorded.", _BY_ITSELF),
        "audit.postponed": (
            "Who did what could not be written down yet.",
            f"It is kept until it can be. {_DATABASE}",
        ),
        # Logging in
        "admin.missing": (
            "Nobody can log in: there is no administrator.",
            "Set ADMIN_EMAIL and ADMIN_PASSWORD and start again.",
        ),
        "login.failed": ("Somebody tried to log in with a wrong password.", _LOGIN),
        "login.locked": ("Logging in is locked for a while after many wrong passwords.", _LOGIN),
        "session.refresh_token_reused": (
            "An old proof of a session was used a second time, and the session was ended.",
            "It may have been stolen. Change the password if you cannot explain it.",
        ),
        "sessions.not_loaded": ("Ended sessions could not be read.", _DATABASE),
        "web_link.refused": (
            "A link for logging in was refused: it was used already, or its time was over.",
            "Start again for a new one, or log in with the password.",
        ),
        # The service and its parts
        "request.failed": ("A request failed with a defect.", _DEFECT),
        "export.unavailable": ("A file could not be begun.", f"Ask for it again in a moment. {_DATABASE}"),
        "idempotency.answer_unreadable": (
            "The kept answer of a repeated request cannot be read.",
            "Whoever repeats it is told to look what became of it.",
        ),
        "idempotency.not_kept": (
            "The answer of a request could not be kept for its repetition.",
            "What it asked for was done. " + _DATABASE,
        ),
        "websocket.failed": ("A live connection ended with a defect.", "Pages connect again by themselves. " + _DEFECT),
        "connections.fewer": (
            "Fewer connections are taken than the settings say.",
            "This machine lets the process open too few files: raise the limit (ulimit -n, LimitNOFILE).",
        ),
        "proxy.not_listed": (
            "A proxy in front of the service is not in the settings: its word about who asks is not believed.",
            "Put its address into TRUSTED_PROXY_NETWORKS.",
        ),
        "rate_limits.counted_alone": ("Limits of requests are counted by each process for itself.", _REDIS),
        "child.ended": (
            "A process that the service had started has ended.",
            "It is started again by itself. If it comes often, see whether memory is short.",
        ),
        "child.killed": (
            "A process did not end when it was asked to, and was killed.",
            "Nothing is lost. Nothing has to be done.",
        ),
        "engine.lease_lost": (
            "This process must not trade any more: it could not prove in time that it is the only one.",
            "It goes on by itself as soon as it can. See whether the database answers and the machine is busy.",
        ),
        "engine.lease_unavailable": (
            "It could not be found out which process trades.",
            f"Nobody trades twice. {_DATABASE}",
        ),
        "engine.load_postponed": ("The books could not be read yet; nothing is traded until then.", _DATABASE),
        "engine.replica": (
            "Another process trades; this one answers requests and takes over when that one dies.",
            "If you run only one, end the other.",
        ),
        "lease.no_room": (
            "There are as many services that trade as there can be; this one does not.",
            "Sixty-three is the most. It takes over when another one ends.",
        ),
        "lease.not_renewed": (
            "This process gave trading up: it was held up for too long.",
            f"It takes it up again by itself. {_SLOW}",
        ),
        "lease.older_engine": (
            "A process of an older version trades.",
            "Stop it, and this one goes on in its place.",
        ),
        "lease.renewal_failed": ("Proving that only this process trades failed with a defect.", _DEFECT),
        "shards.kept": (
            "Some agents could not be left to another service yet: trades of theirs have not ended.",
            _BY_ITSELF,
        ),
        "following.not_heard": (
            "What other engines do with agents that are shown here is not heard; it is read whenever somebody asks.",
            _REDIS,
        ),
        "shards.postponed": ("Which agents this service trades for could not be looked at.", _DATABASE),
        "service.forced_stop": (
            "The service was stopped at once, without finishing what it did.",
            "What was under way is looked up at the next start.",
        ),
        "service.not_recorded": (
            "Where the service runs could not be written into its folder.",
            "Commands may not find it by themselves: see whether the disk is full or the folder is read-only.",
        ),
        "service.task_failed": ("A part of the service has ended with a defect.", _DEFECT),
        "service.trades_left": (
            "The service stopped with trades under way.",
            "They are written down and go on at the next start.",
        ),
        "task.failed": ("Something that ran beside everything else ended with a defect.", _DEFECT),
        "event.listener_failed": ("A part of the service could not take in what happened.", _DEFECT),
        "loop.step_failed": ("A step of something that runs all the time failed.", "The next step goes on. " + _DEFECT),
        "job.failed": ("Work that is done now and then failed.", "It is done again later. " + _DEFECT),
        "notifications.given_up": (
            "Something was not told: it was too old before it came through.",
            "See with `nexgent notify` what is wrong with the target, and with `nexgent notify --sent` what it was.",
        ),
        "notifications.line_unreadable": (
            "An entry of the books could not be read to tell of it.",
            "Run `nexgent verify`; it says what is wrong.",
        ),
        "notifications.line_untold": (
            "Something that happened could not be put into words and was not told.",
            _DEFECT,
        ),
        "notifications.no_secret": (
            "Nothing can be told: the worker does not know what addresses were encrypted with.",
            "Set NOTIFY_SECRET or JWT_SECRET for the worker as for the service.",
        ),
        "notifications.postponed": ("Telling what happens was put off.", _DATABASE),
        "notifications.target_failed": ("A target of notifications could not be served.", _BY_ITSELF),
        "queue.job_delayed": ("Work that may wait was put off.", _BY_ITSELF),
        "queue.redis_away": ("The process for work that may wait cannot reach Redis.", _REDIS),
        "queue.sweep_skipped": ("Looking for bookings that were left behind was put off.", _BY_ITSELF),
        "queue.worker_failed": ("The process for work that may wait failed with a defect.", _DEFECT),
        "queue.worker_restarted": (
            "The process for work that may wait was started again.",
            _REDIS,
        ),
        "command.answer_too_large": (
            "A request that another process had forwarded was carried out, and its answer was too long to be sent.",
            _DEFECT,
        ),
        "command.failed": ("A request that another process had forwarded failed, and nobody expected it to.", _DEFECT),
        "commands.not_answered": ("A process that had forwarded a request could not be told what came of it.", _REDIS),
        "commands.not_listening": ("What came of requests that were forwarded is heard late.", _REDIS),
        "commands.not_taken": ("Requests that other processes forward are not heard.", _REDIS),
        "commands.repeated": (
            "A request that another process had forwarded came a second time, and was not carried out again.",
            "Redis lost something, or somebody else writes there.",
        ),
        "commands.unreadable": (
            "A request of another process could not be read.",
            "Processes with different secrets, or somebody else writes to Redis: give all of them the same JWT_SECRET.",
        ),
        "bridge.gap": (
            "What other processes did was missed for a moment, and is read anew.",
            "Nothing has to be done.",
        ),
        "bridge.not_listening": ("What other processes do is not heard.", _REDIS),
        "bridge.not_sent": ("Other processes could not be told what happened.", _REDIS),
        "bridge.unreadable": (
            "A message of another process could not be read.",
            "See whether all processes are of the same version.",
        ),
        "mirror.held_back": (
            "Copies for quick reading are not written: another process may trade now.",
            "Nothing has to be done.",
        ),
        "mirror.redis_away": ("Copies for quick reading cannot be written.", _REDIS),
        "mirror.step_failed": ("Writing copies for quick reading failed with a defect.", _DEFECT),
        "database.connections_cut": (
            "Connections to the database did not end in time and were cut.",
            "Nothing is lost: what was not written down is not booked.",
        ),
        "database.not_migrated": (
            "The tables of the database could not be brought to this version.",
            "The details say why. Make room or give the right to do so, then start again.",
        ),
        "embedded.care_failed": (
            "The database or Redis that the service runs itself could not be looked after.",
            _BY_ITSELF,
        ),
        "embedded.died": (
            "The database or Redis that the service runs itself has died.",
            "It is started again by itself. If it comes often, see whether memory or disk is short.",
        ),
        "tracing.setting": (
            "A setting of traces is not as it can be used.",
            "The details say which one, and what is allowed. Trading is the same with traces and without.",
        ),
        "tracing.no_sender": (
            "Traces cannot be sent.",
            "Trading goes on without them. The next start tries again; the details say what was in the way.",
        ),
        "tracing.not_made": ("Traces of something that happened could not be made.", _DEFECT),
        "tracing.collector_away": (
            "The collector of traces does not take them.",
            "Traces are lost meanwhile, and nothing else. See whether the collector runs and can be reached from here.",
        ),
        "embedded.restart_failed": (
            "The database or Redis that the service runs itself could not be started again.",
            "It is tried again. See whether the disk is full, and its log in the data folder.",
        ),
    }.items()
}  # fmt: skip

_OURS = re.compile(r"[a-z_]+\.[a-z_]+")


def words_of(event: str) -> WarningWords:
    """Return what a warning means. One that is not known here is a line of a library, which speaks for itself."""
    known = WORDS.get(event)
    if known is not None:
        return known
    if _OURS.fullmatch(event):
        return WarningWords("Something happened that has no description.", _DEFECT)
    return WarningWords(
        f"A library that the service uses says: {event}",
        "Mostly nothing has to be done. If something does not work, the log around it says more.",
    )
