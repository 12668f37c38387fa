/* phones.h - thousands of WebSocket clients in one thread, as cheap as they can be: they connect, count what they are
 * sent, answer pings, and say what they are told to.
 * Threads: one. */
#ifndef WXCHAT_BENCH_PHONES_H
#define WXCHAT_BENCH_PHONES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum phone_state { PHONE_NONE, PHONE_CONNECTING, PHONE_HANDSHAKE, PHONE_WELCOME, PHONE_OPEN };

struct phone {
	int fd;
	unsigned index;
	enum phone_state state;
	uint64_t received;		/* messages, without what the system says */
	uint64_t rest;			/* bytes of the present frame that are still to come */
	uint64_t length;		/* of its payload */
	uint8_t head[10], head_len, opcode;
	char begin[24];			/* of its payload */
	uint8_t begin_len;
};

struct session {
	char id[65], skey[65];
};

struct phones {
	/* In. */
	unsigned port, count;
	unsigned at_once;		/* handshakes under way at the same time */
	int window;			/* bytes that the kernel may take in for each; 0: as many as it likes */
	bool is_welcomed;		/* the server's first frame tells that one is in */
	const struct session *sessions;	/* one each, used round and round; NULL: none is shown */
	unsigned session_count;
	void (*path)(unsigned index, char *out, size_t size, void *arg);
	void (*on_message)(struct phone *phone, void *arg);	/* each counted frame; length is set */
	void *arg;
	/* Out. */
	struct phone *all;
	unsigned open, refused;
	int epoll;
	unsigned begun, under_way;
};

void phones_init(struct phones *p);
void phones_fini(struct phones *p);

/* Connects those that are not; waits until each is in or was refused. */
void phones_connect(struct phones *p);
/* Ends all at once, as a server's restart would. */
void phones_drop(struct phones *p);

/* Handles what arrives within the time; false when nothing did. */
bool phones_turn(struct phones *p, int timeout_ms);
/* Until nothing has arrived for that long. */
void phones_settle(struct phones *p, int quiet_ms);

/* One text frame. */
void phone_say(struct phone *phone, const char *text, size_t len);

/* Reads the lines "id skey uid" of make_sessions; never returns without any. */
struct session *sessions_read(const char *file, unsigned *count);

#endif
