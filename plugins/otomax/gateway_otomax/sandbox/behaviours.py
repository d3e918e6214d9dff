"""What the sandbox does with a purchase, chosen by the last two digits of its destination: the one table of it.

`docs/sandbox.md` and the package's docstring show this table; both are made by `table()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["ANY", "BEHAVIOURS", "Answer", "Behaviour", "Refusal", "State", "Tells", "behaviour_of", "refused", "table"]


class State(StrEnum):
    """How a purchase stands at the supplier. The value is what a check says."""

    WAITING = "Menunggu Jawaban"
    SUCCESS = "Sukses"
    FAILED = "Gagal"
    TAKEN_BACK = "Gagal, Saldo dikembalikan"

    @property
    def charged(self) -> bool:
        """Whether the supplier holds the money."""
        return self in (State.WAITING, State.SUCCESS)


class Answer(StrEnum):
    """What goes back on the connection of the purchase."""

    SUCCESS = "`SUKSES` with SN"
    WRONG_SUM = "`SUKSES` with SN, and a balance that does not add up"
    PENDING = "`akan diproses`"
    FAILED = "`GAGAL`"
    HANG = "nothing; the connection is closed after `hang`"
    DROP = "nothing; the connection is closed at once"
    GARBAGE = "bytes that are not HTTP"
    NOT_UTF8 = "bytes that are not UTF-8"
    PAGE = "an HTML error page"
    EMPTY = "an empty body"


class Tells(StrEnum):
    """What one report says."""

    WAITING = "still waiting"
    SUCCESS = "success"
    FAILED = "failed"
    TAKEN_BACK = "`SEMPAT SUKSES … GAGAL`"
    DISAGREES = "`status=20` with the text `GAGAL`"
    STRANGER = "success of a reference that nobody sent"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the supplier says no: the status code of its report, and the words of its text."""

    code: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """One line of the table."""

    means: str
    """In a few words, for people."""
    answer: Answer
    at_first: State
    """From the purchase on."""
    later: State | None = None
    """After the report delay; `None`: it stays as it is."""
    reports: tuple[Tells, ...] = ()
    """Sent after the report delay, one when the one before has arrived."""
    early: bool = False
    """The reports are sent before the answer."""
    wait: float = 0.0
    """Seconds before the answer."""
    refusal: Refusal | None = None
    """Where it fails."""
    lost: bool = False
    """The first request with a reference is dropped before it is stored. The same reference again is bought."""

    @property
    def last(self) -> State:
        """The state that stays."""
        return self.later or self.at_first


def refused(means: str, code: int, words: str) -> Behaviour:
    """Failed at once: `code` in the report, `words` in the text."""
    return Behaviour(means=means, answer=Answer.FAILED, at_first=State.FAILED, refusal=Refusal(code, words))


def _reported(means: str, *reports: Tells, later: State = State.SUCCESS, refusal: Refusal | None = None) -> Behaviour:
    return Behaviour(
        means=means, answer=Answer.PENDING, at_first=State.WAITING, later=later, reports=reports, refusal=refusal
    )


def _on_the_wire(means: str, answer: Answer, *, wait: float = 0.0) -> Behaviour:
    return Behaviour(means=means, answer=answer, at_first=State.SUCCESS, wait=wait)


_NO_REASON = Refusal(40, "")
_WRONG_NUMBER = Refusal(52, "Nomor tujuan salah")

ANY: Final = ""
"""The key of the line for every ending that has none of its own."""

