from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ConfigurationError, Mistake
from gateway.net.addresses import refusal
from gateway.provider import Provider
from gateway.settings.cross import warnings
from gateway.settings.load import load, reload
from gateway.settings.types import Settings

Load = Callable[..., Settings]
Find = Callable[..., list[Mistake]]
Kinds = Mapping[str, type[Provider[Any]]]

HASH = "sha256:" + "0" * 63 + "1"
WHOLE = f"""\
server: {{host: 0.0.0.0, port: 8080, admin_host: 0.0.0.0, admin_port: 9090, trusted_proxies: [10.0.0.0/8]}}
ledger: {{url: "postgresql://u:p@db/gateway"}}
cluster: {{redis: "redis://r:6379/0"}}
audit: {{path: var/audit.jsonl, mask: true}}
clients:
  - id: shop
    key_hash: "{HASH}"
    allow_from: [10.1.0.0/16]
    rate: {{per_second: 50, burst: 100}}
    webhook: {{url: "https://shop.internal/pulsa", secret: "${{WEBHOOK}}"}}
providers:
  - id: one
    kind: acme
    url: "http://trx.example.id/trx/slug"
    pin: "${{PIN}}"
    reports: {{allow_from: [203.0.113.7/32], token: t0ken, trust: verify}}
    limits: {{per_second: 20, in_flight: 50}}
    timeouts: {{connect: 5s, answer: 30s}}
    checks: [30s, 2m, 10m, 30m, 2h, 6h]
    proxy: "http://egress.internal:3128"
    codes: {{20: ok}}
products:
  - code: XL5
    dest: msisdn
    routes:
      - {{provider: one, code: XL5, price: 5400}}
routing: {{strategy: priority, deadline: 120s, max_attempts: 3}}
"""
ENV = {"WEBHOOK": "whsec_" + "A" * 32, "PIN": "0711"}

ACCOUNT = """\
providers:
  - id: one
    kind: acme
    url: http://a.example
"""


def told(mistakes: list[Mistake]) -> list[tuple[int | None, str]]:
    return [(mistake.line, mistake.path) for mistake in mistakes]


def test_the_contracts_example_is_read(read: Load) -> None:
    settings = read(WHOLE, **ENV)
    account = settings.providers[0]
    assert account.kind == "acme"
    assert account.checks == (30.0, 120.0, 600.0, 1800.0, 7200.0, 21600.0)
    assert account.pin.get_secret_value() == "0711"  # type: ignore[attr-defined]  # of the kind's own class
    assert account.codes == {20: "ok"}  # type: ignore[attr-defined]  # of the kind's own class
    assert str(settings.server.trusted_proxies[0]) == "10.0.0.0/8"
    assert settings.products[0].routes[0].price == 5400
    assert settings.clients[0].key_hashes == (HASH,)


def test_everything_left_out_has_a_default(read: Load) -> None:
    settings = read("audit: {mask: false}\n")
    assert settings.server.port == 8080
    assert settings.log.level == "info"
    assert not settings.clients
    assert not settings.products


