"""The entry point `qwen-gradio`: a group of commands whose default is `ask`, with exit codes for their errors."""

from __future__ import annotations

import difflib
import importlib.util
import sys
from typing import Any

try:
    import click
    from click.shell_completion import CompletionItem

    if importlib.util.find_spec("rich") is None:  # not imported, as only a terminal needs it
        raise ImportError
except ImportError:
    sys.exit("qwen-gradio: this command needs click and rich: pip install 'qwen_gradio[cli]'")

import qwen_gradio

from .ask import ask
from .batch import batch
from .chat import chat
from .demo import demo
from .exit_codes import ExitCode
from .logs import logs
from .options import in_command_words
from .quota import quota
from .render import ask_back, drop_output, is_terminal, print_error
from .serve import serve
from .spaces import inspect_space, list_spaces

GROUP_OPTIONS = ("-h", "--help", "--version")
MIN_LIKENESS = 0.72  # of two words; "inspects" and "demos" are beyond it, "hello" and "help" are not


class AskByDefault(click.Group):
    """A group that runs `ask` unless the first argument is a command's name. Its help lists the options of `ask`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args[:1] == ["help"]:
            args = [*args[1:2], "--help"]
        if ctx.resilient_parsing and not args:  # a shell completes the first word
            return super().parse_args(ctx, args)
        if args[:1] not in [[option] for option in GROUP_OPTIONS] and (not args or args[0] not in self.commands):
            if not ctx.resilient_parsing:
                prompts = ask.make_context("ask", [*args], resilient_parsing=True).params.get("prompts")
                self._check_is_no_command(prompts[0] if prompts else "")
            args = ["ask", *args]
        return super().parse_args(ctx, args)

    def _check_is_no_command(self, word: str) -> None:
        """Ask back before a word that is a command, or nearly, is sent to a Space; exit if it is not meant."""
        similar = difflib.get_close_matches(word.lower(), self.commands, n=1, cutoff=MIN_LIKENESS)
        if not similar or not word.isalpha():
            return
        found = f"is nearly the command {similar[0]!r}" if word != similar[0] else "is a command, which comes first"
        if is_terminal(sys.stdin) and is_terminal(sys.stderr):
            if ask_back(f"{word!r} {found}. Send it to the Space as a question?"):
                return
            sys.exit(ExitCode.WRONG_USE)
        print_error(f"{word!r} {found}, and was not sent; to ask it: qwen-gradio ask {word}")
        sys.exit(ExitCode.WRONG_USE)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        return [*super().shell_complete(ctx, incomplete), *ask.shell_complete(ctx, incomplete)]

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
            print_error(in_command_words(str(exc)))
            sys.exit(ExitCode.WRONG_USE if isinstance(exc, qwen_gradio.UsageError) else ExitCode.SPACE_FAILED)
        except BrokenPipeError:
            drop_output()
            sys.exit(ExitCode.BROKEN_PIPE)
        except OSError as exc:
            print_error(f"the output can't be written: {exc.strerror or exc}")
            drop_output()
            sys.exit(ExitCode.CANNOT_WRITE)


EPILOG = """Exit codes: 0 the reply is whole, 1 the Space failed, 2 wrong use, 3 the quota of a batch is used up, 4 the
output can't be written, 130 interrupted, 141 the reader of the output has gone.

Completion: eval "$(_QWEN_GRADIO_COMPLETE=bash_source qwen-gradio)", or zsh_source; for fish,
_QWEN_GRADIO_COMPLETE=fish_source qwen-gradio | source."""


@click.group(
    cls=AskByDefault,
    commands=[ask, batch, chat, demo, inspect_space, list_spaces, logs, quota, serve],
    context_settings={"help_option_names": ["-h", "--help"]},
    options_metavar="[OPTIONS]",
    subcommand_metavar="[PROMPT | COMMAND]",
    epilog=EPILOG,
)
@click.version_option(package_name="qwen_gradio")
def main() -> None:
    """Ask Qwen2-72B-Instruct, or another chat Space, and print the reply.

    The prompt is read from stdin if it is "-", or if none is given and stdin is piped; if both are given, the text on
    stdin comes first.
    """
