"""A bundle.yaml that someone else wrote: read in bounded time and memory, refused by line, all problems at once."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from generator.config.site import Site
from generator.errors import ConfigError

BOMB = "a0: &a0 [lol, lol]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))


def refused(configured: Callable[[str], Site], text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        configured(text)
    return [str(p) for p in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('selectors: {env: "~["}\n*a ', "bundle.yaml:2: not YAML: could not find expected ':'"),
        (BOMB, "bundle.yaml:1: the aliases of this file stand for more than it can hold"),
        ("systems: &a [*a]\n", "bundle.yaml:1: an alias stands inside of what it stands for"),
        ("a: " + "[" * 100 + "]" * 100 + "\n", "bundle.yaml:1: values stand inside each other more than 60 deep"),
        ("? [a, b]\n: c\n", "bundle.yaml:1: a list or a mapping is no key"),
        ("slo_period: 30d\nthresholds: {1: 2}\n", "bundle.yaml:2: the key 1 must be a string"),
        ("thresholds: {postgres_connections: .nan}\n", "bundle.yaml:1: 'postgres_connections' is nan, which is no number"),
        ("thresholds: {clickhouse_failed_floor: .inf}\n", "bundle.yaml:1: 'clickhouse_failed_floor' is inf, which is no number"),
        (
            f"slo: {{run_success: {{objective: 1{'0' * 400}}}}}\n",
            "bundle.yaml:1: 'objective' is a number of more than 18 digits, which nothing here can be",
        ),
        ("slo: {queue_wait: {within: .nan}}\n", "bundle.yaml:1: 'within' is nan, which is no number"),
        ("slo: {run_success: {objective: .nan}}\n", "bundle.yaml:1: 'objective' is nan, which is no number"),
        ("slo: {run_success: {objective: 0.999}}\n", "bundle.yaml:1: 'objective' is 0.999, but must be at least 50"),
        ("slo: {run_success: {objective: 99.9999999999}}\n", "bundle.yaml:1: 'objective' is 99.9999999999, but must be at most"),
        ('scrape: {interval: "30s\\n"}\n', "bundle.yaml:1: 'interval' is '30s\\\\n', which has a control character in it"),
        ('labels: {cluster: "c\\n"}\n', "bundle.yaml:1: 'cluster' is 'c\\\\n', which has a control character in it"),
        ('scrape: {cluster: "\\u202e"}\n', "bundle.yaml:1: 'cluster' is '\\\\u202e', which turns the direction of writing around"),
        ("scrape: {cluster: 2020-13-45}\n", "bundle.yaml:1: '2020-13-45' cannot be read as 'timestamp'"),
        ("scrape: {cluster: 2020-01-01}\n", "bundle.yaml:1: 'cluster' is 2020-01-01, a date"),
        (f"scrape: {{cluster: {'x' * 2000}}}\n", "bundle.yaml:1: 'cluster' is 'xxxxx"),
        (f"thresholds: {{redis_memory: {'9' * 5000}}}\n", "bundle.yaml:1: '9999"),
        ("a: &a {}\nslo:\n  <<: *a\n", "bundle.yaml:3: << merges mappings, and is not read here; write out what is meant"),
        ("slo_period: 30d\n---\nslo_period: 7d\n", "bundle.yaml:2: a second document begins here; keep one of the two, without ---"),
        ("#" * 1_000_001, "bundle.yaml:1: has more than 1,000,000 bytes"),
    ],
)  # fmt: skip
def test_what_no_key_may_have_is_refused_at_its_line(
    configured: Callable[[str], Site], text: str, message: str
) -> None:
    """Numbers that are none, texts that no file can hold, aliases without end: told like any other mistake."""
    begin = time.process_time()

    problems = refused(configured, text)

    assert any(p.startswith(message.replace("\\\\", "\\")) for p in problems), problems
    assert time.process_time() - begin < 5


@pytest.mark.parametrize("under", ["", "thresholds: "])
def test_twenty_thousand_unknown_keys_end_quickly(configured: Callable[[str], Site], under: str) -> None:
    """As many are told as someone reads."""
    keys = ", ".join(f"unknown_key_{n}: 1" for n in range(20_000))
    begin = time.process_time()

    problems = refused(configured, f"{under}{{{keys}}}\n")

    assert time.process_time() - begin < 10
    assert 20 < len(problems) <= 201


def test_a_broken_key_hides_no_mistake_of_another(configured: Callable[[str], Site]) -> None:
    """What the schema sees and what it cannot see are told in one run, also below one key."""
    problems = refused(
        configured,
        "thresholds: {redis_memry: 0.9}\n"
        "systems:\n"
        "  agent_server: {tier: 7, roles: [qeue]}\n"
        "  langsmith: {roles: [clickhose]}\n"
        "scrape: {interval: 5m}\n"
        "slo_perod: 7d\n",
    )

    assert [p.partition(";")[0] for p in problems] == [
        "bundle.yaml:1: unknown threshold 'redis_memry'",
        "bundle.yaml:3: 'tier' is 7, but must be at most 4",
        "bundle.yaml:3: role 'qeue' is unknown",
        "bundle.yaml:4: role 'clickhose' is unknown",
        "bundle.yaml:5: scrape.interval is 5m: one scrape that fails takes a series away, for Prometheus reads a sample for 5m only",
        "bundle.yaml:6: unknown field 'slo_perod'",
    ]


@pytest.mark.parametrize(
    "text",
    ["alertmanager: {webhook_basic_auth: 'a:SECRET'}", "alertmanager: {webhook_url: ['http://a:SECRET@h']}",
     "alertmanager: {webhook_url: {'http://a:SECRET@h': 1}}", "alertmanager: {webhook_url: 'https://h/%zz?SECRET'}",
     "alertmanager: {webhook_url: 'https://h/%zz?a=b&token=SECRET'}", "alertmanager: {'a:SECRET@h': 1}", "a:SECRET@h: 1",
     "alertmanager: {bearer_token_file: [SECRET]}", "scrape: {prometheus: ['http://a:SECRET@h:1']}"],
)  # fmt: skip
def test_no_message_repeats_what_may_be_a_secret(configured: Callable[[str], Site], text: str) -> None:
    """A password that was put where it does not belong is not put into a log as well."""
    message = refused(configured, text.replace("SECRET", "hunter2hunter2"))

    assert message
    assert "hunter2" not in "".join(message)