def test_every_mistake_is_told_at_once_with_its_line(find: Find) -> None:
    mistakes = find(
        """\
        server: {port: 70000, prot: 1}
        ledger: {url: "mysql://x"}
        clients:
          - id: Shop
            key_hash: 12
          - id: shop
            key_hash: "sha256:xyz"
            rate: {per_second: 0}
        providers:
          - id: one
            kind: acme
            url: "ftp://x"
            limits: {per_second: 0}
            pin: 0711
            pin: "1234"
            loud: no
            checks: [30s, 10s]
          - id: one
            kind: acne
            url: "http://x"
        products:
          - code: XL5
            routes:
              - {provider: onne, code: X, price: 5.400}
              - {provider: one, code: 5000, price: 1e3}
              - {provider: one, code: "", price: "12"}
        rooting: {}
        """
    )
    assert told(mistakes) == [
        (1, "server.port"),
        (1, "server.prot"),
        (2, "ledger.url"),
        (4, "clients[0].id"),
        (5, "clients[0].key_hash"),
        (7, "clients[1].key_hash"),
        (8, "clients[1].rate.per_second"),
        (12, "providers[0].url"),
        (13, "providers[0].limits.per_second"),
        (14, "providers[0].pin"),
        (15, "providers[0].pin"),
        (16, "providers[0].loud"),
        (17, "providers[0].checks"),
        (18, "providers[1].id"),
        (19, "providers[1].kind"),
        (24, "products[0].routes[0].provider"),
        (24, "products[0].routes[0].price"),
        (25, "products[0].routes[1].code"),
        (25, "products[0].routes[1].price"),
        (26, "products[0].routes[2].code"),
        (27, "rooting"),
    ]
    text = "\n".join(map(str, mistakes))
    assert "did you mean port?" in text
    assert "did you mean routing?" in text
    assert "did you mean acme?" in text
    assert "did you mean one?" in text


def test_a_duplicate_key_is_told_once_for_its_path(find: Find) -> None:
    mistakes = find(ACCOUNT + '    pin: "1"\n    pin: "2"\n')
    assert [(mistake.line, mistake.message) for mistake in mistakes] == [(6, "is written twice, first on line 5")]


