/* crowd.c - a crowd that only arrives: what each handshake costs, what each connection keeps, and whether a storm of
 * reconnects is let in.
 *   crowd -p PORT -P PID[,PID] -u PATH [-s SESSIONS] [-w] [-c phones] [-a handshakes at once] [-m members of a room] [-r storms]
 * PATH's %u becomes the room's number.  After each storm all connections are cut at once.  One JSON line on stdout. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/phones.h"
#include "lib/usage.h"

struct crowd {
	struct phones phones;
	struct watched watched;
	const char *path;
	unsigned members;
};

static void crowd_path(unsigned index, char *out, size_t size, void *arg)
{
	const struct crowd *c = arg;
	const char *mark = strstr(c->path, "%u");

	if (mark)
		snprintf(out, size, "%.*s%u%s", (int)(mark - c->path), c->path, index / c->members, mark + 2);
	else
		snprintf(out, size, "%s", c->path);
}

static void crowd_message(struct phone *phone, void *arg)
{
	(void)phone;
	(void)arg;
}

static void crowd_storm(struct crowd *c)
{
	struct usage before, after, used;
	struct memory memory;
	int64_t wall = now_ns();

	usage_read(&c->watched, &before);
	phones_connect(&c->phones);
	wall = now_ns() - wall;
	usage_read(&c->watched, &after);
	phones_settle(&c->phones, 1500);
	memory_read(&c->watched, &memory);
	used = usage_since(&before, &after);
	printf("{\"open\":%u,\"refused\":%u,\"cpuNs\":%lld,\"userUs\":%lld,\"wallNs\":%lld,\"anonymous\":%lld,"
	       "\"withFiles\":%lld}", c->phones.open, c->phones.refused, (long long)used.cpu_ns, (long long)used.user_us,
	       (long long)wall, (long long)memory.anonymous, (long long)memory.with_files);
}

static unsigned number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || n > 1000000)
		die("not a number: %s", text);
	return (unsigned)n;
}

int main(int argc, char *argv[])
{
	struct crowd c = { .path = "/", .members = 100, .phones = { .count = 1000, .at_once = 256 } };
	const char *sessions = NULL;
	struct memory memory;
	unsigned i, storms = 1;
	int option;

	while ((option = getopt(argc, argv, "p:P:u:s:wc:a:m:r:")) != -1) {
		switch (option) {
		case 'p': c.phones.port = number(optarg); break;
		case 'P': watched_add(&c.watched, optarg); break;
		case 'u': c.path = optarg; break;
		case 's': sessions = optarg; break;
		case 'w': c.phones.is_welcomed = true; break;
		case 'c': c.phones.count = number(optarg); break;
		case 'a': c.phones.at_once = number(optarg); break;
		case 'm': c.members = number(optarg); break;
		case 'r': storms = number(optarg); break;
		default: die("see the head of tests/bench/crowd.c for what it takes");
		}
	}
	if (c.members == 0 || c.phones.at_once == 0)
		die("a room has members, and somebody goes first");
	descriptors_raise();
	c.phones.path = crowd_path;
	c.phones.on_message = crowd_message;
	c.phones.arg = &c;
	if (sessions)
		c.phones.sessions = sessions_read(sessions, &c.phones.session_count);
	phones_init(&c.phones);
	memory_read(&c.watched, &memory);
	printf("{\"anonymous\":%lld,\"withFiles\":%lld,\"storms\":[", (long long)memory.anonymous,
	       (long long)memory.with_files);
	for (i = 0; i < storms; i++) {
		if (i)
			putchar(',');
		crowd_storm(&c);
		phones_drop(&c.phones);
	}
	puts("]}");
	phones_fini(&c.phones);
	return 0;
}
