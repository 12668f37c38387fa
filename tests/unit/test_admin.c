/* test_admin.c - the operator's token, addresses and figures; and the lanes that wait for other servers. */
#include "unit.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto.h"
#include "push-server/admin_listen.h"
#include "push-server/admin_metrics.h"
#include "push-server/admin_token.h"
#include "push-server/lane.h"

/* --- token --- */

static void write_file(const char *path, const char *text)
{
	char fresh[64];
	FILE *file;

	snprintf(fresh, sizeof(fresh), "%s.new", path);
	file = fopen(fresh, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rename(fresh, path), 0);	/* another file, whatever the clock says */
}

static void the_token_is_the_files_first_line(void **state)
{
	static const struct {
		const char *sentence, *file, *header;
		enum token_verdict verdict;
	} rows[] = {
		{ "the right one", "0123456789abcdef\n", "Bearer 0123456789abcdef", TOKEN_GOOD },
		{ "without an end of line", "0123456789abcdef", "bearer 0123456789abcdef", TOKEN_GOOD },
		{ "with more lines", "0123456789abcdef \r\nmore\n", "Bearer 0123456789abcdef", TOKEN_GOOD },
		{ "none shown", "0123456789abcdef\n", NULL, TOKEN_BAD },
		{ "another scheme", "0123456789abcdef\n", "Basic 0123456789abcdef", TOKEN_BAD },
		{ "a part of it", "0123456789abcdef\n", "Bearer 0123456789abcde", TOKEN_BAD },
		{ "more than it", "0123456789abcdef\n", "Bearer 0123456789abcdef0", TOKEN_BAD },
		{ "an empty one", "0123456789abcdef\n", "Bearer ", TOKEN_BAD },
		{ "an empty file keeps none", "", "Bearer ", TOKEN_NONE_KEPT },
		{ "a short line will do", "0123456789abcde\n", "Bearer 0123456789abcde", TOKEN_GOOD },
		{ "a short line is guarded like others", "0123456789abcde\n", "Bearer 0123456789abcdf", TOKEN_BAD },
		{ "an empty first line is none", "\n0123456789abcdef\n", "Bearer 0123456789abcdef", TOKEN_NONE_KEPT },
	};
	char dir[] = "/tmp/wxchat-token-XXXXXX", path[64];
	struct token token;

	(void)state;
	assert_int_equal(crypto_init(), 0);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/token", dir);
	token_init(&token, path);
	assert_int_equal(token_check(&token, "Bearer 0123456789abcdef"), TOKEN_NONE_KEPT);
	for (size_t i = 0; i < COUNT(rows); i++) {
		write_file(path, rows[i].file);
		if (token_check(&token, rows[i].header) != rows[i].verdict)
			ROW_FAILS(rows[i].sentence, "%d", (int)token_check(&token, rows[i].header));
	}
	write_file(path, "0123456789abcdef\n");
	assert_int_equal(token_check(&token, "Bearer 0123456789abcdef"), TOKEN_GOOD);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(token_check(&token, "Bearer 0123456789abcdef"), TOKEN_NONE_KEPT);
	assert_int_equal(rmdir(dir), 0);
	token_fini(&token);
	token_init(&token, "");
	assert_int_equal(token_check(&token, "Bearer "), TOKEN_NONE_KEPT);
}

/* --- addresses --- */

