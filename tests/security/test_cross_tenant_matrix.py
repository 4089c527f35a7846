"""R18: every route with another tenant's ids answers 404 and shows nothing; and the matrix would notice if it did not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub import db, process
from hub.http.access import access_of
from tests.hub.apps import settings_for
from tests.security.matrix import BODIES, Case, Matrix, open_every_policy

OWN_ACCESS = {"sign_in.sign_out", "sign_in.sign_out_everywhere", "sign_in.choose_tenant"}  # a person's own session


@pytest.fixture(scope="module")
def shared(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    return Matrix(database_url, settings_for(tmp_path_factory.mktemp("matrix")))


@pytest.fixture
def matrix(shared: Matrix) -> Iterator[Matrix]:
    shared.boot()
    yield shared
    db.engine().dispose()


def test_matrix_holds_every_route_with_a_number(matrix: Matrix) -> None:
    cases = list(matrix.cases())
    with_numbers = {rule.endpoint for rule, _ in matrix.rules() if any("_id" in name for name in rule.arguments)}
    assert with_numbers <= {case.rule.endpoint for case in cases}
    assert set(BODIES) <= {case.rule.endpoint for case in cases}
    assert len(cases) > 50


def test_own_ids_are_answered_so_that_404_means_something(matrix: Matrix) -> None:
    """Reading needs no body: each must find the tenant's own row."""
    reads = [case for case in matrix.cases() if case.method == "GET"]
    missed = [str(case) for case in reads if matrix.ask(Case(case.rule, "GET", (), case.word)).status_code == 404]
    assert missed == []


def test_foreign_ids_are_404_show_nothing_and_change_nothing(matrix: Matrix) -> None:
    before = matrix.fingerprint()
    assert "\n".join(matrix.leaks()) == ""
    assert matrix.fingerprint() == before


def test_lists_show_the_tenants_own_rows(matrix: Matrix) -> None:
    """Else their silence about the other tenant would prove nothing."""
    silent = [
        rule.rule
        for rule in matrix.listed()
        if rule.rule in ("/api/clients", "/api/contacts", "/api/invoices", "/api/jobs", "/api/transactions", "/clients")
        and not any(word in matrix.read(rule) for word in matrix.own.words)
    ]
    assert silent == []


def test_foreign_id_in_a_filter_finds_nothing(matrix: Matrix) -> None:
    for path, name in (
        ("/api/invoices", "client_id"),
        ("/api/contacts", "client_id"),
        ("/api/jobs", "client_id"),
        ("/api/transactions", "client_id"),
        ("/api/webhook-events", "integration_id"),
    ):
        table = {"client_id": "clients", "integration_id": "integrations"}[name]
        client = matrix.app.test_client()
        answer = client.get(f"{path}?{name}={matrix.victim.ids[table]}", headers=matrix.own.key("owner"))
        assert answer.status_code in (200, 404), path
        assert (answer.get_json() or {}).get("data", []) == [], path


def test_matrix_fails_where_tenants_see_what_the_system_sees(fresh_database_url: str, tmp_path: Path) -> None:
    open_every_policy(fresh_database_url)
    matrix = Matrix(fresh_database_url, settings_for(tmp_path))
    leaking = matrix.leaks()
    db.engine().dispose()
    routes = {leak.split(" with ")[0] for leak in leaking if " with " in leak}
    everything = {str(case).split(" with ")[0] for case in matrix.cases()}
    assert len(routes) > len(everything) * 3 // 4, sorted(everything - routes)
    assert any(leak.startswith("GET /api/jobs shows") for leak in leaking)


# --- roles ---------------------------------------------------------------------------------------------------------------


def test_no_viewer_can_write(matrix: Matrix) -> None:
    let_in = []
    for rule, method in matrix.rules():
        access = access_of(matrix.app.view_functions[rule.endpoint])
        assert access is not None
        if method == "GET" or access.kind == "public" or rule.endpoint in OWN_ACCESS:
            continue
        for word in ("publish", "archive"):
            case = Case(rule, method, (), word if f"{word}" in rule.rule else "")
            if "action" in rule.arguments and not case.word:
                continue
            status = matrix.ask(case, role="viewer").status_code
            if status != 403:
                let_in.append(f"{case}: {status}")
    assert let_in == []


def test_nobody_gets_in_without_a_key_or_a_session(matrix: Matrix) -> None:
    let_in = []
    for rule, method in matrix.rules():
        access = access_of(matrix.app.view_functions[rule.endpoint])
        assert access is not None
        if access.kind == "public" or ("action" in rule.arguments):
            continue
        status = matrix.ask(Case(rule, method, ()), role=None).status_code
        if status not in (303, 401):
            let_in.append(f"{method} {rule.rule}: {status}")
    assert let_in == []


PUBLIC_WRITES = {
    "webhooks.receive",
    "webhooks.receive_own",
    "sign_in.send_link",
    "sign_in.use_link",
    "sign_in.begin_oidc",
    "sign_in.sign_out",
}


def test_what_anybody_may_send_is_a_short_list(matrix: Matrix) -> None:
    public = {
        rule.endpoint
        for rule, method in matrix.rules()
        if method != "GET" and (access := access_of(matrix.app.view_functions[rule.endpoint])) and access.kind == "public"
    }
    assert public == PUBLIC_WRITES
    assert process.settings().production is False
