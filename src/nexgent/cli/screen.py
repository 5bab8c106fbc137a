"""rich's console as commands use it: what is drawn has colours, and texts of others in it have none of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from nexgent.cli.terminal import drawn_on, harmless


class Screen(Console):
    """A console that draws only what it has made itself: escape sequences in texts are shown as what they are, nothing."""

    def __init__(self, *, stderr: bool = False, **options: Any) -> None:
        super().__init__(file=drawn_on(sys.stderr if stderr else sys.stdout), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as rich does; texts are harmless."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(harmless(segment.text), segment.style)
