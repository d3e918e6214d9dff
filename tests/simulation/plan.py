"""What one seed sets up: accounts, products, and how much goes wrong in which way."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from gateway.provider import Asking
from gateway.settings.types import Client, Product, Route, Routing, Settings, Webhook
from gateway.testing.scripted_supplier import ScriptedSettings

CHECKS = (20.0, 60.0, 180.0, 600.0, 2400.0)
ANSWER = 8.0
"""Seconds after which the gateway waits no longer for an answer."""
LATEST = 25.0
"""Seconds that a request may be on its way before it arrives, and that a supplier may not find what it has."""
QUIET = 90.0
RESEND_WITHIN = 900.0
CHAOS = 4500.0
"""Seconds in which things go wrong. Purchases come in the first part of it."""
CALM = 4200.0
"""Seconds after that, in which all works: enough for every check of every attempt."""
NO_SUCH_DEST = "12345"


@dataclass(frozen=True)
class Plan:
    """One seed's world. Probabilities are from 0 to 1, times are seconds of the simulation."""

    seed: int
    settings: Settings
    purchases: int
    busy: float
    """Purchases come within so many seconds."""
    deaths: int
    """How often the process may die at a named point."""
    death_chance: float
    stops: tuple[tuple[float, bool], ...]
    """When the process ends by itself, and whether it is drained (or killed)."""
    ledger_down: tuple[tuple[float, float], ...]
    ledger_fault: float
    slow_commit: float
    clock: tuple[tuple[float, float], ...]
    """When the wall clock is set wrong, and by how many seconds."""
    trouble: float
    """How often something goes wrong with a call."""
    oddity: float
    """How often a supplier changes its mind."""
    lies: float
    """How often a report that is not believed says what is not so."""
    sweep_every: float

    def random(self, name: str) -> Random:
        """A source of chance for one actor: what one draws does not move what the others draw."""
        return Random(f"{self.seed}/{name}")  # noqa: S311 — it must repeat itself


def account(random: Random, name: str) -> ScriptedSettings:
    ask = random.choice([Asking.QUESTION, Asking.QUESTION, Asking.RESEND, Asking.RESEND, Asking.NONE])
    never_seen = ask is Asking.QUESTION and random.random() < 0.6
    fields: dict[str, Any] = {
        "id": name,
        "kind": "scripted",
        "url": f"http://{name}.sim",
        "ask": ask,
        "reports": {"trust": random.choice(["verify", "source"])},
        "limits": {
            "in_flight": random.choice([1, 2, 3, 10]),
            "per_second": random.choice([None, None, 0.5, 2.0]),
            "queue": random.choice([0, 2, 100]),
            "wait": random.choice(["2s", "10s"]),
        },
        "timeouts": {"connect": "2s", "answer": f"{ANSWER}s"},
        "checks": [f"{seconds}s" for seconds in CHECKS],
        "never_seen": {"after": f"{QUIET}s", "times": random.choice([2, 2, 3])} if never_seen else None,
        "resend_within": f"{RESEND_WITHIN}s",
        "no_failover": ["cutoff"] if random.random() < 0.2 else [],
    }
    return ScriptedSettings.model_validate(fields)


def make_plan(seed: int) -> Plan:
    """The world of one seed."""
    random = Random(f"{seed}/plan")  # noqa: S311 — it must repeat itself
    accounts = [account(random, name) for name in ("ayam", "bebek", "cicak", "domba")[: random.randint(2, 4)]]
    products = []
    for code in ("XL5", "DANA")[: random.randint(1, 2)]:
        chosen = random.sample(accounts, random.randint(min(2, len(accounts)), len(accounts)))
        routes = tuple(
            Route(provider=one.id, code=f"{code}-{one.id}", price=5000 + 50 * place) for place, one in enumerate(chosen)
        )
        products.append(Product(code=code, open_denomination=code == "DANA", routes=routes))
    settings = Settings(
        clients=(
            Client(id="shop", key_hash=f"sha256:{'0' * 64}", webhook=Webhook(url="http://shop.sim", secret="s" * 32)),
            Client(id="kios", key_hash=f"sha256:{'1' * 64}"),
        ),
        providers=tuple(accounts),
        products=tuple(products),
        routing=Routing.model_validate(
            {
                "strategy": random.choice(["priority", "cheapest", "weighted", "balanced-by-success"]),
                "deadline": random.choice(["60s", "300s", "1200s"]),
                "max_attempts": random.choice([2, 3, 4]),
            }
        ),
    )
    calm = random.random() < 0.1
    return Plan(
        seed=seed,
        settings=settings,
        purchases=random.randint(4, 10),
        busy=random.choice([1.0, 30.0, 600.0]),
        deaths=0 if calm else random.choice([0, 1, 2, 3]),
        death_chance=random.choice([0.02, 0.1, 0.3]),
        stops=tuple(
            (random.uniform(0, 900), random.random() < 0.4) for _ in range(0 if calm else random.randint(0, 2))
        ),
        ledger_down=tuple(_window(random, 900, (1.0, 15.0, 90.0)) for _ in range(0 if calm else random.randint(0, 2))),
        ledger_fault=0.0 if calm else random.choice([0.0, 0.02, 0.1]),
        slow_commit=random.choice([0.05, 0.3]),
        clock=() if calm else _clock(random),
        trouble=0.0 if calm else random.choice([0.1, 0.3, 0.6]),
        oddity=random.choice([0.0, 0.2, 0.6]),
        lies=random.choice([0.0, 0.2]),
        sweep_every=random.choice([10.0, 20.0]),
    )


def _window(random: Random, latest: float, lengths: tuple[float, ...]) -> tuple[float, float]:
    start = random.uniform(0, latest)
    return start, start + random.choice(lengths)


def _clock(random: Random) -> tuple[tuple[float, float], ...]:
    if random.random() > 0.3:
        return ()
    start = random.uniform(0, 900)
    wrong = random.choice([-30 * 86_400.0, 7_200.0])
    return (start, wrong), (start + random.choice([5.0, 120.0, 1500.0]), 0.0)


def down_times(random: Random) -> list[tuple[float, float, bool]]:
    """When a supplier is down: from, to, and whether its door is shut (or it takes requests and loses them)."""
    if random.random() < 0.6:
        return []
    start, end = _window(random, 600, (30.0, 300.0, 3600.0))
    return [(start, end, random.random() < 0.5)]
