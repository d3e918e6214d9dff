"""How every command behaves when something is wrong: one line for each mistake on standard error, and no traceback."""

from __future__ import annotations

import contextlib
import errno
import importlib
import io
import os
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

import click

from gateway.errors import GatewayError

EXIT_MISTAKE = 2
"""The person who gave the command can mend it."""
EXIT_UNREAD = 1
"""Whoever read the output has gone away, as `head` does: nothing is to be said about that."""
EXIT_BUG = 70
"""The gateway itself is wrong (EX_SOFTWARE)."""
EXIT_INTERRUPTED = 130


class CommandGroup(click.Group):
    """The commands of `package`, each imported when it is asked for."""

    def __init__(self, *, package: str, commands_help: Mapping[str, str], **settings: Any) -> None:
        super().__init__(context_settings={"help_option_names": ["-h", "--help"]}, **settings)
        self.package = package
        self.commands_help = commands_help
        self.params.append(_version_option())

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which they are listed."""
        del ctx
        return list(self.commands_help)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or `None`."""
        del ctx
        if cmd_name not in self.commands_help:
            return None
        command = importlib.import_module(f"{self.package}.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.package}.{cmd_name} holds no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(self.commands_help.items()))

    def main(self, *args: Any, **settings: Any) -> NoReturn:
        """Run a command and leave with its exit code: 0, the command's own, 2 for a mistake."""
        settings["standalone_mode"] = False
        _make_ready()
        try:
            code = super().main(*args, **settings)
            sys.stdout.flush()
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            code = EXIT_MISTAKE
        except click.ClickException as error:
            code = _told(error.format_message())
        except GatewayError as error:
            code = _told(str(error))
        except (click.Abort, KeyboardInterrupt):
            code = EXIT_INTERRUPTED
        except OSError as error:
            code = _refused_by_the_system(error)
        except Exception as error:
            kind = type(error).__name__
            _told(f"a mistake in the gateway itself ({kind}); GATEWAY_TRACEBACK=1 shows where it happened")
            _show_where(error)
            code = EXIT_BUG
        sys.exit(code if isinstance(code, int) else 0)


class _Closed(io.TextIOBase):
    """Standard output where there is none."""

    def write(self, text: str) -> int:
        del text
        raise OSError(errno.EBADF, "standard output is closed")


def _make_ready() -> None:
    if sys.stdout is None:  # the command was started with it closed
        sys.stdout = _Closed()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # suppliers' texts on a terminal that is not UTF-8


def _refused_by_the_system(error: OSError) -> int:
    """A disk that is full, say. Where a command knows more about it, it tells that itself."""
    with contextlib.suppress(OSError, ValueError):  # or Python would try at its end what has just failed
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    if isinstance(error, BrokenPipeError):
        return EXIT_UNREAD
    code = _told(f"the system says: {error.strerror or type(error).__name__}; mend that, and give the command again")
    _show_where(error)
    return code


def _show_where(error: Exception) -> None:
    """Where it happened, for who asks for it. What it says stays untold: it may hold a secret."""
    if os.environ.get("GATEWAY_TRACEBACK"):
        from gateway.observe.scrubbing import told

        _told(told(error, words=False))


def _told(message: str) -> int:
    for line in message.splitlines():
        click.echo(line, err=True)
    return EXIT_MISTAKE


def _version_option() -> click.Option:
    def show(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        del param
        if value and not ctx.resilient_parsing:
            from importlib.metadata import version

            click.echo(f"pulsa-gateway {version('pulsa-gateway')}")
            ctx.exit()

    return click.Option(
        ["--version"], is_flag=True, expose_value=False, is_eager=True, callback=show, help="Show the version and exit."
    )
