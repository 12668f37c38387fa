/* test_log.c - one event is one line, whatever peers sent. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "log.h"

static char dir[] = "/tmp/wxchat-log-XXXXXX";
static char log_file[64], old_file[64], written[8192];
static int saved_stderr;

/* Lets stderr go to a new file. */
static void catch_stderr(void)
{
	int fd = open(log_file, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);

	assert_true(fd >= 0);
	saved_stderr = dup(STDERR_FILENO);
	assert_true(dup2(fd, STDERR_FILENO) >= 0);
	close(fd);
}

static void release_stderr(void)
{
	assert_true(dup2(saved_stderr, STDERR_FILENO) >= 0);
	close(saved_stderr);
}

static const char *contents(const char *path)
{
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(written, 1, sizeof(written) - 1, f);
	written[n] = '\0';
	fclose(f);
	return written;
}

/* What is behind the time. */
static const char *logged(void)
{
	release_stderr();
	contents(log_file);
	assert_true(strlen(written) > 25);
	assert_int_equal(written[10], 'T');
	assert_int_equal(written[23], 'Z');
	return written + 25;
}

static void an_event_is_a_line(void **state)
{
	(void)state;
	log_init("test", LOG_INFO_LEVEL);
	catch_stderr();
	errno = ENOENT;
	log_info("login-ok", "uid=%s ms=%d", "abc", 12);
	assert_int_equal(errno, ENOENT);
	assert_string_equal(logged(), "info test login-ok uid=abc ms=12\n");
}

static void lesser_events_are_left_out(void **state)
{
	(void)state;
	log_init("test", LOG_WARN_LEVEL);
	catch_stderr();
	log_debug("a", "b=1");
	log_info("a", "b=2");
	log_warn("a", "b=3");
	log_error("a", "b=4");
	assert_memory_equal(logged(), "warn test a b=3\n", 16);
	assert_null(strstr(written, "b=1"));
	assert_null(strstr(written, "b=2"));
	assert_non_null(strstr(written, "error test a b=4\n"));
}

static void a_line_stays_one_and_ends(void **state)
{
	char *text = malloc(5000);
	size_t len;

	(void)state;
	log_init("test", LOG_INFO_LEVEL);
	catch_stderr();
	log_info("forged", "text=%s", "x\n2026-01-01T00:00:00.000Z info test login-ok uid=me\r\x1b[2J");
	assert_string_equal(logged(), "info test forged text=x 2026-01-01T00:00:00.000Z info test login-ok uid=me  [2J\n");
	memset(text, 'x', 4999);
	text[4999] = '\0';
	catch_stderr();
	log_info("long", "text=%s", text);
	logged();
	len = strlen(written);
	assert_true(len < 2100);
	assert_int_equal(written[len - 1], '\n');
	assert_ptr_equal(strchr(written, '\n'), written + len - 1);
	free(text);
}

static void text_of_peers_is_made_safe(void **state)
{
	static const struct {
		const char *sentence, *text, *out;
	} rows[] = {
		{ "nothing", "", "\"\"" },
		{ "plain text", "room 1", "\"room 1\"" },
		{ "quotes and backslashes", "a\"b\\c", "\"a\\\"b\\\\c\"" },
		{ "ends of lines and escapes of terminals", "a\nb\x1b[0m\x7f", "\"a\\x0ab\\x1b[0m\\x7f\"" },
		{ "Chinese is readable", "\xe5\xa4\xa7\xe5\xae\xb6", "\"\xe5\xa4\xa7\xe5\xae\xb6\"" },
		{ "control characters of two bytes", "\xc2\x9b" "2J", "\"\\xc2\\x9b2J\"" },
		{ "but no others of two bytes", "\xc2\xa0\xc3\xa9", "\"\xc2\xa0\xc3\xa9\"" },
		{ "what is no UTF-8", "a\xff\xe5z", "\"a\\xff\\xe5z\"" },
	};
	char out[LOG_TEXT_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		size_t len;
		char *text = exact_text(rows[i].text, &len);

		if (strcmp(log_text(out, text, len), rows[i].out) != 0)
			ROW_FAILS(rows[i].sentence, "%s", out);
		free(text);
	}
	assert_string_equal(log_text(out, "a\0b", 3), "\"a\\x00b\"");
}

