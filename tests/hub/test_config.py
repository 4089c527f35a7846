"""Settings: every problem named at once, no secret shown, nothing generated in production."""

import base64
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hub.config import ConfigurationError, Settings
from providers.registry import PUBLIC_NAMES, load_providers

ROOT = Path(__file__).resolve().parents[2]
KEY = base64.b64encode(b"k" * 32).decode()
PRODUCTION = {
    "PAYHUB_ENV": "production",
    "PAYHUB_BASE_URL": "https://pay.example.com",
    "PAYHUB_SECRET_KEY": "s" * 48,
    "PAYHUB_ENCRYPTION_KEYS": f"k1:{KEY}",
    "PAYHUB_DATA_DIR": "/nonexistent",
    "SMTP_URL": "smtp://mail.example.com",
}


def problems_of(environ: dict[str, str]) -> dict[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env(environ)
    assert all(problem.how_to_mend for problem in caught.value.problems)
    return {problem.variable: problem.what for problem in caught.value.problems}


@pytest.fixture
def development(tmp_path: Path) -> dict[str, str]:
    return {"PAYHUB_DATA_DIR": str(tmp_path / "data")}


def test_an_empty_environment_is_development_with_kept_secrets_only_their_owner_can_read(development: dict[str, str]) -> None:
    first, second = Settings.from_env(development), Settings.from_env(development)
    assert first.environment == "development"
    assert first.secret_key == second.secret_key
    assert first.generated == {"PAYHUB_SECRET_KEY", "PAYHUB_ENCRYPTION_KEYS"}
    file = first.data_dir / "dev-secrets.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in first.data_dir.iterdir()] == [file.name]


def test_processes_that_start_together_generate_the_same_secrets(development: dict[str, str]) -> None:
    program = "from hub.config import Settings; print(Settings.from_env().secret_key.reveal())"
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | development
    together = [subprocess.Popen([sys.executable, "-c", program], env=env, stdout=subprocess.PIPE) for _ in range(4)]
    assert len({process.communicate()[0] for process in together}) == 1


def test_a_full_production_environment_is_read_and_generates_nothing() -> None:
    settings = Settings.from_env(PRODUCTION | {"DATABASE_URL": "postgres://u:p@db/payhub", "REDIS_URL": "redis://cache:6379/0"})
    assert settings.production
    assert settings.secure_cookies
    assert settings.generated == frozenset()
    assert settings.database_url == "postgresql+psycopg://u:p@db/payhub"
    assert settings.keyring.key_ids == ("k1",)


def test_an_empty_production_environment_names_each_missing_variable() -> None:
    found = problems_of({"PAYHUB_ENV": "production", "PAYHUB_DATA_DIR": "/nonexistent"})
    assert set(found) == {"PAYHUB_BASE_URL", "PAYHUB_SECRET_KEY", "PAYHUB_ENCRYPTION_KEYS", "SMTP_URL"}


@pytest.mark.parametrize("variable", ["PAYHUB_BASE_URL", "SQUARE_NOTIFICATION_URL", "STRIPE_API_BASE", "SQUARE_BASE_URL"])
def test_production_refuses_http(variable: str) -> None:
    assert "http:" in problems_of(PRODUCTION | {variable: "http://pay.example.com"})[variable]


@pytest.mark.parametrize("variable", ["PAYHUB_SECRET_KEY", "PAYHUB_ENCRYPTION_KEYS"])
def test_production_refuses_what_was_generated_for_development(development: dict[str, str], variable: str) -> None:
    values: dict[str, str] = {}
    Settings.from_env(development)
    file = Path(development["PAYHUB_DATA_DIR"]) / "dev-secrets.json"
    values = dict(PRODUCTION, **development)
    values[variable] = file.read_text().split(f'"{variable}": "')[1].split('"')[0]
    assert "generated for development" in problems_of(values)[variable]


@pytest.mark.parametrize("variable", ["PAYHUB_CLOCK_FILE", "PAYHUB_CRASH_AT"])
def test_production_refuses_switches_for_tests(variable: str) -> None:
    assert "tests" in problems_of(PRODUCTION | {variable: "1"})[variable]


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"STRIPE_CLIENT_ID": "ca_1"}, {"STRIPE_SECRET_KEY"}),
        ({"STRIPE_SECRET_KEY": "sk_live_1", "STRIPE_WEBHOOK_SECRET": "whsec_1"}, {"STRIPE_CLIENT_ID"}),
        ({"SQUARE_APPLICATION_ID": "sq0idp-1"}, {"SQUARE_APPLICATION_SECRET"}),
        ({"GOCARDLESS_CLIENT_ID": "an_app"}, {"GOCARDLESS_CLIENT_SECRET"}),
    ],
)
def test_a_provider_set_up_by_halves_stops_production_and_is_told_in_development(
    development: dict[str, str], given: dict[str, str], missing: set[str]
) -> None:
    assert set(problems_of(PRODUCTION | given)) == missing
    assert {problem.variable for problem in Settings.from_env(development | given).provider_problems} == missing