@pytest.mark.parametrize(
    ("line", "path", "words"),
    [
        ("pin: 1234", "pin", "put it in quotes"),
        ("pin: 0711", "pin", "put it in quotes"),
        ("pin: true", "pin", "put it in quotes"),
        ("pin:", "pin", "is empty"),
        ("pin: [a]", "pin", "must be text"),
        ("pin: 12.5", "pin", "put it in quotes"),
        ("password: 12345678", "password", "put it in quotes"),
        ("retries: true", "retries", "must be a number"),
        ("retries: 1.5", "retries", "must be a whole number"),
        ('retries: "1_000"', "retries", "must be a whole number"),
        ('retries: "3.0"', "retries", "must be a whole number"),
        ("loud: 1", "loud", "must be true or false"),
        ('loud: "yes"', "loud", "must be true or false"),
        ("enabled: off", "enabled", "true or false"),
        ("codes: {x: ok}", "codes.x", "must be a whole number"),
        ("codes: [1]", "codes", "must be a mapping"),
        ("colour: green", "colour", "is no colour"),
        ("colour: crash", "", "RuntimeError"),
        ("areas: al", "areas", "must be all or none"),
        ("areas: [jkt, 5]", "areas[1]", "put it in quotes"),
        ("limits: {in_flight: 0}", "limits.in_flight", "must be at least 1"),
        ("limits: 5", "limits", "must be a mapping"),
        ("limits:", "limits", "is empty"),
        ("timeouts: {answer: 30}", "timeouts.answer", "must be a duration"),
        ("timeouts: {answer: 0s}", "timeouts.answer", "must be greater than 0"),
        ("checks: 30s", "checks", "must be a list"),
        ("checks: []", "checks", "must have at least 1"),
        ("checks: [2m, 30s]", "checks", "must rise"),
        ("reports: {allow_from: 203.0.113.7}", "reports.allow_from", "must be a list"),
        ("reports: {allow_from: [203.0.113.7/24]}", "reports.allow_from[0]", "behind the mask: write 203.0.113.0/24"),
        ("reports: {allow_from: [supplier.id]}", "reports.allow_from[0]", "must be an address"),
        ("reports: {allow_from: [1234]}", "reports.allow_from[0]", "must be an address"),
        ("reports: {trust: maybe}", "reports.trust", "must be verify or source"),
        ("no_failover: [cut_off]", "no_failover[0]", "is not a reason code"),
        ("never_seen: {after: 1m, time: 2}", "never_seen.time", "did you mean times?"),
        ("proxy: socks5://x", "proxy", "must begin with http://"),
        ("balance_every: 5m", "balance_every", "cannot ask for its balance"),
        ("check: none\n    reports: {allow_from: [203.0.113.7]}", "reports.trust", "trust: source"),
        ("check: raise\n    reports: {allow_from: [203.0.113.7]}", "", "RuntimeError"),
        ("check: raise", "", "the plugin cannot say how this account is asked (RuntimeError)"),
        ("check: nothing", "", "the plugin's asking() gave NoneType, and has to give one of Asking"),
        ("reports: {allow_from: [0.0.0.0/0]}", "reports.token", "everybody may call"),
        ('reports: {allow_from: [0.0.0.0/0], token: ""}', "reports.token", "gateway keys new reports"),
        ('pin: ""', "pin", "is empty"),
        ('password: ""', "password", "is empty"),
    ],
)
def test_a_mistake_in_an_account_is_one_mistake_with_advice(find: Find, line: str, path: str, words: str) -> None:
    mistakes = find(f"{ACCOUNT}    {line}\n")
    assert [mistake.path for mistake in mistakes] == [f"providers[0].{path}".rstrip(".")]
    assert words in str(mistakes[0])


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("clients:\n", "clients", "is empty"),
        ("clients: {id: x}\n", "clients", "must be a list"),
        ("clients: [x]\n", "clients[0]", "must be a mapping"),
        ("providers: [x]\n", "providers[0]", "must be a mapping"),
        ("providers: 1\n", "providers", "must be a list"),
        ("products: x\n", "products", "must be a list"),
        ("products: [{code: X, routes: []}]\n", "products[0].routes", "at least 1"),
        ("products: [{code: X, routes: x}]\n", "products[0].routes", "must be a list"),
        ("server: []\n", "server", "must be a mapping"),
        ("server:\n", "server", "is empty"),
        ("server: {port: 9090}\n", "server.admin_port", "same port"),
        ("server: {host: 0.0.0.0, port: 9090}\n", "server.admin_port", "same port"),
        ("server: {port: '${P}'}\n", "server.port", "must be at most 65535"),
        ("server: {port: '${Q}'}\n", "server.port", "must be a whole number"),
        ("server: {drain: 5}\n", "server.drain", "must be a duration"),
        ("ledger: {url: 'sqlite://'}\n", "ledger.url", "must name a file"),
        ("ledger: {url: 'sqlite:///:memory:'}\n", "ledger.url", "must name a file"),
        ("ledger: {url: 'postgres://h/x'}\n", "ledger.url", "must begin with postgresql://"),
        ("ledger: {url: 'postgresql://h:x/x'}\n", "ledger.url", "is not a URL"),
        ("cluster: {redis: 'redis://h'}\n", "cluster.redis", "only with postgresql"),
        ("cluster: {redis: 'http://h'}\n", "cluster.redis", "must begin with redis://"),
        ("routing: {strategy: fastest}\n", "routing.strategy", "must be priority, cheapest, weighted or"),
        ("audit: {mask: yes}\n", "audit.mask", "write true or false"),
        ("log: {level: loud}\n", "log.level", "must be debug, info, warning or error"),
        ('server: {host: ""}\n', "server.host", "must be an address or the name of a host"),
        ('server: {admin_host: ""}\n', "server.admin_host", "must be an address or the name of a host"),
        ("server: {host: my host}\n", "server.host", "must be an address or the name of a host"),
        ('audit: {path: ""}\n', "audit.path", "null for no audit log"),
        (
            f"clients: [{{id: x, key_hash: sha256:{'0' * 64}, allow_from: []}}]\n",
            "clients[0].allow_from",
            "leave it out",
        ),
    ],
)
def test_a_mistake_elsewhere_is_one_mistake_with_advice(find: Find, text: str, path: str, words: str) -> None:
    mistakes = find(text, P="99999", Q="eighty")
    assert [mistake.path for mistake in mistakes] == [path]
    assert words in str(mistakes[0])
    assert mistakes[0].line == text.count("\n")


