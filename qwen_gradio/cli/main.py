"""The entry point `qwen-gradio`: a group of commands whose default is `ask`, with exit codes for their errors."""

from __future__ import annotations

import sys
from typing import Any

try:
    import click
except ImportError:
    sys.exit("qwen-gradio: this command needs click and rich: pip install 'qwen_gradio[cli]'")

import qwen_gradio

from .ask import ask
from .demo import demo
from .exit_codes import ExitCode
from .quota import quota
from .render import echo
from .serve import serve
from .spaces import inspect_space, list_spaces


class AskByDefault(click.Group):
    """A group that runs `ask` unless the first argument is a command's name. Its help lists the options of `ask`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args[:1] not in (["--help"], ["--version"]) and (not args or args[0] not in self.commands):
            args = ["ask", *args]
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        click.Command.format_options(ask, ctx, formatter)
        self.format_commands(ctx, formatter)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; print its error as one line on stderr, and exit with the code for it."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            sys.exit(ExitCode.INTERRUPTED)
        except (click.exceptions.Exit, click.Abort):  # click's own exceptions, which are RuntimeErrors
            raise
        except (qwen_gradio.QwenGradioError, RuntimeError) as exc:
            echo(f"qwen-gradio: {' '.join(str(exc).split())}", err=True)
            sys.exit(ExitCode.WRONG_USE if isinstance(exc, qwen_gradio.UsageError) else ExitCode.SPACE_FAILED)


@click.group(
    cls=AskByDefault,
    commands=[ask, demo, inspect_space, list_spaces, serve, quota],
    options_metavar="[OPTIONS]",
    subcommand_metavar="[PROMPT | COMMAND]",
    epilog="Exit codes: 0 the reply is whole, 1 the Space failed, 2 wrong use, 130 interrupted.",
)
@click.version_option(package_name="qwen_gradio")
def main() -> None:
    """Ask Qwen2-72B-Instruct, or another chat Space, and stream the reply.

    The prompt is read from stdin if it is "-", or if none is given and stdin is piped.
    """
