"""What a query means, in words."""

from __future__ import annotations

from generator.config.site import Site
from generator.promql import increase, quantile, rate, share_above
from generator.promql.wording import percentile, sentences, subject


def test_two_queries_of_one_metric_read_differently(site: Site) -> None:
    """A rate and a share of the same counter are two sentences, with the part and the labels that each reads."""
    http = site.system("agent_server")["http_requests_total"]
    failed = http.matching(status="5..")

    assert [
        rate(http).help,
        rate(failed, by=("path",)).help,
        (rate(failed) / rate(http)).help,
        increase(http).over("1h").help,
    ] == [
        "Rate per second of HTTP requests answered.",
        "Rate per second of HTTP requests answered (status 5xx), by path.",
        "Share with status 5xx of HTTP requests answered.",
        "Increase within 1h of HTTP requests answered.",
    ]


def test_quantiles_of_one_histogram_are_one_sentence(site: Site) -> None:
    """Three lines of one panel do not repeat what they measure."""
    execution = site.system("agent_server")["run_execution_latency"]

    assert sentences(quantile(q, execution).reading for q in (0.5, 0.95, 0.99)) == (
        "Median, 95th and 99th percentile of time that an attempt took from pick-up to its end."
    )
    assert share_above(execution, 1000).help == (
        "Share of observations above 1000 ms; observed is the time that an attempt took from pick-up to its end."
    )


def test_braces_of_a_label_value_are_shown(site: Site) -> None:
    """Route templates have them, and so have regular expressions."""
    http = site.system("agent_server")["http_requests_total"]

    assert (rate(http.matching(path="/threads/{id}")) / rate(http)).help == (
        "Share with path /threads/{id} of HTTP requests answered."
    )


def test_a_subject_is_a_noun_phrase() -> None:
    """Labels, further clauses and the capital go; abbreviations and names keep theirs."""
    assert [subject(t) for t in ("Runs that failed, by kind; a note.", "HTTP requests.", "Redis connections of this process.")] == [
        "runs that failed", "HTTP requests", "Redis connections",
    ]  # fmt: skip
    assert [percentile(q) for q in (0.5, 0.95, 0.999, 0.01, 0.11)] == [
        "Median of {}", "95th percentile of {}", "99.9th percentile of {}", "1st percentile of {}", "11th percentile of {}",
    ]  # fmt: skip