def test_a_name_that_is_no_experimental_provider_is_a_problem_and_a_right_one_is_taken(development: dict[str, str]) -> None:
    switch = "PAYHUB_EXPERIMENTAL_PROVIDERS"
    assert "'stripe'" in problems_of(development | {switch: "gocardless, stripe"})[switch]
    assert Settings.from_env(development | {switch: "gocardless"}).experimental_providers == {"gocardless"}
    assert Settings.from_env(development).experimental_providers == frozenset()


def test_every_secret_that_a_provider_declares_is_hidden_from_the_log(development: dict[str, str]) -> None:
    for provider in load_providers({}, PUBLIC_NAMES).values():
        declared = (*provider.variables.secrets, *provider.variables.webhook_secrets)
        assert declared
        given = {name: f"value of {name}" for name in (*provider.variables.needed, *declared)}
        assert {f"value of {name}" for name in declared} <= set(Settings.from_env(development | given).secret_values)


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ("abc", "entry 1 has no key id before a colon"),
        (f"k1:{KEY},{KEY}", "entry 2 has no key id"),
        ("k1:%%%", "key 'k1' (entry 1) is not base64"),
        (f"k1:{base64.b64encode(b'short').decode()}", "key 'k1' (entry 1) has 5 bytes instead of 32"),
        (f"k1:{KEY},k1:{KEY}", "key id 'k1' stands twice (entry 2)"),
        (f"k1:{KEY},", "entry 2 has no key id"),
    ],
)
def test_a_faulty_key_list_is_refused_by_entry_without_showing_a_key(keys: str, fault: str) -> None:
    what = problems_of(PRODUCTION | {"PAYHUB_ENCRYPTION_KEYS": keys})["PAYHUB_ENCRYPTION_KEYS"]
    assert fault in what
    assert KEY not in what


