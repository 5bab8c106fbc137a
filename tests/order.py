"""In which order the files of tests begin, so that all cores have work from the first test to the last.

Some files mostly wait, for servers, prices and deadlines, and some mostly compute. Both kinds are spread over the whole run by
how long they take, the longest of each first: while one waits others compute, and none is left alone with a long one at the end.
"""

from __future__ import annotations

from collections.abc import Collection

from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]
from xdist.workermanage import WorkerController  # type: ignore[import-untyped]

TOGETHER = (
    ("web/test_pages.py", "web/test_names.py", "web/test_documentation.py"),
    ("web/test_upkeep.py", "web/test_journeys.py", "web/test_first_visit.py"),
    ("web/test_outages.py", "web/test_forms.py", "web/test_second_thoughts.py", "web/test_long_work.py"),
)
"""Files that run one after the other in one process, because they share a service and a browser that take seconds to start."""
WAIT_SECONDS = {
    "e2e/test_reconciliation.py": 170,
    "e2e/test_hung_engine.py": 95,
    "e2e/test_live.py": 80,
    "contract/test_hostile_input.py": 65,
    "e2e/test_market_trouble.py": 65,
    "e2e/test_shared_engines.py": 65,
    "e2e/test_notifications.py": 55,
    "e2e/test_deploy.py": 50,
    "e2e/test_telegram.py": 40,
    "e2e/test_trade.py": 32,
    "integration/telegram/test_bot.py": 31,
    "e2e/test_demo.py": 30,
    "e2e/test_going_live.py": 28,
    "e2e/test_requests.py": 28,
    "e2e/test_commands.py": 25,
    "e2e/test_price_history.py": 25,
    "e2e/test_tracing.py": 24,
    "e2e/test_backup.py": 22,
    "integration/server/test_limits.py": 20,
    "security/test_floods.py": 19,
    "e2e/test_live_changes.py": 18,
    "e2e/test_replica.py": 16,
    "e2e/test_silent_upstreams.py": 15,
    "security/test_environment_wallets.py": 14,
    "e2e/test_refused_orders.py": 13,
    "e2e/test_websocket_guide.py": 13,
    "e2e/test_encrypted_wallet.py": 12,
    "e2e/test_slow_recovery.py": 12,
    "e2e/test_runbooks.py": 11,
    "integration/websocket/test_floods.py": 10,
    "e2e/test_sell_signals.py": 9,
    "unit/tracing/test_recorder.py": 9,
}
COMPUTE_SECONDS = {
    "web/test_pages.py": 85,
    "web/test_outages.py": 80,
    "web/test_upkeep.py": 80,
    "contract/test_schemathesis.py": 55,
    "integration/install/test_setup.py": 45,
    "unit/scripts/test_mutants.py": 42,
    "security/test_matrix.py": 33,
    "security/test_sessions.py": 29,
    "integration/embedded/test_servers.py": 28,
    "e2e/test_chaos.py": 27,
    "unit/api/test_bad_input.py": 27,
    "contract/test_endpoints.py": 25,
    "integration/database/test_backup.py": 21,
    "security/test_lockout.py": 20,
    "e2e/test_dev.py": 18,
    "e2e/test_readme.py": 17,
    "integration/database/test_part_archive.py": 17,
    "contract/test_two_users.py": 16,
    "e2e/test_mcp.py": 15,
    "integration/database/test_backup_to_s3.py": 15,
    "integration/database/test_verify_side_by_side.py": 15,
    "integration/database/test_migrations.py": 12,
    "integration/database/test_verify.py": 12,
    "unit/cli/test_commands.py": 12,
    "integration/takeover/test_take_over.py": 11,
    "integration/websocket/test_endpoint.py": 11,
    "integration/database/test_journal_parts.py": 10,
    "unit/prices/test_bad_ticks.py": 10,
}
"""Seconds among others on two cores, by file or by the first one of a group, of those that take at least nine."""
_GROUPS = {file: files[0] for files in TOGETHER for file in files}
_USUAL_WAIT, _USUAL_COMPUTE = 5.0, 1.0
"""Seconds of the others, those of whole installations and of the rest."""


def group(file: str) -> str:
    """Return the name of what runs in one process: the file, or the first one of those that are kept together.

    Names begin beneath `tests/`.
    """
    return _GROUPS.get(file, file)


def places(files: Collection[str]) -> dict[str, tuple[float, str, str]]:
    """Return what to sort files by. Names begin beneath `tests/`; those of a group become neighbours."""
    waiting: dict[str, float] = {}
    computing: dict[str, float] = {}
    for name in {group(file) for file in files}:
        if name in WAIT_SECONDS or (name not in COMPUTE_SECONDS and name.startswith("e2e/")):
            waiting[name] = WAIT_SECONDS.get(name, _USUAL_WAIT)
        else:
            computing[name] = COMPUTE_SECONDS.get(name, _USUAL_COMPUTE)
    shares = _shares(waiting) | _shares(computing)
    return {file: (shares[name := group(file)], name, file) for file in files}


def _shares(seconds: dict[str, float]) -> dict[str, float]:
    """Return how much of a kind's time has begun before each one's turn, longest first."""
    shares, before, total = {}, 0.0, sum(seconds.values())
    for name in sorted(seconds, key=lambda name: (-seconds[name], name)):
        shares[name] = before / total
        before += seconds[name]
    return shares


class Scheduling(LoadFileScheduling):  # type: ignore[misc]
    """xdist's `--dist loadfile` with three differences.

    What is kept together is one unit. A process gets its next file when the one at hand has one test left, not two: a file
    that is given away waits there, while other processes have none. And when a process dies, what it had left is done by the
    next, which would wait forever with what was done already, or with a last test of which nobody says that it is the last.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group(super()._split_scope(nodeid).removeprefix("tests/"))

    def _reschedule(self, node: WorkerController) -> None:
        # Without any test of the next file a process does not begin the last one of this file.
        while not node.shutting_down and not (
            self.workqueue and self._pending_of(self.assigned_work[node]) > 1
        ):
            super()._reschedule(node)

    def remove_node(self, node: WorkerController) -> str | None:
        work = self.assigned_work[node]
        for unit in [unit for unit, tests in work.items() if all(tests.values())]:
            del work[unit]
        test: str | None = super().remove_node(node)
        return test
