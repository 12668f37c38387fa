/* fan.c - rooms full of phones: some of them talk, all of them listen, and a server's processor time for each delivery
 * is measured.
 *   fan -p PORT -P PID[,PID] -u PATH [-s SESSIONS] [-w] [-R rooms] [-m members of each] [-t talkers of each]
 *       [-x strangers] [-i in flight] [-b bytes of a delivery] [-W bytes of the receive buffers] [-B]
 * PATH's first %u becomes the room's number.  A message is in flight until every member of its room has it; -w waits for the
 * server's greeting.  Strangers are in rooms of ten of their own and silent; with -t 0 all are.  When all are in, it says so in
 * a line of JSON; then each number on a line of stdin is a run of so many messages, answered by its figures.  What a delivery
 * took, from saying to having, is exact with one message in flight.
 * -B: never sleeps while messages are in flight.  Phones are woken by their own kernels; whether this program happens to
 * sleep when something is sent to it, and the sender pays for waking it, is chance, and can be half of what a send costs. */
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/phones.h"
#include "lib/usage.h"

enum { WINDOW = 256, STRANGERS_A_ROOM = 10, DELAYS = 50000 };

static const int64_t PATIENCE_NS = 1000000000;

/* Of each message that is not with everybody yet: how many of the room's members have it, and when it was said. */
struct hall {
	unsigned have[WINDOW];
	int64_t said_ns[WINDOW];
	uint64_t said;
};

/* What the deliveries of a run took, in tenths of milliseconds. */
struct delays {
	uint64_t count[DELAYS], all;
};

struct fan {
	struct phones phones;
	struct watched watched;
	const char *path;
	bool is_busy;
	unsigned rooms, members, talkers, strangers, in_flight, bytes;
	struct hall *halls;
	struct delays delays;
	uint64_t deliveries, complete, said;
	uint64_t length;		/* of the last delivery */
	char text[8192];
	size_t text_len;
};

static unsigned residents(const struct fan *f)
{
	return f->rooms * f->members;
}

static void fan_path(unsigned index, char *out, size_t size, void *arg)
{
	const struct fan *f = arg;
	unsigned room = index < residents(f) ? index % f->rooms
					     : f->rooms + (index - residents(f)) / STRANGERS_A_ROOM;
	const char *mark = strstr(f->path, "%u");

	if (mark)
		snprintf(out, size, "%.*s%u%s", (int)(mark - f->path), f->path, room, mark + 2);
	else
		snprintf(out, size, "%s", f->path);
}

static void delay_note(struct delays *d, int64_t ns)
{
	int64_t tenths = ns / 100000;

	d->count[tenths < DELAYS ? tenths : DELAYS - 1]++;
	d->all++;
}

/* The delay, in milliseconds, that so many hundredths of the deliveries did not pass. */
static double delay_of(const struct delays *d, unsigned hundredths)
{
	uint64_t seen = 0;
	unsigned i;

	for (i = 0; i < DELAYS - 1; i++)
		if ((seen += d->count[i]) * 100 >= d->all * hundredths)
			break;
	return (i + 1) / 10.0;
}

static void fan_message(struct phone *phone, void *arg)
{
	struct fan *f = arg;
	struct hall *hall = &f->halls[phone->index % f->rooms];
	unsigned *have = &hall->have[phone->received % WINDOW];

	delay_note(&f->delays, now_ns() - hall->said_ns[phone->received % WINDOW]);
	f->deliveries++;
	f->length = phone->length;
	if (++*have == f->members) {
		*have = 0;
		f->complete++;
	}
}

/* The k-th message of all: rooms in turn, and in each its talkers in turn. */
static void fan_say(struct fan *f)
{
	unsigned room = (unsigned)(f->said % f->rooms);
	unsigned talker = (unsigned)(f->said / f->rooms % f->talkers);
	struct hall *hall = &f->halls[room];

	hall->said_ns[++hall->said % WINDOW] = now_ns();	/* as many as a phone has received of them */
	phone_say(&f->phones.all[talker * f->rooms + room], f->text, f->text_len);
	f->said++;
}

static void fan_run(struct fan *f, unsigned messages)
{
	uint64_t until = f->said + messages;
	int64_t patience_ns = now_ns() + PATIENCE_NS;

	while (f->complete < until) {
		while (f->said < until && f->said - f->complete < f->in_flight)
			fan_say(f);
		if (f->is_busy && now_ns() < patience_ns) {
			if (phones_turn(&f->phones, 0))
				patience_ns = now_ns() + PATIENCE_NS;
		} else if (!phones_turn(&f->phones, 10000))
			die("%llu of %llu messages are with everybody, and nothing moves any more",
			    (unsigned long long)f->complete, (unsigned long long)f->said);
	}
}

