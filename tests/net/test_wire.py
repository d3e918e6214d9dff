"""A call leaves exactly as its provider wrote it, or not at all."""

from __future__ import annotations

import string
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from gateway.net.transport import Failure, Transport
from gateway.net.wire import MAX_BODY, mistake_in
from gateway.provider import Call
from gateway.settings.types import ProviderSettings
from gateway.testing.raw_supplier import RawSupplier, answer

Account = Callable[..., ProviderSettings]
Open = Callable[..., Awaitable[Transport]]

TARGETS = [
    "/trx?pin=1%2f2%2F3&sign=a+b%20c%2B==&x='\"<>`{}|\\^~!*()",
    "/a/../b/./c;v=1?x=%zz&y=%",
    "//double//slash",
    "/?a?b?c=d&&e==&",
    "/%41%7e?q=[1]@:$,",
]


@pytest.mark.parametrize("target", TARGETS)
async def test_the_url_goes_out_byte_for_byte(open_transport: Open, account: Account, target: str) -> None:
    async with RawSupplier() as supplier:
        transport = await open_transport(account(supplier.url))
        sent = await transport.send(Call(method="GET", url=supplier.url + target))
        assert sent.reply is not None
        assert supplier.requests[0].target == target.encode()


@given(
    path=st.text("/" + string.ascii_letters + "%.;~-_!$&'()*+,=:@[]{}|\\^`<>\"", max_size=30), query=st.text(min_size=1)
)
@settings(max_examples=200)
def test_what_is_accepted_is_not_altered(path: str, query: str) -> None:
    url = f"http://127.0.0.1:8089/{path}?{query}"
    if mistake_in(Call(method="GET", url=url)) is None:
        assert URL(url, encoded=True).raw_path_qs == f"/{path}?{query}"
        assert str(URL(url, encoded=True)) == url  # what a proxy is sent
    else:
        assert not all("!" <= char <= "~" and char != "#" for char in query)


async def test_headers_and_body_go_out_as_they_are_and_nothing_is_smuggled_in(
    open_transport: Open, account: Account
) -> None:
    async with RawSupplier() as supplier:
        transport = await open_transport(account(supplier.url))
        headers = (("X-Sign", "AbC=="), ("Content-Type", "application/json"), ("X-Two", "1"), ("X-Two", "2"))
        for _ in range(2):
            await transport.send(
                Call(method="POST", url=f"{supplier.url}/", headers=headers, body=b'{"pin":"\x00\xff"}')
            )
        first, second = supplier.requests
        assert first.head == second.head
        assert first.body == second.body == b'{"pin":"\x00\xff"}'
        lines = first.head.decode().split("\r\n")
        assert lines[0] == "POST / HTTP/1.1"
        assert sorted(lines[1:]) == sorted(
            [
                f"Host: 127.0.0.1:{supplier.port}",
                "User-Agent: pulsa-gateway",
                "Accept: */*",
                "Accept-Encoding: gzip, deflate",
                "X-Sign: AbC==",
                "Content-Type: application/json",
                "X-Two: 1",
                "X-Two: 2",
                "Content-Length: 12",
            ]
        )


async def test_cookies_are_not_kept(open_transport: Open, account: Account) -> None:
    async with RawSupplier(answer(b"OK", headers=[("Set-Cookie", "session=1; Path=/")])) as supplier:
        transport = await open_transport(account(supplier.url))
        for _ in range(2):
            await transport.send(Call(method="GET", url=f"{supplier.url}/"))
        assert supplier.requests[1].header(b"cookie") is None


async def test_the_environments_proxy_is_ignored(
    open_transport: Open, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with RawSupplier() as supplier:
        transport = await open_transport(account(supplier.url))
        assert (await transport.send(Call(method="GET", url=f"{supplier.url}/"))).reply is not None


CANARY = "canary-4711"
OURS = "http://127.0.0.1:9/trx"
MISTAKES = [
    Call(method="GET", url=f"ftp://127.0.0.1/{CANARY}"),
    Call(method="GET", url=f"http://user:{CANARY}@127.0.0.1:9/"),
    Call(method="GET", url=f"{OURS}?pin={CANARY}#x"),
    Call(method="GET", url=f"{OURS}?pin={CANARY} x"),
    Call(method="GET", url=f"{OURS}?pin={CANARY}\r\nX: y"),
    Call(method="GET", url=f"{OURS}?pin={CANARY}\u00e9"),
    Call(method="GET", url=f"http://{CANARY}:99999/"),
    Call(method="GET", url=f"http://[::1/{CANARY}"),
    Call(method="GET", url=f"http://a..b/{CANARY}"),
    Call(method="GET", url=f"http:///{CANARY}"),
    Call(method="GET", url=CANARY),
    Call(method="GET", url=""),
    Call(method="CONNECT", url=OURS),
    Call(method="get", url=OURS),
    Call(method=f"GET /{CANARY}", url=OURS),
    Call(method="GET", url=OURS, headers=(("X-A", f"{CANARY}\r\nX-B: c"),)),
    Call(method="GET", url=OURS, headers=(("X-A", f"{CANARY}\0"),)),
    Call(method="GET", url=OURS, headers=(("X-A", f"{CANARY}\ud800"),)),
    Call(method="GET", url=OURS, headers=((f"X {CANARY}", "a"),)),
    Call(method="POST", url=OURS, headers=(("Content-Length", "1"),), body=CANARY.encode()),
    Call(method="POST", url=OURS, headers=(("transfer-encoding", "chunked"),), body=CANARY.encode()),
    Call(method="POST", url=OURS, headers=(("Expect", "100-continue"),), body=CANARY.encode()),
    Call(method="GET", url=OURS, headers=(("Accept-Encoding", "br"),)),
    Call(method="POST", url=OURS, body=b"x" * (MAX_BODY + 1)),
]


@pytest.mark.parametrize("number", range(len(MISTAKES)))
async def test_what_cannot_leave_as_it_stands_does_not_leave(
    open_transport: Open, account: Account, number: int
) -> None:
    transport = await open_transport(account())
    sent = await transport.send(MISTAKES[number])
    assert (sent.failure, sent.left, sent.reply) == (Failure.INVALID_CALL, False, None)
    assert sent.detail
    assert CANARY not in sent.detail
