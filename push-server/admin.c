/* admin.c - the operator's listener: who may ask, and who answers.  One thread, one evhttp, small limits. */
#include "admin.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/http.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin_api.h"
#include "admin_listen.h"
#include "admin_metrics.h"
#include "admin_page.h"
#include "admin_token.h"
#include "clock.h"
#include "config.h"
#include "log.h"
#include "mailbox.h"
#include "server.h"

enum {
	HEADERS_MAX = 8 << 10,
	TIMEOUT_S = 20,			/* for a request to arrive and for its answer to be taken */
	RETRY_S = 1,			/* between two tries to take an address that a predecessor still holds */
	STOP_WAIT_MS = 3000		/* for answers that are under way */
};

struct admin {
	struct server *server;
	pthread_t thread;
	struct event_base *base;
	struct evhttp *http;
	struct mailbox mailbox;
	struct event mail_event, retry_event;
	struct mail stop_mail;
	struct admin_listener *listeners;
	unsigned listener_count;
	struct api api;
	struct token token;
	struct log_limit log_limit;
	bool stopping;
	int64_t stop_ms;
};

/* --- requests --- */

static const struct {
	const char *path;
	bool is_open;		/* without a token: it holds no data */
} pages[] = { { "/", true }, { "/metrics", false }, { "/favicon.ico", true } };

static bool is_authorised(struct admin *a, struct evhttp_request *request)
{
	const char *header = evhttp_find_header(evhttp_request_get_input_headers(request), "Authorization");

	switch (token_check(&a->token, header)) {
	case TOKEN_GOOD:
		return true;
	case TOKEN_NONE_KEPT:
		api_refuse(request, ERR_FORBIDDEN, 403,
			   "no token is configured: put a long random line into a file and name it in [admin] token_file");
		return false;
	case TOKEN_BAD:
		break;
	}
	if (header != NULL && log_allowed(&a->log_limit, 1, clock_mono_ms()))
		log_warn("admin-refused", "reason=token");
	evhttp_add_header(evhttp_request_get_output_headers(request), "WWW-Authenticate", "Bearer realm=\"wxchat\"");
	api_refuse(request, ERR_FORBIDDEN, 401, "the header Authorization: Bearer <token> is missing or wrong");
	return false;
}

static void send_metrics(struct admin *a, struct evhttp_request *request)
{
	struct buf text = BUF_INIT;
	struct figures f;

	if (figures_take(&f, a->server, true) < 0 || figures_metrics(&f, &text) < 0) {
		buf_free(&text);
		api_refuse(request, ERR_STORE, 503, "out of memory");
	} else {
		api_send(request, 200, "text/plain; version=0.0.4; charset=utf-8", &text);
	}
	figures_free(&f);
}

static void on_request(struct evhttp_request *request, void *arg)
{
	const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
	struct admin *a = arg;
	bool is_known = false, is_open = false;

	if (path == NULL)
		path = "/";
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (strcmp(path, pages[i].path) == 0) {
			is_known = true;
			is_open = pages[i].is_open;
		}
	if (strncmp(path, "/api/", 5) != 0 && !is_known) {
		api_refuse(request, ERR_NOT_FOUND, 404, NULL);
		return;
	}
	if (!is_open && !is_authorised(a, request))
		return;
	if (a->stopping)
		api_refuse(request, ERR_STORE, 503, "the server is stopping");
	else if (strncmp(path, "/api/", 5) == 0)
		api_take(&a->api, request, path + 5);
	else if (evhttp_request_get_command(request) == EVHTTP_REQ_POST)
		api_refuse(request, ERR_BAD_REQUEST, 405, "this is a GET");
	else if (strcmp(path, "/metrics") == 0)
		send_metrics(a, request);
	else if (strcmp(path, "/") == 0)
		page_send(request);
	else
		evhttp_send_reply(request, 204, NULL, NULL);
}

/* --- listening --- */

/* An address that is in use is tried again, because a predecessor may be handing over just now. */
static void listen_all(struct admin *a)
{
	struct timeval again = { .tv_sec = RETRY_S };
	bool is_waiting = false;

	for (unsigned i = 0; i < a->listener_count; i++) {
		struct admin_listener *l = &a->listeners[i];
		int r;

		if (l->is_open || l->has_failed)
			continue;
		r = admin_listen(l);
		if (r == 0 && evhttp_accept_socket(a->http, l->fd) == 0) {
			l->is_open = true;
			log_info("listening", "admin=%s", l->bound);
			continue;
		}
		if (r == 0) {
			close(l->fd);
			r = -ENOMEM;
		}
		if (!l->has_waited)
			log_warn("admin-not-listening", "address=%s error=%s", l->text, strerror(-r));
		l->has_waited = true;
		l->has_failed = r != -EADDRINUSE;
		is_waiting |= !l->has_failed;
	}
	if (is_waiting)
		event_add(&a->retry_event, &again);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	listen_all(arg);
}