static void long_text_is_cut_between_characters(void **state)
{
	static const char *const pieces[] = { "x", "\"", "\n", "\xff", "\xe5\xa4\xa7", "\xf0\x9f\x98\x80", "\xc2\x80" };
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(pieces); i++) {
		for (n = 1; n < 200; n++) {
			char *out = malloc(LOG_TEXT_SIZE), text[200 * 4 + 1] = "";
			size_t len, j;

			for (j = 0; j < n; j++)
				strcat(text, pieces[i]);
			log_text(out, text, strlen(text));
			len = strlen(out);
			assert_true(len >= 3 && len < LOG_TEXT_SIZE);
			assert_int_equal(out[0], '"');
			assert_int_equal(out[len - 1], '"');
			if (n == 199)
				assert_memory_equal(out + len - 3, "..\"", 3);
			if (n == 199 && i == 4)	/* whole characters before the dots */
				assert_int_equal((len - 4) % 3, 0);
			free(out);
		}
	}
}

static void a_moved_log_is_begun_anew(void **state)
{
	(void)state;
	catch_stderr();
	log_init("test", LOG_INFO_LEVEL);
	log_info("one", "n=1");
	assert_int_equal(rename(log_file, old_file), 0);
	log_info("two", "n=2");
	log_reopen();
	log_info("three", "n=3");
	release_stderr();
	contents(old_file);
	assert_non_null(strstr(written, " one n=1\n"));
	assert_non_null(strstr(written, " two n=2\n"));
	assert_null(strstr(written, "three"));
	contents(log_file);
	assert_non_null(strstr(written, " three n=3\n"));
	assert_null(strstr(written, "two"));
}

static void lines_that_are_held_come_whole_and_in_order(void **state)
{
	enum { LINES = 100 };	/* more than are held */
	char expected[32];
	const char *at;
	int i;

	(void)state;
	log_init("test", LOG_INFO_LEVEL);
	catch_stderr();
	log_hold();
	for (i = 0; i < LINES; i++)
		log_info("held", "number=%d.", i);
	assert_true(lseek(STDERR_FILENO, 0, SEEK_END) < LINES * 45);	/* some wait */
	errno = ENOENT;
	log_release();
	assert_int_equal(errno, ENOENT);
	log_info("after", "number=%d.", i);
	for (at = logged(), i = 0; i <= LINES; i++) {
		snprintf(expected, sizeof(expected), "%s number=%d.\n", i < LINES ? "held" : "after", i);
		at = strstr(at, expected);
		assert_non_null(at);
	}
	assert_string_equal(strchr(at, '\n'), "\n");
}

static void a_limit_allows_some_each_second(void **state)
{
	struct log_limit limit = { 0, 0, 0 };

	(void)state;
	assert_true(log_allowed(&limit, 2, 5000));
	assert_true(log_allowed(&limit, 2, 5999));
	assert_false(log_allowed(&limit, 2, 5999));
	assert_false(log_allowed(&limit, 2, 5999));
	assert_int_equal(limit.dropped, 2);
	assert_true(log_allowed(&limit, 2, 6000));
	assert_int_equal(limit.dropped, 2);
	assert_false(log_allowed(&limit, 0, 7000));
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return 1;
	snprintf(log_file, sizeof(log_file), "%s/log", dir);
	snprintf(old_file, sizeof(old_file), "%s/log.1", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(log_file);
	unlink(old_file);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_is_a_line),
		cmocka_unit_test(lesser_events_are_left_out),
		cmocka_unit_test(a_line_stays_one_and_ends),
		cmocka_unit_test(text_of_peers_is_made_safe),
		cmocka_unit_test(long_text_is_cut_between_characters),
		cmocka_unit_test(a_moved_log_is_begun_anew),
		cmocka_unit_test(lines_that_are_held_come_whole_and_in_order),
		cmocka_unit_test(a_limit_allows_some_each_second),
	};

	return !!cmocka_run_group_tests(tests, setup, teardown);
}
