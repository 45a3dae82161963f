"""The real Agent Server of each era runs here, does what it is told, and shows it."""

from collections import Counter

import pytest

from testbed.agent_server import ERAS
from testbed.agent_server.client import Request
from testbed.agent_server.environments import Era
from testbed.agent_server.traffic import Driven
from testbed.exposition import Family, parse
from tests.agent_servers import shown

#: Statuses of ended attempts, and how many of `drive`'s runs end so. The run that the server tries
#: again has three attempts that are retried and a fourth that fails.
ENDS = {"success": 11, "error": 4, "timeout": 1, "interrupted": 1, "rollback": 1, "retry": 3}


def driven(era: Era) -> tuple[Driven, dict[str, Family]]:
    """What an era's server was sent, and its page after that; or end the test."""
    seen = shown(era)
    assert seen.version == ERAS[era]
    assert '"n_running":0' in seen.table
    return seen.driven, parse(seen.driven.page)


def requests(family: Family) -> Counter[Request]:
    """How often the page says that each request came."""
    return Counter(
        {Request(s.labels["method"], s.labels["path"], s.labels["status"]): int(s.value) for s in family.samples}
    )


@pytest.mark.real
def test_new_era_shows_all_traffic() -> None:
    """Every ending of a run, every stream and every request is on the page, exactly counted."""
    done, page = driven("new")

    assert len(page) >= 33
    assert requests(page["lg_api_http_requests_total"]) == done.sent
    durations = page["lg_api_run_execution_latency"]
    assert {status: durations.total("_count", status=status) for status in durations.values("status")} == ENDS
    assert page["lg_api_run_attempt_started_counter_total"].total() == sum(ENDS.values())
    assert page["lg_api_graph_recursion_limit_error_counter_total"].total() == 1
    assert page["lg_api_run_exceed_max_attempts_at_start_counter_total"].total() == 1
    assert page["lg_api_run_canceled_by_request_counter_total"].values("status") == {
        "interrupted",
        "rollback",
    }
    assert page["lg_api_run_failed_after_retry_counter_total"].values("status") == {
        "error",
        "timeout",
    }
    assert page["lg_api_stream_publish_latency"].values("stream_event_type") == {
        "checkpoints",
        "custom",
        "debug",
        "events",
        "messages",
        "messages/metadata",
        "messages/partial",
        "metadata",
        "tasks",
        "updates",
        "values",
    }
    assert page["lg_api_protocol_v2_event_emitted_counter_total"].values("method") == {
        "input.requested",
        "lifecycle",
        "messages",
        "values",
    }
    assert page["lg_api_protocol_v2_resume_gap_counter_total"].total() == 1
    lost = page["lg_api_streaming_data_loss_counter_total"]
    assert lost.values("reason") == {"protocol_v2_buffer_overflow"}
    assert lost.total() == page["lg_api_protocol_v2_buffer_evicted_counter_total"].total() > 0
    assert page["lg_api_http_requests_latency"].edges()[:5] == [
        "10.0",
        "100.0",
        "500.0",
        "1000",
        "5000",
    ]
    # The in-memory runtime of this era keeps its queue depth to the JSON page.
    assert "lg_api_num_pending_runs" not in page


@pytest.mark.real
def test_old_era_shows_its_few_families() -> None:
    """Before 0.11 a page has ten families, in seconds, without one internal metric."""
    done, page = driven("old")

    assert list(page) == [
        "lg_api_num_pending_runs",
        "lg_api_num_running_runs",
        "lg_api_pending_runs_wait_time_max",
        "lg_api_pending_runs_wait_time_med",
        "lg_api_pending_unblocked_runs_wait_time_max",
        "lg_api_workers_max",
        "lg_api_workers_active",
        "lg_api_workers_available",
        "lg_api_http_requests_total",
        "lg_api_http_requests_latency_seconds",
    ]
    assert requests(page["lg_api_http_requests_total"]) == done.sent
    latency = page["lg_api_http_requests_latency_seconds"]
    assert latency.edges()[:5] == ["0.01", "0.1", "0.5", "1", "5"]
    assert latency.values("project_id") == {"None"}
