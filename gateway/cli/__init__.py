"""The command line. One command a file: the file is named after the command and holds it as `command`.

A new command is a new file here and its name in `COMMANDS`. Files are imported only when their command runs, so that
`gateway --help` is quick.
"""

from __future__ import annotations

from gateway.cli.group import CommandGroup

COMMANDS = {
    "serve": "run the gateway",
    "check": "validate the configuration",
    "plugins": "what is loaded, and what failed to load",
    "explain": "which suppliers a purchase would go to, and why",
    "rules": "run an account's message rules over recorded messages",
    "keys": "make API keys",
    "sandbox": "run the sandbox supplier alone",
    "migrate": "bring the ledger's schema up to date",
    "export": "write transactions for bookkeeping",
    "prune": "export finished months of transactions, and drop them",
    "reconcile": "hold a supplier's statement against the ledger",
    "audit": "check the audit log's hash chain",
}
"""Each command, and its line in the help."""

gateway = CommandGroup(
    name="gateway",
    package="gateway.cli",
    commands_help=COMMANDS,
    help="One HTTP API in front of many pulsa and PPOB suppliers.",
)
