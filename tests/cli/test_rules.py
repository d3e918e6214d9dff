from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from gateway.cli.recorded import Recording
from gateway.cli.rules import Judged, judge, shown
from gateway.core.outcome import Outcome, OutcomeStatus
from gateway.provider import RecordedMessage

Run = Callable[..., Result]


@pytest.fixture
def messages(tmp_path: Path) -> Callable[[str], Path]:
    def messages(text: str) -> Path:
        file = tmp_path / "messages.jsonl"
        file.write_text(text, encoding="utf-8")
        return file

    return messages


Messages = Callable[[str], Path]


def test_each_message_gets_its_verdict_and_rule_and_then_the_coverage(run: Run, messages: Messages) -> None:
    file = messages(
        '{"text": "success x", "channel": "report", "status_code": 20, "expect": ["success", "pending"]}\n'
        '{"text": "failed", "expect": ["failed"]}\n'
        '{"text": "what", "expect": []}\n'
    )
    result = run("rules", "one", file)
    assert result.exit_code == 0
    first, second, third, coverage = result.stdout.splitlines()
    assert first.startswith(
        "1: success  report-20 | ref=1 supplier_ref=T1 serial=038 price=5400 balance=-1 | success x"
    )
    assert second.startswith("2: failed   says-failed | reason=cutoff")
    assert third.startswith("3: unknown  no rule")
    assert coverage == (
        "coverage: 2 of 3 messages read by a rule (66.7 %); "
        "verdicts: 1 success, 1 failed, 1 unknown; as expected: 2 of 2"
    )


def test_another_verdict_than_expected_is_shown_and_exits_1(run: Run, messages: Messages) -> None:
    file = messages('{"text": "success", "expect": ["failed", "unknown"]}\n{"text": "success"}\n')
    result = run("rules", "one", file)
    assert result.exit_code == 1
    assert "EXPECTED failed or unknown" in result.stdout.splitlines()[0]
    assert "as expected: 0 of 1" in result.stdout


def test_json_prints_one_object_a_message_and_nothing_else(run: Run, messages: Messages) -> None:
    file = messages('{"text": "success"}\n{"text": "failed", "expect": ["success"]}\n{"text": ""}\n')
    result = run("rules", "one", file, "--json")
    assert result.exit_code == 1
    nothing = dict.fromkeys(["rule", "reason", "ref", "supplier_ref", "serial", "price", "balance"])
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {
            "verdict": "success", "rule": "sync-None", "reason": None, "ref": "1", "supplier_ref": "T1",
            "serial": "038", "price": 5400, "balance": -1,
        },
        nothing | {"verdict": "failed", "rule": "says-failed", "reason": "cutoff"},
        nothing | {"verdict": "unknown"},
    ]  # fmt: skip
    assert "EXPECTED success" in result.stderr
    assert "coverage: 2 of 3" in result.stderr


def test_a_plugin_that_raises_or_answers_junk_says_unknown(run: Run, messages: Messages) -> None:
    result = run("rules", "one", messages('{"text": "crash", "expect": ["unknown"]}\n{"text": "junk"}\n'))
    assert result.exit_code == 0
    assert "1: unknown  no rule | the plugin raised KeyError" in result.stdout
    assert "2: unknown  no rule | the plugin answered with str" in result.stdout


def test_ctrl_c_while_a_plugin_reads_is_no_fault_of_the_plugin() -> None:
    class Slow:
        def read_message(self, _: RecordedMessage) -> Outcome:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge(Slow(), Recording(1, RecordedMessage(text="x")))  # type: ignore[arg-type]  # all that is asked of it


def test_a_suppliers_text_cannot_move_the_cursor(run: Run, messages: Messages) -> None:
    result = run("rules", "one", messages('{"text": "success \\u001b[2J\\n2: failed\\u202e"}\n'))
    assert len(result.stdout.splitlines()) == 2
    assert "\x1b" not in result.stdout
    assert "\\x1b[2J\\n2: failed\\u202e" in result.stdout


def test_no_messages_is_no_mistake(run: Run, messages: Messages) -> None:
    result = run("rules", "one", messages("\n"))
    assert result.exit_code == 0
    assert result.stdout == "coverage: 0 of 0 messages read by a rule; verdicts: none; as expected: 0 of 0\n"


@pytest.mark.parametrize(
    ("account", "content", "words"),
    [
        ("on", "x", "there is no account on; did you mean one?"),
        ("zzz", "x", "there is no account zzz; there are: one, quiet"),
        ("quiet", "x", "has no message rules"),
        ("one", '{"text": "x"}\n{"text": \n', "messages.jsonl:2: is not JSON"),
        ("one", None, "cannot be read"),
    ],
)
def test_a_mistake_is_one_line_and_exits_2(
    run: Run, tmp_path: Path, account: str, content: str | None, words: str
) -> None:
    file = tmp_path / "messages.jsonl"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    result = run("rules", account, file)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_pin_is_masked_in_the_message_and_alters_no_serial_number() -> None:
    text = "R#42 SUKSES SN: 0143-1234-9579, PIN 1234, sign of-a-long-password"
    said = Recording(line=1, message=RecordedMessage(channel="sync", text=text), expect=())
    found = Outcome(status=OutcomeStatus.SUCCESS, serial="0143-1234-9579", ref="of-a-long-password")
    told = shown(Judged(said, found), ["1234", "of-a-long-password"])
    assert told.outcome.serial == "0143-1234-9579"
    assert told.outcome.ref == "***"
    assert "PIN 1234" not in told.recording.message.text
    assert "of-a-long-password" not in told.recording.message.text
