/* conn_internal.h - what the files of a connection share: conn.c (its life and what is sent), conn_read.c (what it reads),
 * conn_sweep.c (what time does to it). */
#ifndef WXCHAT_CONN_INTERNAL_H
#define WXCHAT_CONN_INTERNAL_H

#include "conn.h"

bool conn_takes_frames(const struct conn *c);

/* Has the loop watch for what the connection now waits for. */
void conn_watch(struct conn *c);

/* Comes back to it in the next turn, without waiting for its socket. */
void conn_again(struct conn *c);

/* Our half of the stream ends; the peer's end, or the deadline, ends the connection. */
void conn_shut(struct conn *c);

/* Queues a control frame. */
void conn_control(struct conn *c, enum frame_opcode opcode, const void *payload, size_t len);

/* The peer has closed: its code goes back, which says nothing of what this server found. */
void conn_answer_close(struct conn *c, enum close_code code);

/* The peer broke a rule, or has said all it may: nothing more of it is wanted than its end. */
void conn_fail(struct conn *c, enum close_code code);

/* Is not read while it takes too little of what it asked for itself. */
void conn_check_own_output(struct conn *c);

/* Closes a reader that cannot keep up. */
void conn_too_slow(struct conn *c);

const struct config *conn_config(const struct conn *c);

#endif
