"""What the operator is told, through a real HTTP and a real SMTP server on loopback, and once."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dagster as dg
import pytest
from aiosmtpd.controller import Controller

from orchestration.commands.doctor import check_alerts
from orchestration.dag import assets
from orchestration.dag.alerts import alert_sensor, tell_now
from orchestration.dag.sole_writer import sole_writer
from orchestration.settings.config import ALERT_KINDS, load_config
from orchestration.settings.errors import ConfigError
from orchestration.settings.home import Home, open_home
from orchestration.settings.settings import Settings
from orchestration.steps.alerts import URLS, Alert, UndeliveredError, send, without_secrets
from tests.orchestration.conftest import Desk

NOON = "2026-03-06T12:00:00+00:00"


class Chat:
    """A chat service: takes JSON by HTTP, or refuses it with `status`."""

    def __init__(self) -> None:
        self.status, self.messages = 200, list[dict[str, str]]()
        chat = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if chat.status == 200:
                    chat.messages.append(said)
                self.send_response(chat.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"json://secret-token@127.0.0.1:{self.server.server_port}/hook"

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.messages]


class Mailbox:
    """A mail server that keeps what it gets."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        with socket.create_server(("127.0.0.1", 0)) as free:  # aiosmtpd takes no port 0
            self.port = free.getsockname()[1]
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.mails.append(message_from_bytes(envelope.content))
        return "250 OK"

    @property
    def url(self) -> str:
        return f"mailto://127.0.0.1:{self.port}?from=pipeledger@example.com&to=ops@example.com&mode=insecure"


@pytest.fixture
def chat() -> Iterator[Chat]:
    chat = Chat()
    yield chat
    chat.server.shutdown()
    chat.server.server_close()