/* Long enough that a delivery, with all that the server adds, has the wanted length. */
static void fan_compose(struct fan *f)
{
	unsigned pad = 1;

	for (;;) {
		f->text_len = (size_t)snprintf(f->text, sizeof(f->text), "{\"text\":true,\"content\":\"%*s\"}", (int)pad, "");
		memset(f->text + f->text_len - 2 - pad, 'x', pad);
		fan_run(f, 1);
		if (f->length >= f->bytes || pad > 1)
			return;
		pad += f->bytes - (unsigned)f->length;
	}
}

static void fan_measure(struct fan *f, unsigned messages)
{
	struct usage before, after, used;
	uint64_t deliveries = f->deliveries;
	int64_t wall = now_ns(), own = usage_own_ns();

	memset(&f->delays, 0, sizeof(f->delays));
	usage_read(&f->watched, &before);
	fan_run(f, messages);
	usage_read(&f->watched, &after);
	used = usage_since(&before, &after);
	printf("{\"messages\":%u,\"deliveries\":%llu,\"cpuNs\":%lld,\"userUs\":%lld,\"wallNs\":%lld,\"ownNs\":%lld,"
	       "\"p50Ms\":%.1f,\"p99Ms\":%.1f}\n", messages, (unsigned long long)(f->deliveries - deliveries), (long long)used.cpu_ns, (long long)used.user_us,
	       (long long)(now_ns() - wall), (long long)(usage_own_ns() - own), delay_of(&f->delays, 50), delay_of(&f->delays, 99));
	fflush(stdout);
}

/* Waits for the next wish; the phones answer their pings meanwhile.  0 at the end. */
static unsigned fan_wish(struct fan *f)
{
	struct pollfd wait[2] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = f->phones.epoll, .events = POLLIN } };
	char line[32];

	for (;;) {
		if (poll(wait, 2, -1) < 0)
			die("poll");
		if (wait[1].revents)
			phones_turn(&f->phones, 0);
		if (wait[0].revents)
			return fgets(line, sizeof(line), stdin) ? (unsigned)strtoul(line, NULL, 10) : 0;
	}
}

static unsigned number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || n > 10000000)
		die("not a number: %s", text);
	return (unsigned)n;
}

int main(int argc, char *argv[])
{
	static struct fan f = { .path = "/", .rooms = 1, .members = 10, .talkers = 1, .in_flight = 1,
			 .bytes = 256, .phones = { .at_once = 128 } };
	const char *sessions = NULL;
	unsigned messages;
	int option;

	while ((option = getopt(argc, argv, "p:P:u:s:wR:m:t:x:i:b:W:B")) != -1) {
		switch (option) {
		case 'p': f.phones.port = number(optarg); break;
		case 'P': watched_add(&f.watched, optarg); break;
		case 'u': f.path = optarg; break;
		case 's': sessions = optarg; break;
		case 'w': f.phones.is_welcomed = true; break;
		case 'R': f.rooms = number(optarg); break;
		case 'm': f.members = number(optarg); break;
		case 't': f.talkers = number(optarg); break;
		case 'x': f.strangers = number(optarg); break;
		case 'i': f.in_flight = number(optarg); break;
		case 'b': f.bytes = number(optarg); break;
		case 'B': f.is_busy = true; break;
		case 'W': f.phones.window = (int)number(optarg); break;
		default: die("see the head of tests/bench/fan.c for what it takes");
		}
	}
	if (f.rooms == 0 || f.members == 0 || f.talkers > f.members || f.in_flight > f.rooms * (WINDOW - 1))
		die("rooms need members, of whom some may talk");
	descriptors_raise();
	f.halls = calloc(f.rooms, sizeof(*f.halls));
	if (!f.halls)
		die("not enough memory");
	f.phones.count = residents(&f) + f.strangers;
	f.phones.path = fan_path;
	f.phones.on_message = fan_message;
	f.phones.arg = &f;
	if (sessions)
		f.phones.sessions = sessions_read(sessions, &f.phones.session_count);
	phones_init(&f.phones);
	phones_connect(&f.phones);
	if (f.phones.refused)
		die("%u of %u connections were refused", f.phones.refused, f.phones.count);
	phones_settle(&f.phones, 1500);		/* joins are told at most once a second */
	if (f.talkers)
		fan_compose(&f);
	printf("{\"bytes\":%llu}\n", (unsigned long long)f.length);
	fflush(stdout);
	setvbuf(stdin, NULL, _IONBF, 0);	/* or poll would not know of lines that were read already */
	while ((messages = fan_wish(&f)) > 0 && f.talkers)
		fan_measure(&f, messages);
	phones_fini(&f.phones);
	return 0;
}
