"""The garbage collector of a process that handles many short-lived objects beside a large, lasting state."""

from __future__ import annotations

import gc

GC_YOUNG, GC_MIDDLE, GC_OLD = 50_000, 20, 50


def tune_garbage_collection() -> None:
    """Keep the garbage collector away from what was loaded and from bursts: a full collection of it stops everything for long.

    Nearly all garbage here is freed by reference counts; what is left for the collector are rare cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_YOUNG, GC_MIDDLE, GC_OLD)
