/* metrics.h - what a worker counts.  Written by the worker alone, read by anyone: plain loads and stores that are
 * atomic in themselves, so that counting costs nothing and a reader sees whole numbers. */
#ifndef WXCHAT_METRICS_H
#define WXCHAT_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t metric;

enum { FANOUT_BUCKETS = 12 };	/* upper bounds in microseconds: 50 << (0 ... 10), then all */

/* X(name, help) */
#define METRICS(X) \
	X(accepted, "connections accepted") \
	X(handshakes_ok, "handshakes completed") \
	X(handshakes_refused, "handshakes refused with an HTTP status") \
	X(handshakes_timed_out, "handshakes not completed in time") \
	X(handshakes_no_session, "handshakes completed without a live session") \
	X(refused_memory, "connections refused at the memory mark") \
	X(refused_address, "connections refused by the limit per address") \
	X(refused_descriptors, "connections refused for want of descriptors") \
	X(messages_in, "messages received") \
	X(messages_out, "messages sent to members") \
	X(bytes_in, "bytes received") \
	X(bytes_out, "bytes sent") \
	X(writes, "system calls that sent something") \
	X(refused_rate, "messages refused for their rate") \
	X(refused_bad, "messages refused as malformed") \
	X(refused_other, "messages refused for another reason") \
	X(closed_session, "connections closed because the session ended") \
	X(closed_banned, "connections closed by a ban") \
	X(closed_slow, "connections closed as slow readers") \
	X(closed_rate, "connections closed for abuse") \
	X(closed_protocol, "connections closed for a protocol error") \
	X(closed_idle, "connections closed after silence") \
	X(session_checks, "sessions looked up") \
	X(compressed, "messages compressed") \
	X(inflated, "messages inflated") \
	X(turns, "turns of the event loop") \
	X(fanout_us, "microseconds spent in fan-out") \
	X(fanouts, "fan-outs")

/* Values that go up and down. */
#define GAUGES(X) \
	X(connections, "connections open now") \
	X(authorised, "of them with a session") \
	X(rooms, "rooms with members on this worker") \
	X(homes, "rooms that live here") \
	X(queued_bytes, "bytes waiting for slow readers") \
	X(slow_readers, "connections with bytes waiting") \
	X(lag_us, "how late the last tick was, in microseconds") \
	X(lag_max_us, "how late a tick was at most, in the last minute")

struct metrics {
#define METRIC_FIELD(name, help) metric name;
	METRICS(METRIC_FIELD)
	GAUGES(METRIC_FIELD)
#undef METRIC_FIELD
	metric fanout_bucket[FANOUT_BUCKETS];
};

static inline void metric_add(metric *m, uint64_t n)
{
	atomic_store_explicit(m, atomic_load_explicit(m, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline void metric_set(metric *m, uint64_t n)
{
	atomic_store_explicit(m, n, memory_order_relaxed);
}

static inline uint64_t metric_get(const metric *m)
{
	return atomic_load_explicit(m, memory_order_relaxed);
}

#endif
