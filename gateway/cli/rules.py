"""`gateway rules`: an account's message rules over recorded messages."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from gateway.cli.configuration import config_option, read_configuration
from gateway.cli.recorded import Recording, read_recordings
from gateway.core.outcome import Outcome, OutcomeStatus
from gateway.errors import GatewayError
from gateway.net.redaction import Redactor, secrets_of
from gateway.plugin_errors import FAULTS
from gateway.plugins import Plugins
from gateway.provider import Capability, Provider, capabilities
from gateway.settings.messages import suggestion
from gateway.settings.types import Settings

_LONG = 8
"""Characters from which on a secret looks like nothing else."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One recorded message and what the rules say of it."""

    recording: Recording
    outcome: Outcome
    fault: str | None = None
    """What the plugin raised instead of answering; the outcome is then `UNKNOWN`."""

    @property
    def wrong(self) -> bool:
        """Whether a verdict was expected and this is not it."""
        return bool(self.recording.expect) and self.outcome.status.value not in self.recording.expect


@click.command("rules")
@click.argument("account")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a message, and nothing else on standard output.")
@config_option
@click.pass_context
def command(ctx: click.Context, account: str, file: Path, config: Path, *, as_json: bool) -> None:
    """Run the message rules of ACCOUNT over the recorded messages in FILE.

    FILE holds plain lines, or JSON lines with text and, where known, channel (sync, report, check, dup, balance),
    status_code and expect, a list of acceptable verdicts. Exits 1 if a message got another verdict than expected.
    """
    settings, plugins = read_configuration(config)
    provider = find_account(settings, plugins, account)
    (own,) = (one for one in settings.providers if one.id == account)
    secrets = secrets_of(own)
    with click.progressbar(
        read_recordings(file), label=str(file), file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as recordings:
        judged = [shown(judge(provider, recording), secrets) for recording in recordings]
    for item in judged:
        click.echo(json.dumps(as_object(item.outcome)) if as_json else as_text(item))
        if as_json and (item.wrong or item.fault):
            click.echo(as_text(item), err=True)
    click.echo(coverage(judged), err=as_json)
    ctx.exit(1 if any(item.wrong for item in judged) else 0)


def find_account(settings: Settings, plugins: Plugins, account: str) -> Provider[Any]:
    """The provider of an account, which must have message rules.

    Raises:
        GatewayError: there is no such account, or its kind has no rules.
    """
    accounts = {provider.id: provider for provider in settings.providers}
    if account not in accounts:
        known = suggestion(account, accounts) or f"there are: {', '.join(sorted(accounts)) or 'none'}"
        raise GatewayError(f"there is no account {printable(account)}; {known}")
    kind = plugins.kinds.get(accounts[account].kind)
    if kind is None:
        raise GatewayError(f"the account {account} cannot be used: its plugin failed to load")
    if Capability.RULES not in capabilities(kind):
        raise GatewayError(f"the account {account} is of the kind {kind.kind}, which has no message rules")
    return kind(accounts[account])


def judge(provider: Provider[Any], recording: Recording) -> Judged:
    """What the rules say of one message. A plugin that raises or answers junk says `UNKNOWN`."""
    try:
        outcome: object = provider.read_message(recording.message)
    except KeyboardInterrupt:
        raise  # somebody's Ctrl-C, and nothing of the plugin's
    except FAULTS as error:
        return Judged(recording, Outcome(status=OutcomeStatus.UNKNOWN), f"the plugin raised {type(error).__name__}")
    if not isinstance(outcome, Outcome):
        fault = f"the plugin answered with {type(outcome).__name__} instead of an Outcome"
        return Judged(recording, Outcome(status=OutcomeStatus.UNKNOWN), fault)
    return Judged(recording, outcome)


def shown(judged: Judged, secrets: Sequence[str]) -> Judged:
    """The same as it may be shown: suppliers echo the PIN that they were sent, and people record what they wrote.

    A short secret is masked in the message and not in the facts: a serial number has groups that look like a PIN, and
    a fact that is altered is a wrong one.
    """
    recording, outcome = judged.recording, judged.outcome
    text = Redactor(secrets).text(recording.message.text)
    said = replace(recording, message=replace(recording.message, text=text))
    mask = Redactor([secret for secret in secrets if len(secret) >= _LONG]).text
    texts = {name: getattr(outcome, name) for name in ("ref", "supplier_ref", "serial")}
    masked: dict[str, Any] = {name: mask(text) for name, text in texts.items() if isinstance(text, str)}
    return replace(judged, recording=said, outcome=replace(outcome, **masked))


def as_object(outcome: Outcome) -> dict[str, str | int | None]:
    """An outcome as `--json` prints it."""
    return {
        "verdict": outcome.status.value,
        "rule": outcome.rule,
        "reason": outcome.reason.value if outcome.reason is not None else None,
        "ref": outcome.ref,
        "supplier_ref": outcome.supplier_ref,
        "serial": outcome.serial,
        "price": outcome.price,
        "balance": outcome.balance,
    }


def as_text(judged: Judged) -> str:
    """One message as people read it: line, verdict, rule, what was found in it, and the message."""
    outcome = judged.outcome
    found = as_object(outcome)
    facts = " ".join(f"{name}={value}" for name, value in list(found.items())[2:] if value is not None)
    parts = [f"{judged.recording.line}: {outcome.status.value:<8} {outcome.rule or 'no rule'}"]
    if judged.wrong:
        parts.append(f"EXPECTED {' or '.join(judged.recording.expect)}")
    parts += [part for part in (judged.fault, facts, judged.recording.message.text) if part]
    return printable(" | ".join(parts))


def coverage(judged: Sequence[Judged]) -> str:
    """How many messages a rule read, and how many expected verdicts came."""
    by_rule = sum(item.outcome.rule is not None for item in judged)
    expected = [item for item in judged if item.recording.expect]
    right = sum(not item.wrong for item in expected)
    share = f" ({100 * by_rule / len(judged):.1f} %)" if judged else ""
    return (
        f"coverage: {by_rule} of {len(judged)} messages read by a rule{share}; "
        f"verdicts: {_counts(judged)}; as expected: {right} of {len(expected)}"
    )


def _counts(judged: Iterable[Judged]) -> str:
    verdicts = [item.outcome.status for item in judged]
    return (
        ", ".join(f"{verdicts.count(status)} {status.value}" for status in OutcomeStatus if status in verdicts)
        or "none"
    )


def printable(text: str) -> str:
    """A supplier's text for a terminal: control characters cannot move the cursor or begin a line."""
    return "".join(_characters(text))


def _characters(text: str) -> Iterator[str]:
    for character in text:
        yield character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
