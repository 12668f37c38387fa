/* http_loop.c - many requests in one thread over libcurl's multi interface and epoll.  Knows no WeChat; logs no URLs. */
#include "http_loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "http_transfer.h"

enum { EVENTS_A_TURN = 64, STACK_SIZE = 256 << 10 };

/* A handle of libcurl's, and the job that it carries out; kept for the next one. */
struct http_flight {
	CURL *easy;
	struct http_job *job;
	struct http_transfer transfer;
	struct http_answer answer;
	struct http_flight *next;
};

struct http_loop {
	pthread_t thread;
	int epoll, wake_fd;
	unsigned at_once, wait_ms;

	pthread_mutex_t lock;		/* guards what follows */
	struct http_job *mail, **mail_end;
	bool stopping;

	/* the thread's own */
	const struct curl_table *curl;
	CURLM *multi;			/* NULL until the first job */
	struct http_flight *idle;
	struct http_job *delayed;	/* that must not begin yet; few */
	struct http_job *waiting, **waiting_end;	/* for a place, the one that gives up first in front */
	unsigned waiting_count;
	unsigned under_way;		/* flights in the air */
	int64_t timer_ms;		/* when libcurl wants to be called; -1: not */
};

/* --- what libcurl asks for --- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct http_loop *l = arg;
	struct epoll_event event = { .data.fd = fd };

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);	/* closed ones are gone already */
		return 0;
	}
	if (what & CURL_POLL_IN)
		event.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		event.events |= EPOLLOUT;
	if (epoll_ctl(l->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) < 0)
		return -1;
	l->curl->multi_assign(l->multi, fd, l);		/* known from now on */
	return 0;
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
	struct http_loop *l = arg;

	(void)multi;
	l->timer_ms = ms < 0 ? -1 : clock_mono_ms() + ms;
	return 0;
}

static int loop_open_multi(struct http_loop *l)
{
	const struct curl_table *c = curl_table();

	if (l->multi)
		return 0;
	if (!c)
		return -ENOSYS;
	l->curl = c;
	l->multi = c->multi_init();
	if (!l->multi)
		return -ENOMEM;
	c->multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	c->multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l);
	c->multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	c->multi_setopt(l->multi, CURLMOPT_TIMERDATA, l);
	c->multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, (long)l->at_once);
	return 0;
}

/* --- jobs --- */

static void job_fail(struct http_job *job, int r)
{
	struct http_answer none = { .body = BUF_INIT };

	job->done(job->arg, r, &none);
}

static struct http_flight *loop_take_flight(struct http_loop *l)
{
	struct http_flight *f = l->idle;

	if (f) {
		l->idle = f->next;
		return f;
	}
	f = calloc(1, sizeof(*f));
	if (f && !(f->easy = l->curl->easy_init())) {
		free(f);
		f = NULL;
	}
	return f;
}

static void loop_keep_flight(struct http_loop *l, struct http_flight *f)
{
	f->job = NULL;
	f->next = l->idle;
	l->idle = f;
}

static void loop_begin(struct http_loop *l, struct http_job *job)
{
	struct http_flight *f;
	int r;

	if (!http_url_allowed(job->request.url, job->request.allow_plain)) {
		job_fail(job, -EINVAL);
		return;
	}
	if ((r = loop_open_multi(l)) < 0 || !(f = loop_take_flight(l))) {
		job_fail(job, r < 0 ? r : -ENOMEM);
		return;
	}
	f->job = job;
	r = http_transfer_begin(&f->transfer, f->easy, &job->request, job->ca_file, &f->answer);
	if (r == 0 && (curl_set_pointer(l->curl, f->easy, CURLOPT_PRIVATE, f) != CURLE_OK ||
		       l->curl->multi_add_handle(l->multi, f->easy) != CURLM_OK)) {
		http_transfer_end(&f->transfer, f->easy, CURLE_OUT_OF_MEMORY);
		r = -ENOMEM;
	}
	if (r < 0) {
		loop_keep_flight(l, f);
		job_fail(job, r);
		return;
	}
	l->under_way++;
}

/* Begins it if there is a place. */
static void loop_admit(struct http_loop *l, struct http_job *job)
{
	if (l->under_way < l->at_once) {
		loop_begin(l, job);
	} else if (l->waiting_count < HTTP_LOOP_WAITING * l->at_once) {
		job->give_up_ms = clock_mono_ms() + l->wait_ms;
		job->next = NULL;
		*l->waiting_end = job;
		l->waiting_end = &job->next;
		l->waiting_count++;
	} else {
		job_fail(job, -EBUSY);
	}
}

static struct http_job *loop_take_waiting(struct http_loop *l)
{
	struct http_job *job = l->waiting;

	l->waiting = job->next;
	if (!l->waiting)
		l->waiting_end = &l->waiting;
	l->waiting_count--;
	return job;
}

/* Those for whom there is a place now, and those that have waited long enough. */
static void loop_serve_waiting(struct http_loop *l)
{
	int64_t now_ms;

	while (l->waiting && l->under_way < l->at_once)
		loop_begin(l, loop_take_waiting(l));
	if (!l->waiting)
		return;
	now_ms = clock_mono_ms();
	while (l->waiting && l->waiting->give_up_ms <= now_ms)
		job_fail(loop_take_waiting(l), -EBUSY);
}