@pytest.mark.parametrize("token", ["a/b", "a?b", "a#b", "a%2Fb", "a b", "a\\tb", "é", ".", "..", "", "x" * 201])
def test_a_report_token_that_no_path_can_end_in_is_a_mistake(find: Find, token: str) -> None:
    mistakes = find(f'{ACCOUNT}    reports: {{allow_from: [203.0.113.7], token: "{token}"}}\n')
    assert [mistake.path for mistake in mistakes] == ["providers[0].reports.token"]
    assert "gateway keys new reports" in str(mistakes[0])


@pytest.mark.parametrize("token", ["a", "q0-._~", "Zm9v+YmFy==", "a:b@c,d;e!f$g&h'i(j)k*l"])
def test_a_report_token_may_have_all_that_stands_in_a_path_as_it_is(read: Load, token: str) -> None:
    settings = read(f'{ACCOUNT}    reports: {{allow_from: [203.0.113.7], token: "{token}"}}\n')
    held = settings.providers[0].reports.token
    assert held is not None
    assert held.get_secret_value() == token


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::", "::1", "fe80::1%eth0", "localhost", "db-1.internal"])  # noqa: S104 — read, not bound
def test_a_host_is_an_address_or_a_name(read: Load, host: str) -> None:
    assert read(f'server: {{host: "{host}", port: 1, admin_port: 2}}\n').server.host == host


@pytest.mark.parametrize(
    ("host", "networks", "why"),
    [
        ("10.1.2.3", "", "private"),
        ("10.1.2.3", None, None),
        ("169.254.169.254", None, "link-local"),
        ("localhost:8000", "", "loopback"),
        ("[::1]", "", "loopback"),
        ("169.254.169.254", "", "link-local"),
        ("10.1.2.3", "10.1.0.0/16", None),
        ("8.8.8.8", "", None),
        ("shop.example", "", None),
    ],
)
def test_a_webhook_that_can_never_be_reached_is_told(
    read: Load, kinds: Kinds, host: str, networks: str | None, why: str | None
) -> None:
    allow = "" if networks is None else f", allow_networks: [{networks}]"
    webhook = f"{{url: 'https://{host}/x', secret: whsec_{'A' * 32}{allow}}}"
    told = warnings(read(f"clients: [{{id: shop, key_hash: '{HASH}', webhook: {webhook}}}]\n"), kinds)
    said = [line for line in told if "webhook" in line]
    if why is None:
        assert said == []
    else:
        (only,) = said
        assert f"the webhook of shop gets nothing: its address is refused ({why})" in only


@pytest.mark.parametrize(
    ("host", "reached", "refused"),
    [
        ("127.0.0.1:9000", ["127.0.0.1"], ["127.0.0.2", "10.0.0.1"]),
        ("[::1]:9000", ["::1"], ["fc00::1", "127.0.0.1"]),
        ("10.1.2.3", ["10.1.2.3"], ["10.1.2.4", "127.0.0.1"]),
        ("LOCALHOST", ["127.0.0.1", "::1"], ["10.1.2.3"]),
        ("shop.internal", ["10.1.2.3", "172.16.0.1", "192.168.1.1", "fd00::1"], ["127.0.0.1", "169.254.169.254"]),
        ("shop.ns.svc.cluster.local.", ["10.96.0.7"], ["127.0.0.1"]),
        ("shop", ["10.1.2.3"], ["127.0.0.1", "169.254.169.254"]),
        ("shop.example", [], ["127.0.0.1", "10.1.2.3"]),
        ("internal.example", [], ["10.1.2.3"]),
        ("169.254.169.254", [], ["169.254.169.254"]),
        ("8.8.8.8", [], ["10.1.2.3"]),
    ],
)
def test_a_webhook_may_go_inside_where_its_own_url_says_so(
    read: Load, host: str, reached: list[str], refused: list[str]
) -> None:
    def allowed(more: str) -> tuple[Any, ...]:
        webhook = f"{{url: 'http://{host}/x', secret: whsec_{'A' * 32}{more}}}"
        found = read(f"clients: [{{id: shop, key_hash: '{HASH}', webhook: {webhook}}}]\n").clients[0].webhook
        assert found is not None
        return found.allow_networks

    assert all(refusal(address, allowed("")) is None for address in reached)
    assert all(refusal(address, allowed("")) is not None for address in refused)
    assert allowed(", allow_networks: []") == (), "who says that there are none, means it"


