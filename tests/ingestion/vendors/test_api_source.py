"""The client of all vendors against a server that misbehaves: what is repeated, what is refused, what is said."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator

from ingestion.landing import land
from ingestion.source import Contact, Extraction, Finding, LandingError, SourceError
from ingestion.vendors.account import VendorAccount
from ingestion.vendors.api_source import ApiSource
from ingestion.vendors.carried_state import CarriedStates
from ingestion.vendors.client import Client, Patience, Trouble, diagnose
from ingestion.vendors.rows import incomplete, text_table
from ingestion.vendors.secrets import Secrets
from tests.vendors.server import (
    Answer,
    Fault,
    Request,
    VendorServer,
    changed,
    cut,
    reset,
    silent,
    status,
    truncated,
)

TODAY = date(2026, 11, 22)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET = "-".join(["a", "value", "that", "nobody", "may", "see"])


class Acme(VendorServer):
    """Rows in pages of two, behind a token that may expire."""

    def __init__(self, rows: int = 5) -> None:
        super().__init__()
        self.rows = [{"id": str(number), "amount": number + 0.5, "tags": ["x"]} for number in range(rows)]
        self.tokens = 0
        self.valid = ""

    def expire(self) -> None:
        self.valid = ""

    def answer(self, request: Request) -> Answer:
        if request.path == "/token":
            if request.form.get("secret") != SECRET:
                return Answer({"error": "invalid_client", "error_description": f"no {request.form['secret']}"}, 400)
            self.tokens += 1
            self.valid = f"token-{self.tokens}-of-acme"
            return Answer({"access_token": self.valid})
        if request.headers.get("authorization") != f"Bearer {self.valid}" or not self.valid:
            return Answer([{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}], 401)
        start = int(request.query.get("after", 0))
        after = str(start + 2) if start + 2 < len(self.rows) else None
        return Answer({"results": self.rows[start : start + 2], "after": after, "total": len(self.rows)})


@pytest.fixture
def acme() -> Iterator[Acme]:
    with Acme() as server:
        yield server


@pytest.fixture
def waits() -> list[float]:
    return []


def client(acme: Acme, waits: list[float], secret: str = SECRET, **options: Any) -> Client:
    common: dict[str, Any] = {"sleep": waits.append, "chance": lambda: 1.0} | options
    signing_in = Client("crm", acme.url, secrets=[secret], **common)

    def sign_in() -> Mapping[str, str]:
        token = signing_in.post("/token", data={"secret": secret}).json()["access_token"]
        return {"Authorization": f"Bearer {token}"}

    return Client("crm", acme.url, sign_in=sign_in, **common)


def ids(client: Client) -> list[str]:
    paginator = JSONResponseCursorPaginator(cursor_path="after", cursor_param="after")
    return [
        row["id"] for page in client.paginate("/rows", paginator=paginator, data_selector="results") for row in page
    ]


EVERYTHING = ["0", "1", "2", "3", "4"]


def test_all_pages_are_read_with_one_token(acme: Acme, waits: list[float]) -> None:
    assert ids(client(acme, waits)) == EVERYTHING
    assert (acme.tokens, waits) == (1, [])


@pytest.mark.parametrize(
    "fault",
    [status(429), status(500), status(503, "<html>busy</html>"), status(408), reset(), truncated(), cut()],
    ids=["429", "500", "503", "408", "reset", "truncated", "cut"],
)
def test_passing_trouble_is_waited_out(acme: Acme, waits: list[float], fault: Fault) -> None:
    acme.put(fault, path="/rows", after=1, times=2)
    assert ids(client(acme, waits)) == EVERYTHING
    assert waits == [1.0, 2.0]


def test_no_answer_in_time_is_asked_again(acme: Acme, waits: list[float]) -> None:
    acme.put(silent(0.6), path="/rows")
    assert ids(client(acme, waits, patience=Patience(read_timeout=0.2))) == EVERYTHING
    assert waits == [1.0]


def test_waits_double_up_to_a_limit_with_jitter_and_then_it_ends(acme: Acme, waits: list[float]) -> None:
    acme.put(status(503), path="/rows", times=99)
    patience = Patience(attempts=5, first_wait=1.0, longest_wait=3.0)
    with pytest.raises(SourceError, match=r"/rows: got HTTP 503, 5 times in a row"):
        ids(client(acme, waits, patience=patience, chance=lambda: 0.0))
    assert waits == [0.5, 1.0, 1.5, 1.5]
    assert len(acme.asked("/rows")) == 5


def test_retry_after_is_honoured_in_seconds_and_as_a_date(acme: Acme, waits: list[float]) -> None:
    acme.put(status(429, Retry_After="17"), path="/rows")
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=23), usegmt=True)
    acme.put(status(429, Retry_After=later), path="/rows")
    got = client(acme, waits)
    assert ids(got) == EVERYTHING
    assert waits[0] == 17
    assert 20 < waits[1] <= 23


def test_a_wait_that_is_too_long_is_refused_and_said(acme: Acme, waits: list[float]) -> None:
    acme.put(status(429, Retry_After="86400"), path="/rows")
    with pytest.raises(SourceError, match=r"HTTP 429 \(asked to wait 86,400 s\)"):
        ids(client(acme, waits))
    assert waits == []


def test_a_token_that_expires_in_the_middle_is_renewed_once(acme: Acme, waits: list[float]) -> None:
    def expire(request: Request, vendor: Callable[[Request], Answer]) -> Answer:
        acme.expire()
        return vendor(request)

    acme.put(expire, path="/rows", after=1)
    assert ids(client(acme, waits)) == EVERYTHING
    assert (acme.tokens, waits) == (2, [])


def test_a_token_that_is_refused_twice_is_an_error(acme: Acme, waits: list[float]) -> None:
    acme.put(status(401, [{"errorCode": "INVALID_SESSION_ID", "message": "no"}]), path="/rows", times=9)
    with pytest.raises(SourceError, match=r"HTTP 401 \(INVALID_SESSION_ID: no\).*pipeledger doctor"):
        ids(client(acme, waits))
    assert len(acme.asked("/rows")) == 2


@pytest.mark.parametrize("code", [400, 403, 404, 302])
def test_a_refusal_is_not_repeated(acme: Acme, waits: list[float], code: int) -> None:
    acme.put(status(code, {"message": "not for you"}, Location="http://127.0.0.1:9/elsewhere"), path="/rows")
    with pytest.raises(SourceError, match=f"HTTP {code}"):
        ids(client(acme, waits))
    assert (len(acme.asked("/rows")), waits) == (1, [])


def test_a_vendor_s_own_signs_of_trouble_come_first(acme: Acme, waits: list[float]) -> None:
    def look(response: Any) -> Trouble | None:
        said = response.json()
        if "errors" in said:
            return Trouble(f"error {said['errors']}", "wait")
        return diagnose(response)

    acme.put(changed(lambda answer: Answer({"errors": "606"})), path="/rows")
    assert ids(client(acme, waits, diagnose=look)) == EVERYTHING
    assert waits == [1.0]


def test_an_unreachable_host_is_said_without_its_query(waits: list[float]) -> None:
    with Acme() as gone:
        pass
    asking = Client("crm", gone.url, sleep=waits.append, patience=Patience(attempts=2))
    with pytest.raises(SourceError, match=r"got no connection \(.*ConnectionRefusedError.*\), 2 times") as failure:
        asking.get("/token", params={"client_secret": SECRET})
    assert SECRET not in everything_said(failure.value)


def everything_said(error: BaseException) -> str:
    """All that a log may print of an error: its text and those of its causes."""
    said = ""
    link: BaseException | None = error
    while link is not None:
        said += repr(link) + str(link)
        link = link.__cause__ if link.__suppress_context__ else link.__context__
    return said


def test_trouble_that_may_pass_is_told_from_trouble_that_stays(acme: Acme, waits: list[float]) -> None:
    from orchestration.steps.capture import is_worth_retrying

    for fault, is_worth in ((status(503), True), (reset(), True), (status(403), False), (status(401), False)):
        acme.put(fault, path="/rows", times=6)
        with pytest.raises(SourceError) as failure:
            ids(client(acme, waits))
        acme.recover()
        assert is_worth_retrying(failure.value) is is_worth


def test_a_refused_sign_in_names_no_secret(acme: Acme, waits: list[float]) -> None:
    with pytest.raises(SourceError, match="invalid_client") as failure:
        ids(client(acme, waits, secret=SECRET[::-1]))
    assert SECRET[::-1] not in everything_said(failure.value)
    assert "***" in str(failure.value)


def test_json_becomes_text_and_what_is_missing_null() -> None:
    rows = [{"Id": "1", "amount": 1.5, "n": {"a": [1, "é"]}, "ok": True}, {"Id": "2", "amount": 3}]
    assert text_table(rows, {"Id": "id", "amount": "amount", "n": "n", "ok": "ok"}).to_pylist() == [
        {"id": "1", "amount": "1.5", "n": '{"a":[1,"é"]}', "ok": "true"},
        {"id": "2", "amount": "3", "n": None, "ok": None},
    ]


# ---------------------------------------------------------------- a whole source


@dataclass(frozen=True, kw_only=True)
class AcmeSource(ApiSource):
    """A source with one entity, for what all API sources have in common."""

    asking: Client = field(repr=False)

    def extraction(self, entity: str, today: date) -> Extraction:
        def tables() -> Iterator[pa.Table]:
            columns = {"id": "id", "amount": "amount", "tags": "tags"}
            paginator = JSONResponseCursorPaginator(cursor_path="after", cursor_param="after")
            rows, total = 0, 0
            for page in self.asking.paginate("/rows", paginator=paginator, data_selector="results"):
                total = page.response.json()["total"]
                rows += len(page)
                yield text_table(page, columns)
            if rows != total:
                raise incomplete(self.name, entity, rows, total, "its own count")

        changes = self.account.carried.merge(
            entity, tables(), of="acme", key="id", cursor="now", now=NOON, columns=["id", "amount", "tags"]
        )
        return Extraction(entity, today, changes, ("id",), ("id",), "state", {"amount": "DECIMAL(18,2)"})

    def check(self) -> Iterator[Finding]:
        yield Finding("credentials", "ok", "accepted")


def account(home: Path, **options: Any) -> VendorAccount:
    return VendorAccount(
        name="crm",
        time_zone="America/New_York",
        clock=lambda: NOON,
        carried=CarriedStates(home / "dlt" / "carried" / "crm"),
        secrets=Secrets("crm", home, {}),
        **options,
    )


@pytest.fixture
def source(acme: Acme, waits: list[float], tmp_path: Path) -> AcmeSource:
    return AcmeSource(type="acme", account=account(tmp_path), entities=("deal",), asking=client(acme, waits))


def test_what_the_ledger_must_know_comes_from_the_vendor_and_from_the_settings(
    source: AcmeSource, tmp_path: Path
) -> None:
    set_up = account(
        tmp_path,
        columns={"person": {"Mail 2": "phone", "MQL": "mql_at", "Rank": "title"}, "account": {"Id": "account_id"}},
        personal={"person": ["home_city"]},
        volatile={"person": ["Score", "Mail 2"]},
        read={"lead": {"id": "person_id", "title": "title", "status": "status", "email_digest": "person_id"}},
    )
    told = replace(source, account=set_up)
    columns = {"Id": "id", "Email": "email", "Mail 2": "mail_2", "MQL": "mql", "Rank": "rank", "Score": "score",
               "Home City": "home_city", "Seen": "seen", "Born": "born"}  # fmt: skip
    found = told.governance(
        "lead", ("person",), columns, typed={"Born": "DATE", "score": "BIGINT", "not there": "DATE"}, hidden=["Email"],
        volatile=["seen", "absent"],
    )  # fmt: skip
    assert found == {
        "governed": {"born": "DATE", "score": "BIGINT", "mql": "TIMESTAMP"},
        "personal": ("email", "home_city", "mail_2"),
        "volatile": ("score", "seen"),
        "email": "email",
        "contact": Contact(email="email", phones=("mail_2",)),
        "headers": {landed: theirs for theirs, landed in columns.items()},
        # the vendor's title is not read where the settings read another field
        "expected": {
            "id": "person_id",
            "status": "status",
            "email": "email",
            "mail_2": "phone",
            "mql": "mql_at",
            "rank": "title",
        },
    }


def test_only_entities_that_there_are_can_be_excluded(tmp_path: Path) -> None:
    assert account(tmp_path, exclude=["owner"]).included(("deal", "owner")) == ("deal",)
    with pytest.raises(SourceError, match=r"exclude: got owners\. Expected some of deal, owner"):
        account(tmp_path, exclude=["owners"]).included(("deal", "owner"))


def landed(source: AcmeSource, home: Path, day: date = TODAY) -> int:
    done = land(source, [day], landing=home / "landing.duckdb", pipelines_dir=home / "dlt", today=TODAY)
    return sum(done.rows.values())


def test_only_today_can_be_served(source: AcmeSource, tmp_path: Path) -> None:
    days = source.days(date(2026, 11, 20), date(2026, 11, 23))
    assert days.complete == (TODAY,)
    assert sorted(days.incomplete) == [date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 23)]
    with pytest.raises(SourceError, match="tells the present only"):
        landed(source, tmp_path, date(2026, 11, 21))


def test_rows_land_whole_and_their_state_is_carried_over(source: AcmeSource, tmp_path: Path) -> None:
    assert landed(source, tmp_path) == 5
    assert source.account.carried.find("deal", of="acme", columns=["id", "amount", "tags"], since=NOON) is not None
    with duckdb.connect(str(tmp_path / "landing.duckdb")) as connection:
        assert connection.execute("select id, amount, tags from crm.deal order by id limit 1").fetchall() == [
            ("0", "0.5", '["x"]')
        ]


def test_a_run_that_breaks_off_lands_nothing_and_keeps_the_old_state(
    source: AcmeSource, acme: Acme, tmp_path: Path
) -> None:
    acme.put(status(403), path="/rows", after=2)
    with pytest.raises(LandingError, match="HTTP 403"):
        landed(source, tmp_path)
    assert source.account.carried.find("deal", of="acme", columns=["id", "amount", "tags"], since=NOON) is None
    assert landed(source, tmp_path) == 5


def test_a_missing_page_is_found_by_the_vendor_s_count(source: AcmeSource, acme: Acme, tmp_path: Path) -> None:
    def skip(answer: Answer) -> Answer:
        return Answer({**answer.body, "after": None})

    acme.put(changed(skip), path="/rows", after=1)
    with pytest.raises(LandingError, match=r"crm.deal: got 4 rows, expected the 5 of its own count"):
        landed(source, tmp_path)


def test_no_secret_or_token_is_in_anything_that_a_run_leaves(source: AcmeSource, acme: Acme, tmp_path: Path) -> None:
    acme.put(status(403, json.dumps({"message": "nope"})), path="/rows", after=2)
    with pytest.raises(LandingError) as failure:
        landed(source, tmp_path)
    assert landed(source, tmp_path) == 5
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()) + str(failure.value).encode()
    assert len(left) > 10_000
    for secret in (SECRET, "token-1-of-acme"):
        assert secret.encode() not in left
