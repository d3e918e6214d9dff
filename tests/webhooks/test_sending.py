"""One notification on its way to a receiver over real sockets: signature, bounds, and where it may not go."""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import hmac
import socket
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from gateway.core.transaction import Notification
from gateway.net.webhook import MOST_ANSWER, WebhookSender
from gateway.settings.types import Webhook

Make = Callable[..., Webhook]
Notify = Callable[..., Notification]
OLD_SECRET = "whsec_" + base64.b64encode(b"the secret that is being replaced").decode()
OK = b"HTTP/1.1 204 No Content\r\n\r\n"
PLAIN_SECRET = "a plain secret of more than 24 bytes"


class Names(AbstractResolver):
    """Name service that answers as it is told, each time something else."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.asked += 1
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None: ...


@pytest.fixture
async def sender() -> AsyncIterator[Callable[..., WebhookSender]]:
    made: list[WebhookSender] = []

    def make(webhook: Webhook, **options: Any) -> WebhookSender:
        one = WebhookSender(webhook, **{"connect": 2.0, "answer": 2.0, **options})
        made.append(one)
        return one

    yield make
    for one in made:
        await one.close()


async def test_a_notification_arrives_whole_and_verifies_with_the_standard_library(
    receiver: Any, sender: Any, webhook: Make, notification: Notify, secret: str
) -> None:
    one = notification()
    answer = await sender(webhook(receiver.url)).send(one)
    assert answer.status == 204
    [got] = receiver.got
    assert got.head == "POST /hooks/pulsa?tenant=1 HTTP/1.1"
    assert got.body == one.body.encode()
    assert got.headers["content-type"] == "application/json"
    assert got.headers["webhook-id"] == one.id
    Verifier(secret).verify(got.body, got.headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(got.body + b" ", got.headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(OLD_SECRET).verify(got.body, got.headers)


async def test_the_signature_is_the_one_that_the_specification_describes(
    receiver: Any, sender: Any, webhook: Make, notification: Notify
) -> None:
    at = datetime(2026, 11, 24, 3, 0, 0, 999_999, tzinfo=UTC)
    one = notification()
    await sender(webhook(receiver.url, PLAIN_SECRET), now=lambda: at).send(one)
    headers = receiver.got[0].headers
    assert headers["webhook-timestamp"] == "1795489200"
    signed = f"{one.id}.1795489200.{one.body}".encode()
    expected = base64.b64encode(hmac.new(PLAIN_SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


async def test_while_a_secret_is_replaced_both_verify(
    receiver: Any, sender: Any, webhook: Make, notification: Notify, secret: str
) -> None:
    await sender(webhook(receiver.url, secret, OLD_SECRET, PLAIN_SECRET)).send(notification())
    [got] = receiver.got
    assert len(got.headers["webhook-signature"].split(" ")) == 3
    for key in (secret, OLD_SECRET, PLAIN_SECRET.encode()):
        Verifier(key).verify(got.body, got.headers)


async def test_a_secret_that_may_be_read_in_two_ways_is_signed_in_both(
    receiver: Any, sender: Any, webhook: Make, notification: Notify
) -> None:
    secret = base64.b64encode(b"a key that was made without the prefix").decode()
    await sender(webhook(receiver.url, secret)).send(notification())
    [got] = receiver.got
    for key in (secret, secret.encode()):
        Verifier(key).verify(got.body, got.headers)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(
    receiver: Any, sender: Any, webhook: Make, notification: Notify, status: int
) -> None:
    location = f"http://127.0.0.1:{receiver.port}/elsewhere"
    receiver.answer = f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    answer = await sender(webhook(receiver.url)).send(notification())
    assert answer.status == status
    assert len(receiver.got) == 1


async def test_a_dropped_connection_is_not_tried_again_behind_our_back(
    receiver: Any, sender: Any, webhook: Make, notification: Notify
) -> None:
    """Warm as well as cold: aiohttp resends on connections that were used before."""
    one = sender(webhook(receiver.url))
    await one.send(notification(1))
    receiver.answer = b"close"
    answer = await one.send(notification(2))
    assert answer.status is None
    cold = await sender(webhook(receiver.url)).send(notification(3))
    assert cold.status is None
    assert [got.headers["webhook-id"][-9:] for got in receiver.got] == ["1_success", "2_success", "3_success"]


async def test_a_good_connection_is_used_again(receiver: Any, sender: Any, webhook: Make, notification: Notify) -> None:
    one = sender(webhook(receiver.url))
    for number in range(5):
        assert (await one.send(notification(number))).status == 204
    assert receiver.connections == 1


async def test_bytes_that_nobody_asked_for_are_not_taken_for_the_next_answer(
    receiver: Any, sender: Any, webhook: Make, notification: Notify
) -> None:
    """Whether they come along with an answer, or later while the connection waits."""
    one = sender(webhook(receiver.url))
    receiver.answer = b"HTTP/1.1 204 No Content\r\n\r\n" * 2
    assert (await one.send(notification(1))).status == 204
    receiver.answer, receiver.afterwards = OK, OK
    assert (await one.send(notification(2))).status == 204
    await receiver.spoken.wait()
    await asyncio.sleep(0.05)
    receiver.answer, receiver.afterwards = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", b""
    assert (await one.send(notification(3))).status == 500
    assert receiver.connections == 3


async def test_a_receiver_that_hangs_is_left_in_time(
    receiver: Any, sender: Any, webhook: Make, notification: Notify
) -> None:
    receiver.answer = lambda got: None
    began = time.monotonic()
    answer = await sender(webhook(receiver.url), answer=0.2).send(notification())
    assert time.monotonic() - began < 1.5
    assert (answer.status, answer.detail) == (None, "answer timeout (TimeoutError)")


async def test_a_body_that_never_ends_does_not_undo_its_status(
    receiver: Any, sender: Any, webhook: Make, notification: Notify
) -> None:
    receiver.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"
    answer = await sender(webhook(receiver.url), answer=0.2).send(notification())
    assert answer.status == 200


@pytest.mark.parametrize("status", [200, 500])
async def test_a_large_answer_is_cut(
    receiver: Any, sender: Any, webhook: Make, notification: Notify, status: int
) -> None:
    size = 10_000_000
    receiver.answer = f"HTTP/1.1 {status} OK\r\nContent-Length: {size}\r\n\r\n".encode() + b"x" * size
    one = sender(webhook(receiver.url))
    gc.collect()
    tracemalloc.start()
    try:
        answer = await one.send(notification())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.status == status
    assert len(answer.detail) < 300
    assert peak < 20 * MOST_ANSWER
    await receiver.die()
    assert receiver.written < size  # what the system's own buffers took had left already


async def test_a_packed_answer_is_not_unpacked(receiver: Any, sender: Any, webhook: Make, notification: Notify) -> None:
    receiver.answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"
    assert (await sender(webhook(receiver.url)).send(notification())).status == 200
    assert receiver.got[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage\r\n\r\nclose",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_no_answer(
    receiver: Any, sender: Any, webhook: Make, notification: Notify, answer: bytes
) -> None:
    receiver.answer = answer
    found = await sender(webhook(receiver.url)).send(notification())
    assert (found.status, found.detail) == (None, "malformed (ClientResponseError)")


async def test_what_a_receiver_says_is_shown_to_operators_on_one_line_without_secrets(
    receiver: Any, sender: Any, webhook: Make, notification: Notify, secret: str
) -> None:
    body = f"no\r\n\x1b[31mway {secret} {secret.removeprefix('whsec_')} /hooks/pulsa".encode() + b"\xff" * 500
    receiver.answer = f"HTTP/1.1 500 Oops\r\nRetry-After: 7\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    answer = await sender(webhook(receiver.url)).send(notification())
    assert answer.retry_after == "7"
    assert answer.detail.startswith("status 500: no [31mway *** *** ***\ufffd")
    assert answer.detail.isprintable()
    assert len(answer.detail) < 230


async def test_nobody_there_is_no_answer(receiver: Any, sender: Any, webhook: Make, notification: Notify) -> None:
    await receiver.die()
    answer = await sender(webhook(receiver.url)).send(notification())
    assert (answer.status, answer.detail) == (None, "connect refused (ECONNREFUSED)")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "localhost.",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.1",
        "0",
        "[::ffff:127.0.0.1]",
        "[::1]",
        "[::]",
    ],
)
async def test_this_machine_is_refused_in_whatever_way_it_is_written(
    receiver: Any, sender: Any, webhook: Make, notification: Notify, host: str
) -> None:
    answer = await sender(webhook(f"http://{host}:{receiver.port}/", allow=())).send(notification())
    assert answer.status is None
    assert receiver.connections == 0
    if host in {"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"}:
        assert "address refused" in answer.detail


async def test_a_name_that_changes_between_two_notifications_is_checked_each_time(
    receiver: Any, sender: Any, webhook: Make, notification: Notify
) -> None:
    """Rebinding: whatever name service said before, the address that is connected to is the one that is judged."""
    names = Names(["127.0.0.1"], ["127.0.0.2"], ["169.254.169.254"])
    url = f"http://shop.example:{receiver.port}/"
    allowed = sender(webhook(url, allow=("127.0.0.1/32",)), resolver=names)
    receiver.answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    assert (await allowed.send(notification(1))).status == 204
    assert names.asked == 1
    for address in ("127.0.0.2", "169.254.169.254"):
        again = sender(webhook(url, allow=("127.0.0.1/32",)), resolver=names)
        refused = await again.send(notification(2))
        assert refused.status is None
        assert refused.detail.startswith(f"address refused: {address} is ")
    assert receiver.connections == 1


async def test_of_a_name_with_several_addresses_only_the_allowed_ones_are_used(
    receiver: Any, sender: Any, webhook: Make, notification: Notify
) -> None:
    names = Names(["10.0.0.1", "127.0.0.1"])
    url = f"http://shop.example:{receiver.port}/"
    one = sender(webhook(url), resolver=names)
    assert (await one.send(notification())).status == 204
    nowhere = sender(webhook(url), resolver=Names(["10.0.0.1", "fe80::1", "::ffff:192.168.0.1"]))
    refused = await nowhere.send(notification())
    assert refused.detail.startswith("address refused: ")


async def test_name_service_that_answers_with_a_name_is_not_believed(
    receiver: Any, sender: Any, webhook: Make, notification: Notify
) -> None:
    one = sender(webhook(f"http://shop.example:{receiver.port}/", allow=()), resolver=Names(["localhost"]))
    assert (await one.send(notification())).status is None
    assert receiver.connections == 0


async def test_name_service_that_hangs_is_left_in_time_and_takes_nobodys_thread(
    sender: Any, webhook: Make, notification: Notify, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    end = threading.Event()

    def hang(host: Any, *args: Any, **more: Any) -> Any:
        asked.append(host)
        end.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "nobody knows")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    senders = [sender(webhook(f"http://shop{number}.example:9/", allow=()), connect=0.1) for number in range(40)]
    try:
        answers = await asyncio.gather(*(one.send(notification(number)) for one in senders for number in range(5)))
        async with asyncio.timeout(1):
            await asyncio.to_thread(int)
    finally:
        end.set()
    assert {answer.detail.split(" (")[0] for answer in answers} == {"connect timeout"}
    assert len(asked) == len(set(asked)) == 40  # however many wait for a name, it is asked for once


async def test_a_name_that_nobody_knows_is_no_answer(sender: Any, webhook: Make, notification: Notify) -> None:
    answer = await sender(webhook("http://nowhere.invalid/")).send(notification())
    assert answer.status is None
    assert answer.detail.startswith("dns (")


async def test_closing_twice_does_nothing(receiver: Any, webhook: Make, notification: Notify) -> None:
    one = WebhookSender(webhook(receiver.url))
    await one.send(notification())
    await one.close()
    await one.close()