def test_what_runs_but_is_hardly_meant_is_told(read: Load, kinds: Kinds) -> None:
    text = f"audit: {{path: }}\n{ACCOUNT}    reports: {{token: t0ken}}\n"
    told = warnings(read(text), kinds)
    assert "audit: no audit log is written, because path is null" in told
    assert "providers: one takes no reports: it has a token, but reports.allow_from names nobody" in told


@pytest.mark.parametrize(("network", "said"), [("0.0.0.0/0", True), ("'::/0'", True), ("10.0.0.0/8", False)])
def test_proxies_that_are_everybody_are_warned_of(read: Load, kinds: Kinds, network: str, said: bool) -> None:
    told = warnings(read(f"server: {{trusted_proxies: [{network}]}}\n"), kinds)
    assert any("trusted_proxies" in line for line in told) is said


@pytest.mark.parametrize(
    ("cutoff", "right"),
    [
        ("23:45-00:15", True),
        ("00:00-23:59", True),
        ("24:00-01:00", False),
        ("23:45-23:45", False),
        ("9:00-10:00", False),
        ("23.45-00.15", False),
        ("٠١:00-02:00", False),
    ],
)
def test_cutoff_windows_are_times_of_the_day(read: Load, find: Find, cutoff: str, right: bool) -> None:
    text = ACCOUNT + f'products: [{{code: X, routes: [{{provider: one, code: X, price: 1, cutoff: "{cutoff}"}}]}}]\n'
    if right:
        assert read(text).products[0].routes[0].cutoff == cutoff
    else:
        assert [mistake.path for mistake in find(text)] == ["products[0].routes[0].cutoff"]


@pytest.mark.parametrize("zone", ["Asia/Nowhere", "../etc/passwd", "", "/etc/localtime", "WIB"])
def test_unknown_time_zones_are_mistakes(find: Find, zone: str) -> None:
    text = ACCOUNT + f'products: [{{code: X, routes: [{{provider: one, code: X, price: 1, timezone: "{zone}"}}]}}]\n'
    assert [mistake.path for mistake in find(text)] == ["products[0].routes[0].timezone"]


def test_names_are_given_once(find: Find) -> None:
    mistakes = find(
        f"""\
        clients:
          - {{id: a, key_hash: "{HASH}"}}
          - {{id: a, key_hash: "{HASH[:-1]}2"}}
          - {{id: b, key_hash: ["{HASH[:-1]}3", "{HASH}"]}}
        providers:
          - {{id: one, kind: acme, url: "http://x"}}
          - {{id: one, kind: acme, url: "http://x"}}
        products:
          - {{code: X, routes: [{{provider: one, code: X, price: 1}}]}}
          - {{code: X, routes: [{{provider: one, code: X, price: 1}}]}}
        """
    )
    assert told(mistakes) == [
        (3, "clients[1].id"),
        (4, "clients[2].key_hash[1]"),
        (7, "providers[1].id"),
        (10, "products[1].code"),
    ]
    assert "on line 2" in mistakes[0].message


