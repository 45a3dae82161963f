"""Agent Server streaming: do clients get every event, in time, and can they resume?

For the on-call who answers a streaming alert. Lost events are invisible elsewhere: such a run counts as a success. Evictions from
the replay buffer are no loss in themselves; they matter when a client wants to resume.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import heat, lines, over_range, stat
from generator.config.site import Site
from generator.promql import buckets, increase, level, lowest, mean, observations, quantile, rate, volume


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "agent_server_streaming",
        "Agent Server / Streaming and protocol v2",
        system="agent_server",
        about=__doc__ or "",
        rows=[_now(site), _publish(site), _sessions(site), _size(site)],
    )


def _now(site: Site) -> Row:
    lg = site.system("agent_server")
    loss = lg["streaming_data_loss_counter"].where_not(reason="protocol_v2_buffer_overflow")
    published = observations(lg["stream_publish_latency"], unit="events")
    sent = rate(lg["protocol_v2_event_emitted_counter"])
    return row(
        "Status",
        stat("Lost events", rate(loss).filled(published)).normal(
            "0.", "Open lost events by reason.", alert=("AgentServerStreamDataLoss", "AgentServerStreamDataLossHigh")
        ),
        stat(
            "Publish p99", quantile(0.99, lg["stream_publish_latency"]), limit=site.limit("stream_publish_p99")
        ).normal("Below 100 ms.", "Check Redis: latency and memory.", alert="AgentServerStreamPublishSlow"),
        stat("Events published", published).normal("In proportion to running runs."),
        stat("Resume gaps", over_range(increase(lg["protocol_v2_resume_gap_counter"]).filled(sent)))
        .with_note("Within the range of the board.")
        .normal(
            "0.", "A client reconnected too late, or the replay buffer is too small.", alert="AgentServerResumeGaps"
        ),
        stat("Broken connections", rate(lg["protocol_v2_transport_send_failure_counter"]).filled(sent)).normal(
            "In proportion to clients that go away.", alert="AgentServerTransportSendFailures"
        ),
        stat("Evicted events", rate(lg["protocol_v2_buffer_evicted_counter"]).filled(sent)).normal(
            "Only for sessions of more events than the buffer holds."
        ),
    )


def _publish(site: Site) -> Row:
    lg, by = site.system("agent_server"), (site.labels.instance,)
    publish = lg["stream_publish_latency"]
    return row(
        "Publishing",
        lines(
            "Publish latency",
            *(quantile(q, publish) for q in (0.5, 0.95, 0.99)),
            limit=site.limit("stream_publish_p99"),
        )
        .with_note("Contains the retries: seconds here come before losses.")
        .normal(
            "p99 below 100 ms.",
            "Check Redis: latency and memory.",
            alert=("AgentServerStreamPublishSlow", "AgentServerStreamPublishStalling"),
        ),
        heat("Publish latency distribution", buckets(publish)).normal(
            "One band at the bottom.", "Seconds are retries: losses follow."
        ),
        lines(
            "Published events by type", observations(publish, by=("stream_event_type",), unit="events"), stack=True
        ).normal("In proportion to running runs."),
        lines(
            "Lost events by reason",
            rate(lg["streaming_data_loss_counter"], by=("reason", "stream_event_type")).named(
                "lost {{reason}} {{stream_event_type}}"
            ),
        )
        .with_note(
            "The reason protocol_v2_buffer_overflow is the replay buffer's eviction, without any client losing anything."
        )
        .normal(
            "No line.",
            "The reason names the part that failed: Redis, the queue, or a size limit.",
            alert="AgentServerStreamDataLoss",
        ),
        lines(
            "Publish queue free slots",
            lowest(lg["publish_queue_availability"], by=by),
            limit=site.limit("publish_queue_slots"),
            bad="below",
        )
        .with_note("The sample of the run that wrote last; it stays when the run has ended.")
        .normal(
            "Close to the size of the queue.",
            "Publishing is slower than the graph emits: check Redis.",
            alert="AgentServerPublishQueueBackpressure",
        ),
    )


def _sessions(site: Site) -> Row:
    lg, by = site.system("agent_server"), (site.labels.instance,)
    return row(
        "Sessions (protocol v2)",
        lines("Events sent by method", rate(lg["protocol_v2_event_emitted_counter"], by=("method",)), stack=True)
        .with_note("Each connected client counts.")
        .normal("In proportion to connected clients."),
        lines("Broken connections by method", rate(lg["protocol_v2_transport_send_failure_counter"], by=("method",)))
        .with_note("Mostly clients that went away.")
        .normal(
            "In proportion to clients that go away.",
            "All at once: a proxy with a short time-out.",
            alert="AgentServerTransportSendFailures",
        ),
        lines(
            "Replay buffer usage",
            level(lg["protocol_v2_buffer_size"], by=by),
            limit=site.limit("replay_buffer_events"),
        )
        .with_note("The session that wrote last; it stays when the session has ended.")
        .normal(
            "Below its bound.", "Clients that reconnect will miss events.", alert="AgentServerReplayBufferNearLimit"
        ),
        lines("Replay buffer evictions", rate(lg["protocol_v2_buffer_evicted_counter"], by=by)).normal(
            "Close to 0.", "Only clients that reconnect notice.", alert="AgentServerReplayBufferEvictions"
        ),
        lines("Resume gaps by process", increase(lg["protocol_v2_resume_gap_counter"], by=by)).normal(
            "0.", "The client must read the state anew.", alert="AgentServerResumeGaps"
        ),
        lines(
            "Events replayed per reconnect", *(quantile(q, lg["protocol_v2_replayed_events"]) for q in (0.5, 0.95))
        ).normal("Some tens.", "Thousands: clients that reconnect late, through an unstable network."),
    )


def _size(site: Site) -> Row:
    size = site.system("agent_server")["stream_data_size_bytes"]
    return row(
        "Event size",
        lines("Stream bytes by event type", volume(size, by=("stream_event_type",)), stack=True).normal(
            "In proportion to running runs.", "One type that grows is an agent that streams its whole state."
        ),
        lines("Mean event size by type", mean(size, by=("stream_event_type",)))
        .with_note("The widest bucket ends at 10 kB, so the mean says more than a quantile.")
        .normal("Some kilobytes.", "Large events fill Redis: stream updates instead of values."),
    )