/* Those that libcurl has finished. */
static void loop_land(struct http_loop *l)
{
	struct http_answer answer;
	struct http_flight *f;
	struct http_job *job;
	CURLMsg *msg;
	CURLcode code;
	char *p;
	int left, r;

	while (l->multi && (msg = l->curl->multi_info_read(l->multi, &left))) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		code = msg->data.result;
		l->curl->easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &p);
		f = (struct http_flight *)(void *)p;
		l->curl->multi_remove_handle(l->multi, f->easy);	/* msg is gone */
		r = http_transfer_end(&f->transfer, f->easy, code);
		job = f->job;
		answer = f->answer;
		loop_keep_flight(l, f);
		l->under_way--;
		job->done(job->arg, r, &answer);
	}
}

/* Begins what may begin by now. */
static void loop_begin_delayed(struct http_loop *l)
{
	struct http_job **link = &l->delayed, *job;
	int64_t now_ms = l->delayed ? clock_mono_ms() : 0;

	while ((job = *link)) {
		if (job->not_before_ms > now_ms) {
			link = &job->next;
			continue;
		}
		*link = job->next;
		loop_admit(l, job);
	}
}

static void loop_read_mail(struct http_loop *l)
{
	struct http_job *mail, *job;

	pthread_mutex_lock(&l->lock);
	mail = l->mail;
	l->mail = NULL;
	l->mail_end = &l->mail;
	pthread_mutex_unlock(&l->lock);
	while ((job = mail)) {
		mail = job->next;
		if (job->not_before_ms) {
			job->next = l->delayed;
			l->delayed = job;
		} else {
			loop_admit(l, job);
		}
	}
}

static bool loop_is_over(struct http_loop *l)
{
	bool is_over;

	pthread_mutex_lock(&l->lock);
	is_over = l->stopping && !l->mail && !l->delayed && !l->waiting && l->under_way == 0;
	pthread_mutex_unlock(&l->lock);
	return is_over;
}

/* --- the thread --- */

static int loop_patience_ms(const struct http_loop *l)
{
	int64_t until = l->timer_ms, left;
	const struct http_job *job;

	for (job = l->delayed; job; job = job->next)
		if (until < 0 || job->not_before_ms < until)
			until = job->not_before_ms;
	if (l->waiting && (until < 0 || l->waiting->give_up_ms < until))
		until = l->waiting->give_up_ms;
	if (until < 0)
		return -1;
	left = until - clock_mono_ms();
	return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

static void loop_act(struct http_loop *l, const struct epoll_event *event)
{
	eventfd_t count;
	int running, mask;

	if (event->data.fd == l->wake_fd) {
		eventfd_read(l->wake_fd, &count);
		return;		/* mail is read at the end of the turn */
	}
	mask = (event->events & EPOLLIN ? CURL_CSELECT_IN : 0) | (event->events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
	       (event->events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
	l->curl->multi_socket_action(l->multi, event->data.fd, mask, &running);
}

static void *loop_thread(void *arg)
{
	struct http_loop *l = arg;
	struct epoll_event events[EVENTS_A_TURN];
	int n, i, running;

	for (;;) {
		loop_read_mail(l);
		loop_begin_delayed(l);
		if (l->timer_ms >= 0 && l->timer_ms <= clock_mono_ms()) {
			l->timer_ms = -1;
			l->curl->multi_socket_action(l->multi, CURL_SOCKET_TIMEOUT, 0, &running);
		}
		loop_land(l);
		loop_serve_waiting(l);
		if (loop_is_over(l))
			return NULL;
		n = epoll_wait(l->epoll, events, EVENTS_A_TURN, loop_patience_ms(l));
		for (i = 0; i < n; i++)
			loop_act(l, &events[i]);
		loop_land(l);
	}
}

static void loop_free(struct http_loop *l)
{
	struct http_flight *f;

	while ((f = l->idle)) {
		l->idle = f->next;
		l->curl->easy_cleanup(f->easy);
		free(f);
	}
	if (l->multi)
		l->curl->multi_cleanup(l->multi);
	if (l->epoll >= 0)
		close(l->epoll);
	if (l->wake_fd >= 0)
		close(l->wake_fd);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* The signals are the process's other threads'. */
static int loop_start_thread(struct http_loop *l)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	r = pthread_create(&l->thread, &attr, loop_thread, l);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

int http_loop_start(unsigned at_once, unsigned wait_ms, struct http_loop **out)
{
	struct http_loop *l = calloc(1, sizeof(*l));
	struct epoll_event event = { .events = EPOLLIN };
	int r = 0;

	if (!l)
		return -ENOMEM;
	pthread_mutex_init(&l->lock, NULL);
	l->mail_end = &l->mail;
	l->at_once = at_once;
	l->wait_ms = wait_ms;
	l->waiting_end = &l->waiting;
	l->timer_ms = -1;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->wake_fd = event.data.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->epoll < 0 || l->wake_fd < 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->wake_fd, &event) < 0)
		r = -errno;
	if (r == 0)
		r = loop_start_thread(l);
	if (r < 0)
		loop_free(l);
	else
		*out = l;
	return r;
}

void http_loop_submit(struct http_loop *l, struct http_job *job)
{
	bool wake;

	job->next = NULL;
	pthread_mutex_lock(&l->lock);
	wake = !l->mail;	/* otherwise a wake-up is already on its way */
	*l->mail_end = job;
	l->mail_end = &job->next;
	pthread_mutex_unlock(&l->lock);
	if (wake)
		eventfd_write(l->wake_fd, 1);
}

bool http_loop_stop(struct http_loop *l, int deadline_ms)
{
	struct timespec until;

	if (!l)
		return true;
	pthread_mutex_lock(&l->lock);
	l->stopping = true;
	pthread_mutex_unlock(&l->lock);
	eventfd_write(l->wake_fd, 1);
	until = clock_timespec(clock_wall_ms() + deadline_ms);
	if (pthread_timedjoin_np(l->thread, NULL, &until) != 0)
		return false;
	loop_free(l);
	return true;
}