def test_the_first_key_of_the_list_is_the_newest() -> None:
    other = base64.urlsafe_b64encode(b"\xff" * 32).decode()
    assert Settings.from_env(PRODUCTION | {"PAYHUB_ENCRYPTION_KEYS": f"k2:{other}, k1:{KEY}"}).keyring.key_ids == ("k2", "k1")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PAYHUB_ENV", "staging"),
        ("PAYHUB_BASE_URL", "pay.example.com"),
        ("PAYHUB_BASE_URL", "https://pay.example.com/hub"),
        ("PAYHUB_SECRET_KEY", "short"),
        ("DATABASE_URL", "sqlite:///payhub.db"),
        ("DATABASE_URL", "postgresql://host:port/db"),
        ("REDIS_URL", "localhost:6379"),
        ("SMTP_URL", "mail.example.com"),
        ("SMTP_URL", "smtp://:587"),
        ("SQUARE_ENVIRONMENT", "prod"),
        ("GOCARDLESS_ENVIRONMENT", "production"),
        ("SQUARE_NOTIFICATION_URL", "zzz"),
        ("SQUARE_BASE_URL", "nonsense"),
        ("STRIPE_CONNECT_BASE", "ftp://x"),
        ("STRIPE_API_BASE", "https://"),
        ("TWILIO_API_BASE", "api.twilio.com"),
        ("STRIPE_PUBLISHABLE_KEY", "sk_live_oops"),
        ("STRIPE_SECRET_KEY", "pk_live_oops"),
        ("STRIPE_API_BASE", "http://["),
        ("PAYHUB_CRASH_AT", "0"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(development: dict[str, str], variable: str, value: str) -> None:
    assert set(problems_of(development | {variable: value})) == {variable}


def test_port_beyond_what_ports_there_are_is_told_as_the_port(development: dict[str, str]) -> None:
    what = problems_of(development | {"DATABASE_URL": "postgresql://payhub:hunter2@db:99999/payhub"})["DATABASE_URL"]
    assert what == "has a port that is no number from 0 to 65535"


@pytest.mark.parametrize(
    "way",
    [
        {"SMTP_URL": "smtp://mail.example.com"},
        {"SENDGRID_API_KEY": "SG.key"},
        {
            "PAYHUB_OIDC_ISSUER": "https://id.example.com",
            "PAYHUB_OIDC_CLIENT_ID": "payhub",
            "PAYHUB_OIDC_CLIENT_SECRET": "s" * 20,
        },
    ],
)
def test_production_without_a_way_to_sign_in_is_refused_and_any_one_will_do(way: dict[str, str]) -> None:
    bare = {name: value for name, value in PRODUCTION.items() if name != "SMTP_URL"}
    assert "nobody could" in problems_of(bare)["SMTP_URL"]
    assert Settings.from_env(bare | way).production


def test_twilio_set_up_by_halves_is_refused(development: dict[str, str]) -> None:
    found = problems_of(development | {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_FROM_NUMBER": "+15005550006"})
    assert set(found) == {"TWILIO_AUTH_TOKEN"}


def test_all_problems_are_told_at_once() -> None:
    assert set(
        problems_of({"PAYHUB_ENV": "production", "DATABASE_URL": "x", "REDIS_URL": "y", "PAYHUB_DATA_DIR": "/nonexistent"})
    ) == {*("DATABASE_URL", "REDIS_URL", "PAYHUB_BASE_URL", "PAYHUB_SECRET_KEY", "PAYHUB_ENCRYPTION_KEYS", "SMTP_URL")}


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot keep" in problems_of({"PAYHUB_DATA_DIR": str(tmp_path / "file" / "data")})["PAYHUB_DATA_DIR"]


def test_a_damaged_secrets_file_is_named_and_not_overwritten(development: dict[str, str]) -> None:
    file = Path(development["PAYHUB_DATA_DIR"]) / "dev-secrets.json"
    file.parent.mkdir()
    file.write_text("{")
    assert "damaged" in problems_of(development)["PAYHUB_DATA_DIR"]
    assert file.read_text() == "{"


def test_an_empty_variable_counts_as_unset(development: dict[str, str]) -> None:
    assert Settings.from_env(development | {"DATABASE_URL": "", "PAYHUB_ENV": " "}).database_url is None


def test_no_secret_shows_in_repr_or_error_and_each_is_known_to_the_log_filter() -> None:
    given = {
        "DATABASE_URL": "postgresql://u:canary%2Done@db/payhub",
        "SMTP_URL": "smtp://u:canary-two@mail:587",
        "STRIPE_CLIENT_ID": "ca_1",
        "STRIPE_SECRET_KEY": "canary-three",
        "STRIPE_WEBHOOK_SECRETS": "canary-four, canary-five",
        "SENDGRID_API_KEY": "canary-six",
    }
    settings = Settings.from_env(PRODUCTION | given)
    assert "canary" not in repr(settings)
    assert {"canary-one", "canary-two", "canary-three", "canary-four", "canary-five", "canary-six", KEY} <= set(
        settings.secret_values
    )
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env(PRODUCTION | given | {"PAYHUB_BASE_URL": "ftp://u:canary-seven@x", "DATABASE_URL": "x://canary-eight"})
    assert "canary" not in str(caught.value)
