from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.descriptors import OWN, seats

FILES = st.integers(min_value=0, max_value=1 << 20)
CALLS = st.integers(min_value=0, max_value=100_000)


@given(FILES, CALLS)
def test_all_of_it_is_never_more_than_there_is_where_there_is_enough_for_a_few(files: int, calls: int) -> None:
    made = seats(files, calls)
    assert made.callers >= 4
    assert made.operators >= 2
    if files >= OWN + 16:
        left = files - OWN - made.callers - made.operators
        assert left >= min(calls, (files - OWN) // 2)


@given(FILES, CALLS)
def test_more_files_are_never_fewer_seats(files: int, calls: int) -> None:
    fewer, more = seats(files, calls), seats(files + 1, calls)
    assert more.callers >= fewer.callers - 1  # one of them may become a seat of the operators
    assert more.callers + more.operators >= fewer.callers + fewer.operators


def test_the_usual_limit_gives_nearly_all_to_the_callers() -> None:
    made = seats(1_048_576, 300)
    assert (made.callers, made.operators) == (1_048_576 - OWN - 300 - 64, 64)