/* --- the thread --- */

static void stop_if_done(struct admin *a)
{
	if (a->stopping && (a->api.calls == 0 || clock_mono_ms() - a->stop_ms >= STOP_WAIT_MS))
		event_base_loopbreak(a->base);
}

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
	struct admin *a = arg;

	(void)fd;
	(void)what;
	mailbox_read(&a->mailbox, a);
	stop_if_done(a);
}

static void run_stop(struct mail *mail, void *owner)
{
	struct admin *a = owner;
	struct timeval end = { .tv_sec = STOP_WAIT_MS / 1000, .tv_usec = 1000 };

	(void)mail;
	a->stopping = true;
	a->stop_ms = clock_mono_ms();
	event_base_loopexit(a->base, &end);
}

static void *admin_run(void *arg)
{
	struct admin *a = arg;

	pthread_setname_np(pthread_self(), "admin");
	listen_all(a);
	event_base_dispatch(a->base);
	return NULL;
}

/* --- starting and stopping --- */

/* All but what an answer comes to that is still on its way. */
static void admin_close(struct admin *a)
{
	if (a->http != NULL)
		evhttp_free(a->http);
	if (a->base != NULL) {
		if (event_initialized(&a->mail_event))
			event_del(&a->mail_event);
		if (event_initialized(&a->retry_event))
			event_del(&a->retry_event);
		event_base_free(a->base);
	}
	for (unsigned i = 0; i < a->listener_count; i++)
		admin_listener_fini(&a->listeners[i]);
	free(a->listeners);
	if (a->api.past != NULL)
		history_reader_free(a->api.past);
	if (a->api.users != NULL)
		store_reader_free(a->api.users);
	token_fini(&a->token);
}

static void admin_free(struct admin *a)
{
	admin_close(a);
	mailbox_fini(&a->mailbox);
	free(a);
}

static struct event_base *base_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config == NULL)
		return NULL;
	/* One thread's alone: no locks are needed, whatever others switched on. */
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

static int admin_init(struct admin *a)
{
	int r;

	if ((a->base = base_new()) == NULL || (a->http = evhttp_new(a->base)) == NULL)
		return -ENOMEM;
	evhttp_set_max_headers_size(a->http, HEADERS_MAX);
	evhttp_set_max_body_size(a->http, API_BODY_MAX);
	evhttp_set_timeout(a->http, TIMEOUT_S);
	evhttp_set_allowed_methods(a->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST);
	evhttp_set_gencb(a->http, on_request, a);
	if ((r = history_reader_new(a->server->history, &a->api.past)) < 0)
		return r;
	a->api.server = a->server;
	a->api.mailbox = &a->mailbox;
	if (event_assign(&a->mail_event, a->base, a->mailbox.wake_fd, EV_READ | EV_PERSIST, on_mail, a) < 0 ||
	    event_assign(&a->retry_event, a->base, -1, 0, on_retry, a) < 0 || event_add(&a->mail_event, NULL) < 0)
		return -ENOMEM;
	return 0;
}

int admin_start(struct server *s, struct admin **out, char why[static 200])
{
	struct admin *a;
	int r;

	*out = NULL;
	if (s->config->admin.listen[0] == '\0')
		return 0;
	if ((a = calloc(1, sizeof(*a))) == NULL)
		return -ENOMEM;
	a->server = s;
	token_init(&a->token, s->config->admin.token_file);
	if ((r = mailbox_init(&a->mailbox)) < 0) {
		snprintf(why, 200, "admin: %s", strerror(-r));
		free(a);
		return r;
	}
	if ((r = admin_listeners(s->config->admin.listen, &a->listeners, &a->listener_count, why)) < 0) {
		admin_free(a);
		return r;
	}
	if ((r = admin_init(a)) < 0 || (r = -pthread_create(&a->thread, NULL, admin_run, a)) < 0) {
		snprintf(why, 200, "admin: %s", strerror(-r));
		admin_free(a);
		return r;
	}
	*out = a;
	return 0;
}

void admin_stop(struct admin *a)
{
	if (a == NULL)
		return;
	a->stop_mail.run = run_stop;
	mailbox_post(&a->mailbox, &a->stop_mail);
	pthread_join(a->thread, NULL);
	/* An answer that is still on its way comes to this memory. */
	while (atomic_load(&a->api.posting) > 0)
		sched_yield();
	if (a->api.calls == 0) {
		admin_free(a);
		return;
	}
	log_warn("admin-abandoned", "calls=%u", a->api.calls);
	admin_close(a);
}