@pytest.mark.parametrize(
    ("secret", "right"),
    [
        ("whsec_" + "A" * 32, True),
        ("whsec_" + "A" * 31, False),
        ("whsec_!" + "A" * 32, False),
        ("whsec_", False),
        ("", False),
        ("x", True),
    ],
)
def test_a_webhook_secret_is_text_or_whsec_and_base64(read: Load, find: Find, secret: str, right: bool) -> None:
    text = f'clients: [{{id: a, key_hash: "{HASH}", webhook: {{url: "https://x/y", secret: "{secret}"}}}}]\n'
    if right:
        assert read(text).clients[0].webhook
    else:
        mistakes = find(text)
        assert [mistake.path for mistake in mistakes] == ["clients[0].webhook.secret"]
        assert secret in {"", "whsec_"} or secret not in str(mistakes[0])


@pytest.mark.parametrize(
    ("secrets", "told"),
    [
        (["whsec_" + "A" * 32], False),
        (["whsec_" + "A" * 28], True),
        (["x" * 24], False),
        (["canary"], True),
        (["x" * 24, "canary"], True),
    ],
)
def test_a_webhook_secret_that_can_be_guessed_is_told(read: Load, kinds: Kinds, secrets: list[str], told: bool) -> None:
    webhook = f"{{url: 'https://shop.example/y', secret: {secrets}}}"
    settings = read(f"clients: [{{id: a, key_hash: '{HASH}', webhook: {webhook}}}]\n")
    said = [line for line in warnings(settings, kinds) if "webhook" in line]
    assert said == (
        [
            "clients: the webhook of a has a secret of fewer than 24 bytes, which can be guessed; "
            "make one with: openssl rand -base64 32, and write whsec_ before it"
        ]
        if told
        else []
    )


def test_a_list_of_webhook_secrets_names_the_ones_that_are_wrong(find: Find) -> None:
    text = f'clients: [{{id: a, key_hash: "{HASH}", webhook: {{url: "x", secret: ["{"x" * 30}", whsec_short, 5]}}}}]\n'
    assert [mistake.path for mistake in find(text)] == [
        "clients[0].webhook.url",
        "clients[0].webhook.secret[1]",
        "clients[0].webhook.secret[2]",
    ]


def test_missing_variables_are_all_told_and_no_other_mistake_hides_behind_them(find: Find) -> None:
    mistakes = find(ACCOUNT + '    pin: "${PIN}"\n    password: file:/no/such/file\n    retries: x\n')
    assert told(mistakes) == [(5, "providers[0].pin"), (6, "providers[0].password"), (7, "providers[0].retries")]
    assert "PIN is not set" in mistakes[0].message


