"""`nexgent completion`: what a shell needs to complete commands and options."""

from __future__ import annotations

import argparse

import shtab

from nexgent.cli import exit_codes

HOW = {
    "bash": "nexgent completion bash > ~/.local/share/bash-completion/completions/nexgent",
    "zsh": "nexgent completion zsh > ~/.zfunc/_nexgent      (with ~/.zfunc in fpath, before compinit)",
    "fish": "nexgent completion fish > ~/.config/fish/completions/nexgent.fish",
    "tcsh": "nexgent completion tcsh > ~/.nexgent.tcsh      (and source it in ~/.tcshrc)",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("shell", choices=sorted(HOW), help="for which shell")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(["Where to put it:", *(f"  {line}" for line in HOW.values())])


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    from nexgent.cli.main import build_parser  # noqa: PLC0415 -- it knows this module by name and loads it when it is called

    print(shtab.complete(build_parser(None, everything=True), arguments.shell))
    return exit_codes.OK