BEHAVIOURS: Final[Mapping[str, Behaviour]] = {
    # 1 waiting, 2 sukses, 4 gagal: what happens first, and what then.
    ANY: _reported("pending, then success", Tells.SUCCESS),
    "14": _reported("pending, then failed", Tells.FAILED, later=State.FAILED, refusal=_NO_REASON),
    "24": Behaviour(
        means="success at once, taken back later",
        answer=Answer.SUCCESS,
        at_first=State.SUCCESS,
        later=State.TAKEN_BACK,
        reports=(Tells.TAKEN_BACK,),
    ),
    # The dialect's own status codes.
    "20": Behaviour(means="success at once", answer=Answer.SUCCESS, at_first=State.SUCCESS),
    "22": Behaviour(means="pending for ever", answer=Answer.PENDING, at_first=State.WAITING),
    "40": refused("failed at once", 40, ""),
    "43": refused("our deposit there is too small", 43, "Saldo tidak cukup"),
    "44": refused("wrong product code", 44, "Kode produk salah"),
    "45": refused("out of stock", 45, "Stok produk kosong"),
    "47": refused("product down", 47, "Produk sedang gangguan"),
    "52": refused("wrong number", 52, "Nomor tujuan salah"),
    "56": refused("blocked number", 56, "Nomor tujuan blacklist"),
    "69": refused("cut-off", 69, "Produk sedang cut off"),
    # 3x: reports, as they should not be.
    "30": _reported("never reported, delivered"),
    "31": _reported("never reported, failed", later=State.FAILED, refusal=_NO_REASON),
    "32": _reported("reported twice", Tells.SUCCESS, Tells.SUCCESS),
    "33": Behaviour(
        means="reported before the answer",
        answer=Answer.PENDING,
        at_first=State.SUCCESS,
        reports=(Tells.SUCCESS,),
        early=True,
    ),
    "34": _reported("reported out of order", Tells.SUCCESS, Tells.WAITING),
    "35": _reported("code and text disagree", Tells.DISAGREES, later=State.FAILED, refusal=_WRONG_NUMBER),
    "36": _reported("a report about somebody else's purchase", Tells.STRANGER),
    "37": Behaviour(means="wrong arithmetic", answer=Answer.WRONG_SUM, at_first=State.SUCCESS),
    # 9x: the wire.
    "90": _on_the_wire("no answer", Answer.HANG),
    "91": _on_the_wire("dropped after it was bought", Answer.DROP),
    "92": Behaviour(
        means="lost before it was stored; bought when it comes again",
        answer=Answer.SUCCESS,
        at_first=State.SUCCESS,
        lost=True,
    ),
    "93": _on_the_wire("garbage", Answer.GARBAGE),
    "94": _on_the_wire("not UTF-8", Answer.NOT_UTF8),
    "95": _on_the_wire("an error page", Answer.PAGE),
    "96": _on_the_wire("slow", Answer.SUCCESS, wait=2.0),
    "97": _on_the_wire("empty", Answer.EMPTY),
}


def behaviour_of(dest: str, behaviours: Mapping[str, Behaviour] = BEHAVIOURS) -> Behaviour:
    """The line for a destination. Whatever does not end in two digits of the table behaves as `ANY`."""
    return behaviours.get(dest[-2:]) or behaviours[ANY]


def table(behaviours: Mapping[str, Behaviour] = BEHAVIOURS) -> str:
    """The table in Markdown, sorted by ending, without a line break at the end."""
    lines = [
        "| ending | what happens | answer | reports | a check says | charged |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [_line(ending, behaviours[ending]) for ending in sorted(behaviours) if ending != ANY]
    return "\n".join([*lines, _line("any other", behaviours[ANY])])


def _line(ending: str, behaviour: Behaviour) -> str:
    cells = (ending, behaviour.means, _answer(behaviour), _reports(behaviour), _check(behaviour), _charged(behaviour))
    return f"| {' | '.join(cells)} |"


def _answer(behaviour: Behaviour) -> str:
    if behaviour.lost:
        return f"{Answer.DROP}; the second time {behaviour.answer}"
    if behaviour.refusal is not None and behaviour.answer is Answer.FAILED:
        return f"`GAGAL. {behaviour.refusal.words}`" if behaviour.refusal.words else behaviour.answer.value
    return f"{behaviour.answer}, after {behaviour.wait:g} s" if behaviour.wait else behaviour.answer.value


def _reports(behaviour: Behaviour) -> str:
    told = ", then ".join(behaviour.reports) or "none"
    return f"{told}, before the answer" if behaviour.early else told


def _check(behaviour: Behaviour) -> str:
    first = "`TIDAK ADA transaksi`, then " if behaviour.lost else ""
    later = "" if behaviour.later is None else f", then `{behaviour.later}`"
    return f"{first}`{behaviour.at_first}`{later}"


def _charged(behaviour: Behaviour) -> str:
    if behaviour.lost:
        return "when it comes again"
    if behaviour.at_first.charged:
        return "yes" if behaviour.last.charged else "given back"
    return "no"
