"""Streaming of the Agent Server: events that clients never get. No other signal shows them: such a run counts as a success."""

from __future__ import annotations

from generator.promql import happened, observations, quantile, rate
from generator.rules import Alert
from generator.site import Site


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    lg, by = site.system("agent_server"), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    loss = lg["streaming_data_loss_counter"].where_not(reason="protocol_v2_buffer_overflow")
    publish = lg["stream_publish_latency"]
    return [
        Alert(
            name="AgentServerStreamDataLoss",
            query=happened(loss, by=by).above(0),
            over="10m",
            hold="0s",
            severity="critical",
            summary=f"{name}: stream events are lost.",
            description="Publishing gave up after a minute of retries: the run was cut short and still counts as a success. Evictions from the replay buffer are left out.",
            action="ask Redis; find the runs by the log line 'Suppressing stream consume exception' and run them again.",
            board="agent_server_streaming",
        ),
        Alert(
            name="AgentServerStreamPublishSlow",
            query=quantile(0.99, publish, by=by)
            .above(site.limit("stream_publish_p99"))
            .both(observations(publish, by=by, unit="events").above(0.1)),
            over="10m",
            hold="10m",
            severity="warning",
            summary=f"{name}: one stream event in a hundred takes longer than {{{{ $value | humanize }}}} ms to publish.",
            description="Normal is below 10 ms. Retries begin at 100 ms, and after a minute of them events are lost.",
            action="look at the processor and the network of Redis.",
            board="agent_server_streaming",
        ),
        Alert(
            name="AgentServerTransportSendFailures",
            query=rate(lg["protocol_v2_transport_send_failure_counter"], by=by).above(1),
            over="10m",
            hold="10m",
            severity="warning",
            summary=f"{name}: {{{{ $value | humanize }}}} event-stream connections a second break.",
            description="At most one per session, so this is a proxy that cuts streams, not users who leave.",
            action="compare idle time-outs of ingress and load balancer.",
            board="agent_server_streaming",
        ),
    ]
