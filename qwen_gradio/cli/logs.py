"""`qwen-gradio logs`: what was asked and answered."""

from __future__ import annotations

import json

import click

from .log import Turn, user_log
from .render import echo


@click.command()
@click.option(
    "--count", "-n", type=click.IntRange(0), default=3, show_default=True, help="How many of the latest; 0 for all."
)
@click.option("--search", "-s", metavar="TEXT", default="", help="Only those that contain TEXT.")
@click.option("--json", "as_json", is_flag=True, help="Print each as a line of JSON.")
@click.option("--path", "shows_path", is_flag=True, help="Print the path of the file, to copy or to delete it.")
def logs(count: int, search: str, as_json: bool, shows_path: bool) -> None:
    """Show the latest questions and answers of `chat`, oldest first."""
    log = user_log()
    if shows_path:
        echo(str(log.path))
        return
    for turn in log.turns(count or -1, search=search):
        echo(json.dumps(turn.as_dict(), ensure_ascii=False) if as_json else _describe(turn))


def _describe(turn: Turn) -> str:
    """Format a turn as Markdown."""
    title = f"# {turn.time}  {turn.space}" + (f"  {turn.name}" if turn.name else "")
    question = "\n".join(f"> {line}".rstrip() for line in turn.prompt.splitlines())
    error = [f"({turn.error})"] if turn.error else []
    return "\n\n".join([title, question, *filter(None, [turn.reply.rstrip()]), *error]) + "\n"
