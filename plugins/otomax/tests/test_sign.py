"""The signature and its variants."""

from __future__ import annotations

import base64
import hashlib

import pytest

from gateway_otomax.sign import SignCase, SignEncoding, balance_words, purchase_words, sign

PUBLISHED = purchase_words(
    member_id="YUSUF", product="X10", dest="08123456789", ref="2140669", pin="1144", password="abcd"
)
PROGRAMS = purchase_words(
    member_id="M001", product="PULSA5", dest="081234567890", ref="T1", pin="1234", password="secret"
)


def test_the_published_vector() -> None:
    assert sign(PUBLISHED) == "Cp9NLVuKWBt5Sey_uMlYsvnKvJI"


def test_the_vector_of_two_independent_programs() -> None:
    assert sign(PROGRAMS) == "gu_No_7U_VYENb1s__xEi2g2bLE"


def test_the_vector_that_is_copied_wrong_is_not_ours() -> None:
    assert sign(PUBLISHED) != "vlrN9Yuu4xHAT8_bXIUHKw2NjHo"


@pytest.mark.parametrize("words", [PUBLISHED, PROGRAMS])
def test_the_other_encodings_hold_the_same_digest(words: tuple[str, ...]) -> None:
    digest = hashlib.sha1("|".join(("OtomaX", *words)).encode(), usedforsecurity=False)
    assert sign(words, encoding=SignEncoding.HEX) == digest.hexdigest()
    assert base64.b64decode(sign(words, encoding=SignEncoding.BASE64)) == digest.digest()
    assert base64.b64decode(sign(words, encoding=SignEncoding.BASE64_HEX)).decode() == digest.hexdigest()
    assert sign(words, encoding=SignEncoding.BASE64).endswith("=")


def test_upper_case_is_upper_case_throughout() -> None:
    assert sign(("ab",), case=SignCase.UPPER) == sign(("AB",), prefix="OTOMAX")


def test_the_prefix_is_the_suppliers() -> None:
    assert sign(("a",), prefix="Other") != sign(("a",))


def test_both_balance_signs() -> None:
    both = {"member_id": "M", "pin": "1", "password": "p"}
    assert balance_words(**both, check_balance=True) == ("CheckBalance", "M", "1", "p")
    assert "|".join(("OtomaX", *balance_words(**both, check_balance=False))) == "OtomaX|M||||1|p"