def test_an_unknown_kind_names_the_known_ones_and_the_plugin_that_failed(config: Path, kinds: Kinds) -> None:
    config.write_text(ACCOUNT.replace("acme", "otomax"), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load(config, kinds, {}, {"otomax": "ImportError: no module named x"})
    assert "ImportError: no module named x" in str(caught.value)
    assert "acme" in str(caught.value)
    with pytest.raises(ConfigurationError, match=r"loaded: acme; other failed to load: why"):
        load(config, kinds, {}, {"other": "why"})


def test_a_failed_plugin_takes_only_its_accounts_with_it(config: Path, kinds: Kinds) -> None:
    broken = "  - {id: two, kind: broken, url: 'http://b.example', own: 1}\n"
    config.write_text(ACCOUNT + broken, encoding="utf-8")
    settings = load(config, kinds, {}, {"broken": "why"}, degraded=True)
    assert [(type(account).__name__, account.id) for account in settings.providers] == [
        ("AcmeSettings", "one"),
        ("ProviderSettings", "two"),
    ]
    assert reload(config, settings, kinds, {}, {"broken": "why"}) == settings
    with pytest.raises(ConfigurationError, match="its plugin failed to load"):
        load(config, kinds, {}, {"broken": "why"})
    with pytest.raises(ConfigurationError, match="there is no kind broken"):
        load(config, kinds, {}, {"other": "why"}, degraded=True)


def test_an_account_that_its_kind_refuses_is_a_mistake_without_its_secrets(find: Find) -> None:
    mistakes = find(ACCOUNT + '    colour: blue\n    loud: true\n    pin: "987654"\n')
    assert told(mistakes) == [(2, "providers[0]")]
    assert "blue is never loud" in mistakes[0].message
    assert "987654" not in str(mistakes[0])


CANARY = "cAnArY-7f3a"


@pytest.mark.parametrize(
    "text",
    [
        ACCOUNT.replace("http://a.example", CANARY),
        ACCOUNT.replace("http://a.example", f"http://a.example/#{CANARY}"),
        ACCOUNT.replace("http://a.example", '"${C}"'),
        ACCOUNT.replace("kind: acme", 'kind: "${C}"'),
        ACCOUNT.replace("id: one", 'id: "${C}"'),
        ACCOUNT + '    colour: "${C}"\n',
        ACCOUNT + f"    pin: [{CANARY}]\n",
        ACCOUNT + f'    pin: {{x: "{CANARY}"}}\n',
        ACCOUNT + f"    reports: {{token: [{CANARY}]}}\n",
        ACCOUNT + '    reports: {allow_from: ["${C}"]}\n',
        ACCOUNT + '    reports: {trust: "${C}"}\n',
        ACCOUNT + '    timeouts: {answer: "${C}"}\n',
        ACCOUNT + '    no_failover: ["${C}"]\n',
        ACCOUNT + '    retries: "${C}"\n    loud: "${C}"\n',
        ACCOUNT + 'products: [{code: X, routes: [{provider: "${C}", code: X, price: "${C}"}]}]\n',
        ACCOUNT + 'products: [{code: "${C}!", dest: "${C}", routes: []}]\n',
        ACCOUNT + f"    proxy: ftp://{CANARY}\n",
        f"ledger: {{url: 'mysql://{CANARY}'}}\n",
        f"cluster: {{redis: 'x://{CANARY}'}}\n",
        f"clients: [{{id: a, key_hash: {CANARY}, webhook: {{url: x, secret: [{CANARY}, 1]}}}}]\n",
        'clients: [{id: "${D}", key_hash: x}, {id: "${D}", key_hash: x}]\n',
        'products: {file: "${C}"}\n',
    ],
)
def test_no_mistake_prints_a_secret_or_what_came_from_outside(find: Find, text: str) -> None:
    mistakes = find(text, C=CANARY, D=CANARY.lower())
    told = "\n".join(repr(mistake) + str(mistake) for mistake in mistakes)
    assert CANARY.lower() not in told.lower()


def test_settings_do_not_show_secrets(read: Load) -> None:
    shown = repr(read(WHOLE, WEBHOOK="whsec_" + "B" * 32, PIN=CANARY))
    for secret in (CANARY, "B" * 32, "t0ken", "slug", "u:p@db"):
        assert secret not in shown


def test_a_reload_that_has_mistakes_leaves_what_was_there(config: Path, read: Load, kinds: Kinds) -> None:
    before = read(WHOLE, **ENV)
    config.write_text(
        WHOLE.replace("price: 5400", "price: cheap").replace("port: 8080", "port: 8081"), encoding="utf-8"
    )
    with pytest.raises(ConfigurationError) as caught:
        reload(config, before, kinds, ENV)
    assert [mistake.path for mistake in caught.value.mistakes] == ["server.port", "products[0].routes[0].price"]
    assert "restart" in caught.value.mistakes[0].advice
    config.write_text(WHOLE.replace("price: 5400", "price: 5500"), encoding="utf-8")
    assert reload(config, before, kinds, ENV).products[0].routes[0].price == 5500
    assert before.products[0].routes[0].price == 5400


def test_a_reload_cannot_move_the_ledger_by_leaving_it_out(config: Path, read: Load, kinds: Kinds) -> None:
    before = read("ledger: {url: 'sqlite:///var/mine.db'}\n")
    config.write_text("audit: {mask: true}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"ledger\.url"):
        reload(config, before, kinds, {})