static void addresses_are_read(void **state)
{
	static const struct {
		const char *sentence, *list;
		int count;
	} rows[] = {
		{ "one", "127.0.0.1:0", 1 }, { "IPv6", "[::1]:0", 1 },
		{ "several", "127.0.0.1:0, [::1]:0,unix:/tmp/x.sock", 3 }, { "none", "", 0 },
		{ "no port", "127.0.0.1", -EINVAL }, { "a relative path", "unix:x.sock", -EINVAL },
		{ "no number", "127.0.0.1:http", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct admin_listener *all;
		char why[200] = "";
		unsigned count;
		int r = admin_listeners(rows[i].list, &all, &count, why);

		if (r != (rows[i].count < 0 ? rows[i].count : 0) || (r == 0 && count != (unsigned)rows[i].count))
			ROW_FAILS(rows[i].sentence, "%d %u %s", r, count, why);
		for (unsigned k = 0; k < count; k++)
			admin_listener_fini(&all[k]);
		free(all);
	}
}

static void a_taken_address_is_said_to_be_taken(void **state)
{
	struct admin_listener *one, *two;
	char why[200], address[128];
	unsigned count;

	(void)state;
	assert_int_equal(admin_listeners("127.0.0.1:0", &one, &count, why), 0);
	assert_int_equal(admin_listen(one), 0);
	snprintf(address, sizeof(address), "%s", one->bound);
	assert_string_not_equal(address, "127.0.0.1:0");
	assert_int_equal(admin_listeners(address, &two, &count, why), 0);
	assert_int_equal(admin_listen(two), -EADDRINUSE);
	close(one->fd);
	admin_listener_fini(one);
	admin_listener_fini(two);
	free(one);
	free(two);
}

/* --- figures --- */

static void has(const struct buf *text, const char *line)
{
	if (strstr(buf_str(text), line) == NULL)
		fail_msg("no %s in:\n%s", line, buf_str(text));
}

static void figures_are_told(void **state)
{
	struct worker_figures workers[2] = {
		{ .messages_in = 3, .lag_us = 1500, .fanout_us = 70, .fanouts = 2, .fanout_bucket = { 1, 1 } },
		{ .messages_in = 4, .lag_us = 2500000, .fanout_us = 900000, .fanouts = 1, .fanout_bucket = { [11] = 1 } },
	};
	struct figures f = {
		.version = "9", .now_ms = 61000, .started_ms = 1000, .worker_count = 2, .workers = workers,
		.has_store = true, .login = { [COUNT_LOGIN_OK] = 12 }, .users = 5,
		.process = { .cpu_us = 1234567, .open_fds = 9 },
	};
	struct buf text = BUF_INIT, json = BUF_INIT;

	(void)state;
	assert_int_equal(figures_metrics(&f, &text), 0);
	has(&text, "# HELP wxchat_push_messages_in_total messages received\n# TYPE wxchat_push_messages_in_total counter\n"
		   "wxchat_push_messages_in_total{worker=\"0\"} 3\nwxchat_push_messages_in_total{worker=\"1\"} 4\n");
	has(&text, "wxchat_push_lag_seconds{worker=\"0\"} 0.001500\nwxchat_push_lag_seconds{worker=\"1\"} 2.500000\n");
	has(&text, "fanout_duration_seconds_bucket{le=\"0.000050\"} 1\n");
	has(&text, "fanout_duration_seconds_bucket{le=\"0.000100\"} 2\n");
	has(&text, "fanout_duration_seconds_bucket{le=\"0.051200\"} 2\n");
	has(&text, "fanout_duration_seconds_bucket{le=\"+Inf\"} 3\n");
	has(&text, "fanout_duration_seconds_sum 0.900070\nwxchat_push_fanout_duration_seconds_count 3\n");
	has(&text, "wxchat_login_events_total{kind=\"login_ok\"} 12\n");
	has(&text, "process_cpu_seconds_total 1.234567\n");
	has(&text, "process_start_time_seconds 1.000000\n");
	assert_null(strstr(text.data, "fanouts"));
	assert_int_equal(figures_json(&f, &json), 0);
	has(&json, "\"messages_in\":7,");
	has(&json, "\"lag_us\":2500000,");
	has(&json, "\"uptime_s\":60,");
	f.has_store = false;
	buf_reset(&text);
	assert_int_equal(figures_metrics(&f, &text), 0);
	assert_null(strstr(text.data, "wxchat_login"));
	buf_free(&text);
	buf_free(&json);
}

/* --- lanes --- */

struct step {
	struct mail mail;
	int number;
};

struct walk {
	pthread_mutex_t gate;	/* held by the test while the lane shall wait */
	int seen[8], count;
};

static void run_step(struct mail *mail, void *owner)
{
	struct step *step = (struct step *)mail;
	struct walk *walk = owner;

	pthread_mutex_lock(&walk->gate);
	walk->seen[walk->count++] = step->number;
	pthread_mutex_unlock(&walk->gate);
	free(step);
}

static struct step *step_new(int number)
{
	struct step *step = calloc(1, sizeof(*step));

	assert_non_null(step);
	step->mail.run = run_step;
	step->number = number;
	return step;
}

static void a_lane_keeps_order_and_bounds(void **state)
{
	struct walk walk = { .gate = PTHREAD_MUTEX_INITIALIZER };
	struct lane *lane = lane_new(&(struct lane_options){ .name = "test", .max = 3, .owner = &walk });
	struct step *late;
	int taken = 0, r;

	(void)state;
	assert_non_null(lane);
	pthread_mutex_lock(&walk.gate);
	/* the one that is being run is one of the three */
	for (;;) {
		struct step *step = step_new(taken);

		if ((r = lane_post(lane, &step->mail)) < 0) {
			free(step);
			break;
		}
		taken++;
	}
	assert_int_equal(r, -EAGAIN);
	assert_int_equal(taken, 3);
	assert_int_equal(lane_waiting(lane), 3);
	pthread_mutex_unlock(&walk.gate);
	lane_stop(lane);
	assert_int_equal(walk.count, taken);
	for (int i = 0; i < taken; i++)
		assert_int_equal(walk.seen[i], i);
	late = step_new(9);
	assert_int_equal(lane_post(lane, &late->mail), -ESHUTDOWN);
	free(late);
	lane_free(lane);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_token_is_the_files_first_line),
		cmocka_unit_test(addresses_are_read),
		cmocka_unit_test(a_taken_address_is_said_to_be_taken),
		cmocka_unit_test(figures_are_told),
		cmocka_unit_test(a_lane_keeps_order_and_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
