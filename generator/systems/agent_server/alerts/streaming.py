"""Streaming of the Agent Server: events that clients never get. No other signal shows them: such a run counts as a success."""

from __future__ import annotations

from generator.config.site import Site
from generator.promql import level, lowest, observations, observed, occurrences, rate, share_above, tail
from generator.rules.rule import SAMPLED, SPARSE, Alert, Because, going_on


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    lg, by = site.system("agent_server"), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    loss = lg["streaming_data_loss_counter"].where_not(reason="protocol_v2_buffer_overflow")
    lost = occurrences(loss, by=by)
    publish, slow, stall = (
        lg["stream_publish_latency"],
        site.limit("stream_publish_p99"),
        site.limit("stream_stall_edge"),
    )
    return [
        Alert(
            name="AgentServerStreamDataLossHigh",
            query=lost.at_least(site.limit("stream_losses")).both(going_on(lost)),
            over="10m",
            hold=site.timing.outlasting,
            keep=SPARSE,
            severity="critical",
            summary=f"{name}: stream events are lost again and again, {{{{ $value | humanize }}}} times within {site.timing.window_words('10m')}.",
            description="Publishing gives up after a minute of retries, run after run: answers stop in the middle and still count as successes. It still goes on: an outage that is over does not page.",
            action="ask Redis; what is lost stays lost, but it goes on until Redis takes events again.",
            board="agent_server_streaming",
        ),
        Alert(
            name="AgentServerStreamDataLoss",
            query=lost.above(0),
            over="10m",
            hold="0s",
            severity="warning",
            summary=f"{name}: stream events are lost.",
            description="Publishing gave up after a minute of retries: the run was cut short and still counts as a success. Evictions from the replay buffer are left out.",
            action="ask Redis; find the runs by the log line 'Suppressing stream consume exception' and run them again.",
            board="agent_server_streaming",
            explained_by=(Because(("AgentServerStreamDataLossHigh",)),),
        ),
        Alert(
            name="AgentServerStreamPublishSlow",
            query=tail(0.99, publish, slow, by=by).both(observations(publish, by=by, unit="events").above(0.1)),
            over="10m",
            hold="10m",
            keep=SPARSE,
            severity="warning",
            summary=f"{name}: {{{{ $value | humanizePercentage }}}} of the stream events take longer than {slow.value:g} ms to publish.",
            description="Normal is below 10 ms. Retries begin at 100 ms, and after a minute of them events are lost.",
            action="look at the processor and the network of Redis.",
            board="agent_server_streaming",
            explained_by=(Because(("AgentServerStreamPublishStalling",)),),
        ),
        Alert(
            name="AgentServerStreamPublishStalling",
            query=share_above(publish, stall.value, by=by)
            .above(site.limit("stream_stall_ratio"))
            .both(observed(publish, by=by, unit="events").at_least(20)),
            hold="2m",
            keep=SPARSE,
            severity="critical",
            summary=f"{name}: {{{{ $value | humanizePercentage }}}} of the stream events take longer than {stall.value:g} ms to publish.",
            description="Publishing gives up after a minute of retries: losses are about to begin.",
            action="ask Redis, as for lost events, before they are lost.",
            board="agent_server_streaming",
        ),
        *_replay(site),
        Alert(
            name="AgentServerTransportSendFailures",
            query=rate(lg["protocol_v2_transport_send_failure_counter"], by=by).above(site.limit("transport_failures")),
            over="10m",
            hold="10m",
            severity="warning",
            summary=f"{name}: {{{{ $value | humanize }}}} event-stream connections a second break.",
            description="At most one per session, so this is a proxy that cuts streams, not users who leave.",
            action="compare idle time-outs of ingress and load balancer.",
            board="agent_server_streaming",
        ),
    ]


def _replay(site: Site) -> list[Alert]:
    lg, by, each = site.system("agent_server"), site.identity, (*site.identity, site.labels.instance)
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    sending = rate(lg["protocol_v2_event_emitted_counter"], by=each).above(0)
    publishing = observations(lg["stream_publish_latency"], by=each, unit="events").above(0)
    return [
        Alert(
            name="AgentServerResumeGaps",
            query=occurrences(lg["protocol_v2_resume_gap_counter"], by=by).above(site.limit("resume_gaps")),
            over="1h",
            hold="0s",
            severity="warning",
            summary=f"{name}: {{{{ $value | humanize }}}} clients could not resume their stream within {site.timing.window_words('1h')}.",
            description="Their position had fallen out of the replay buffer. A few an hour are laptops that slept.",
            action="compare LSD_PROTOCOL_V2_BUFFER_SIZE with the length of the runs, and idle time-outs of proxies.",
            board="agent_server_streaming",
        ),
        Alert(
            name="AgentServerPublishQueueBackpressure",
            query=lowest(lg["publish_queue_availability"], by=each)
            .below(site.limit("publish_queue_slots"))
            .both(publishing),
            hold="5m",
            keep=SAMPLED,
            severity="warning",
            summary=f"{name}: {{{{ $labels.{site.labels.instance} }}}} has {{{{ $value }}}} free places in its publish queue.",
            description="The graph makes events faster than they are published. The sample stays when a run ends, so events must flow.",
            action="look at Redis first; raise LSD_PUBLISH_QUEUE_SIZE only after that.",
            board="agent_server_streaming",
        ),
        Alert(
            name="AgentServerDeltaChannelSeedMissing",
            query=occurrences(lg["delta_channel_read_counter"].where(seed_kind="missing"), by=by).above(0),
            over="30m",
            hold="0s",
            severity="warning",
            summary=f"{name}: a delta channel was read without a seed.",
            description="Its chain of checkpoints leads nowhere, so state may be lost.",
            action="look at pruning jobs and at the checkpoint storage.",
            board="agent_server_runs",
        ),
        Alert(
            name="AgentServerReplayBufferEvictions",
            query=rate(lg["protocol_v2_buffer_evicted_counter"], by=by).above(0),
            over="10m",
            hold="30m",
            severity="info",
            summary=f"{name}: events fall out of the replay buffer.",
            description="Harmless unless clients resume; a hint for the size of the buffer.",
            action="raise LSD_PROTOCOL_V2_BUFFER_SIZE when resume gaps show too.",
            board="agent_server_streaming",
        ),
        Alert(
            name="AgentServerReplayBufferNearLimit",
            query=level(lg["protocol_v2_buffer_size"], by=each)
            .at_least(site.limit("replay_buffer_events"))
            .both(sending),
            hold="15m",
            severity="info",
            summary=f"{name}: a replay buffer of {{{{ $labels.{site.labels.instance} }}}} holds {{{{ $value }}}} events.",
            description="The gauge stays when a session ends, so events must flow for this to be true.",
            action="size the buffer for the longest run that clients resume.",
            board="agent_server_streaming",
        ),
    ]
