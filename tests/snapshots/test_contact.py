"""What the ledger says of how somebody can be reached, and that nothing in it reaches anybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from snapshots.contact import Contact
from tests.snapshots.company import Row, day, land, state, store, take

WHOLE = Contact("email", ("phone", "mobile"), ("full_name",))


def made(contact: Contact, **person: str | None) -> dict[str, Any]:
    """What is made of one person's columns."""
    given = {"full_name": None, "email": None, "phone": None, "mobile": None, **person}
    with duckdb.connect() as con:
        columns = ", ".join(f"cast(? as varchar) as {name}" for name in given)
        values = ", ".join(contact.made.values())
        found = con.execute(f"select {values} from (select {columns})", list(given.values())).fetchone()
    assert found is not None
    return dict(zip(contact.made, found, strict=True))


@pytest.mark.parametrize(
    "email", ["ada@acme.example", " ADA.King+news@Acme.Example ", "o'brien@a-b.co.uk", "ä@müller-söhne.de", "a@b.c3po"]
)
def test_an_address_is_well_formed(email: str) -> None:
    assert made(WHOLE, email=email)["is_email_well_formed"] is True


@pytest.mark.parametrize(
    "email",
    ["ada", "ada@", "@acme.example", "ada@acme", "a b@acme.example", "a@acme..example", "a@-acme.example", "a@10.0.0.1",
     "a@b@acme.example", "a@acme.example, b@acme.example", "Ada <ada@acme.example>", "a@acme.example."],
)  # fmt: skip
def test_an_address_is_malformed_and_has_no_domain(email: str) -> None:
    found = made(WHOLE, email=email)
    assert (found["has_email"], found["is_email_well_formed"], found["email_domain"]) == (True, False, None)


@pytest.mark.parametrize("email", [None, "", "  "])
def test_without_an_address_it_is_neither_well_formed_nor_malformed(email: str | None) -> None:
    assert made(WHOLE, email=email) == {
        "has_email": False, "is_email_well_formed": None, "email_domain": None, "has_phone": False,
    }  # fmt: skip


@pytest.mark.parametrize("domain", ["gmail.com", "GMX.de", "yahoo.co.uk", "t-online.de", "web.de", "hotmail.com.au"])
def test_free_mail_is_nobody_s_company(domain: str) -> None:
    assert made(WHOLE, full_name="Ada Ford", email=f"ada@{domain}")["email_domain"] is None


@pytest.mark.parametrize(
    ("full_name", "domain"),
    [("Ada Ford", "ada-ford.example"), ("Zoë Ünal", "unal.example"), ("Jo Li", "li.example"), ("Ada", "x.name"),
     ("Ada M. King", "kingfamily.example")],
)  # fmt: skip
def test_a_person_s_own_domain_is_not_kept(full_name: str, domain: str) -> None:
    assert made(WHOLE, full_name=full_name, email=f"me@{domain}")["email_domain"] is None


@pytest.mark.parametrize(
    ("full_name", "domain"), [("Ada Ford", "acme.example"), ("Jo Li", "alliance.example"), (None, "acme.example")]
)
def test_a_company_s_domain_is_kept_in_lower_case(full_name: str | None, domain: str) -> None:
    assert made(WHOLE, full_name=full_name, email=f" me@{domain.upper()} ")["email_domain"] == domain


def test_any_number_is_a_phone() -> None:
    assert made(WHOLE, phone=" ", mobile="+1")["has_phone"] is True
    assert made(WHOLE, phone=" ")["has_phone"] is False


def test_only_what_can_be_known_is_made() -> None:
    assert list(Contact("email").made) == ["has_email", "is_email_well_formed", "email_domain"]
    assert list(Contact(phones=("phone",)).made) == ["has_phone"]
    assert Contact(names=("full_name",)).made == {}


def test_what_the_source_says_itself_stays(tmp_path: Path) -> None:
    where = store(tmp_path)
    people: list[Row] = [{"person_id": "p", "email": "ada@acme.example", "has_email": "false"}]
    land(
        where,
        {day(0): people},
        entity="person",
        key=("person_id",),
        governed={"has_email": "BOOLEAN"},
        personal=("email",),
        email="email",
        contact={"email": "email", "phones": [], "names": []},
    )
    take(where, [day(0)])
    columns = "has_email, is_email_well_formed, email_domain"
    assert state(where, day(0), relation="files__person", columns=columns) == [(False, True, "acme.example")]