@pytest.fixture
def company(desk: Desk, chat: Chat, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A company whose operator reads the chat; its CRM was exported on one day."""
    with (desk.folder / "pipeledger.toml").open("a") as file:
        file.write('[alerts]\nowners = ["revops@example.com"]\n')
    settings = Settings(load_config(desk.folder / "pipeledger.toml", {}), Home(desk.home))
    desk.home.mkdir()
    open_home(settings.home, settings.store.place, settings.config.company)
    desk.drop_opportunities("2026-03-05")
    monkeypatch.setenv(URLS, chat.url)
    monkeypatch.setenv("PIPELEDGER_NOW", NOON)
    return settings


@pytest.fixture
def instance(company: Settings) -> Iterator[dg.DagsterInstance]:
    """Dagster's record, on which the operator has already looked once."""
    with dg.DagsterInstance.ephemeral() as instance:
        assert tell_now(company, instance) == []
        yield instance


def run_day(company: Settings, instance: dg.DagsterInstance, day: str) -> None:
    """The steps of the CRM for one day."""
    source = assets.source_assets(company, company.config.sources["crm"], assets.daily_partitions(company, DAY_ONE))
    dg.materialize(
        [source],
        instance=instance,
        partition_key=day,
        resources={assets.SOLE_WRITER: sole_writer(company)},
        raise_on_error=False,
    )


DAY_ONE = date(2026, 3, 1)


def test_a_lost_day_is_told_once_with_its_cause(company: Settings, instance: dg.DagsterInstance, chat: Chat) -> None:
    run_day(company, instance, "2026-03-05")
    assert tell_now(company, instance) == []
    run_day(company, instance, "2026-03-06")
    sensor = alert_sensor(company, is_demo=False)
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    for said in ("told: Pipeledger: crm.opportunity 2026-03-06 not captured", "nothing new to tell"):
        skipped = sensor(dg.build_sensor_context(instance))
        assert isinstance(skipped, dg.SkipReason)
        assert skipped.skip_message == said
    [message] = chat.messages
    assert "no drop of 2026-03-06 for opportunity" in message["message"]
    assert "pipeledger status" in message["message"]


def test_a_gate_that_trips_is_told_as_a_gate(
    company: Settings, instance: dg.DagsterInstance, chat: Chat, desk: Desk
) -> None:
    run_day(company, instance, "2026-03-05")
    desk.drop_opportunities("2026-03-06", count=3)
    run_day(company, instance, "2026-03-06")
    others = replace(company.config.alerts, on=tuple(kind for kind in ALERT_KINDS if kind != "gate"))
    assert tell_now(replace(company, config=replace(company.config, alerts=others)), instance) == []
    assert len(tell_now(company, instance)) == 1
    assert "drop" in chat.messages[0]["message"]


def test_a_place_that_was_not_reached_is_told_later_and_the_others_are_not_told_twice(
    company: Settings, instance: dg.DagsterInstance, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = Mailbox()
    mailbox.controller.start()
    try:
        monkeypatch.setenv(URLS, f"{chat.url} {mailbox.url}")
        run_day(company, instance, "2026-03-06")
        chat.status = 500
        with pytest.raises(UndeliveredError, match="address 1 of") as error:
            tell_now(company, instance)
        assert "secret-token" not in str(error.value)
        assert [mail["Subject"] for mail in mailbox.mails] == ["Pipeledger: crm.opportunity 2026-03-06 not captured"]
        chat.status = 200
        assert len(tell_now(company, instance)) == 1
        assert tell_now(company, instance) == []
        assert (len(chat.messages), len(mailbox.mails)) == (1, 1)
    finally:
        mailbox.controller.stop()


def test_days_that_do_not_come_are_told_once_until_they_come(
    company: Settings, instance: dg.DagsterInstance, chat: Chat, monkeypatch: pytest.MonkeyPatch, desk: Desk
) -> None:
    run_day(company, instance, "2026-03-05")
    for now in ("2026-03-07T12:00:00+00:00", "2026-03-08T12:00:00+00:00"):
        monkeypatch.setenv("PIPELEDGER_NOW", now)
        tell_now(company, instance)
    assert chat.titles == ["Pipeledger: crm was last captured for 2026-03-05"]
    desk.drop_opportunities("2026-03-08")
    run_day(company, instance, "2026-03-08")
    assert tell_now(company, instance) == []
    monkeypatch.setenv("PIPELEDGER_NOW", "2026-03-11T12:00:00+00:00")
    tell_now(company, instance)
    assert chat.titles[1:] == ["Pipeledger: crm was last captured for 2026-03-08"]


def test_a_damaged_ledger_is_told(company: Settings, instance: dg.DagsterInstance, chat: Chat) -> None:
    run_day(company, instance, "2026-03-05")
    [file, *_] = sorted((company.store.ledger.folder / "crm" / "opportunity").rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[:-30])
    check = assets.LedgerCheck(company).definition("crm")
    definitions = dg.Definitions(
        assets=[dg.AssetSpec(assets.ledger_key("crm"))],
        asset_checks=[check],
        jobs=[dg.define_asset_job("verify", dg.AssetSelection.checks(check))],
        resources={assets.SOLE_WRITER: sole_writer(company)},
    )
    definitions.resolve_job_def("verify").execute_in_process(instance=instance, raise_on_error=False)
    for _ in range(2):
        tell_now(company, instance)
    assert "Pipeledger: the ledger of crm is damaged" in chat.titles
    assert len(chat.titles) == len(set(chat.titles))


def test_a_run_of_the_command_line_tells_and_doctor_sends_a_test(company: Settings, desk: Desk, chat: Chat) -> None:
    environment = {URLS: chat.url, "PIPELEDGER_NOW": NOON}
    assert desk.run("doctor", "--alert", env=environment).code == 0
    assert chat.titles == ["Pipeledger: a test message"]
    assert desk.run("run", "--date", "2026-03-06", env=environment).code != 0
    assert len(chat.titles) == 2
    chat.status = 503
    refused = desk.run("doctor", "--alert", env=environment)
    assert refused.code == 2
    assert "not delivered" in refused.out
    assert "secret-token" not in refused.out


def test_what_apprise_says_of_a_failure_goes_on_without_any_part_of_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"json://secret-token@127.0.0.1:{port}/secret-hook"  # nobody listens there any more
    with pytest.raises(UndeliveredError) as error:
        send(url, Alert("key", "failed", "title", "body"))
    assert not re.search(r"secret|127\.0\.0\.1", str(error.value))
    assert without_secrets("no route to hooks.example.com/T0K3N9", "slack://hooks.example.com/T0K3N9") == (
        "no route to .../..."
    )


def test_doctor_says_who_is_told(company: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_alerts(company).level == "ok"
    monkeypatch.setenv(URLS, "carrier-pigeon://somewhere")
    assert check_alerts(company).level == "fail"
    monkeypatch.delenv(URLS)
    assert check_alerts(company).level == "warn"


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ('on = ["gaps"]', "Did you mean `gap`?"),
        ("stale_days = 0", "1 or more"),
        ('owners = ["me"]', '"team:NAME" expected'),
        ('token = "x"', "secrets do not belong"),
    ],
)
def test_settings_that_mean_nothing_are_refused(desk: Desk, table: str, says: str) -> None:
    with (desk.folder / "pipeledger.toml").open("a") as file:
        file.write(f"[alerts]\n{table}\n")
    with pytest.raises(ConfigError, match=says):
        load_config(desk.folder / "pipeledger.toml", {})


def test_a_gap_of_long_ago_is_named_and_warns_no_more(
    company: Settings, instance: dg.DagsterInstance, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets, "RECENT", timedelta(days=1))
    for day, passes in (("2026-03-05", True), ("2026-03-07", False), ("2026-03-08", True)):
        desk.drop_opportunities(day)
        run_day(company, instance, day)
        record = instance.get_latest_asset_check_evaluation_record(
            dg.AssetCheckKey(assets.ledger_key("crm"), "no_missing_days")
        )
        assert record is not None
        assert record.event is not None
        assert record.event.dagster_event is not None
        check = record.event.dagster_event.asset_check_evaluation_data
        assert check.passed is passes, day
    assert check.description == "1 missing: 2026-03-06"
