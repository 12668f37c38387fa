/* log.c - one event, one line, one write.  Knows no secrets, because callers pass none. */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "utf8.h"

enum {
	LOG_LINE_SIZE = 2048,
	LOG_HELD_SIZE = 4096	/* PIPE_BUF: what a pipe takes whole */
};

static const char *log_place = "wxchat";
static enum log_level log_least = LOG_INFO_LEVEL;
static char log_path[PATH_MAX];		/* "" when stderr is no regular file */

static __thread char log_held[LOG_HELD_SIZE];
static __thread size_t log_held_len;
static __thread bool log_is_held;

static void log_write(const char *bytes, size_t len)
{
	if (len > 0 && write(STDERR_FILENO, bytes, len) < 0) {
		/* Nobody reads the log; there is nowhere to say so. */
	}
}

static void log_flush(void)
{
	log_write(log_held, log_held_len);
	log_held_len = 0;
}

void log_hold(void)
{
	log_is_held = true;
}

void log_release(void)
{
	int saved = errno;

	log_is_held = false;
	log_flush();
	errno = saved;
}

void log_init(const char *place, enum log_level least)
{
	struct stat st;
	ssize_t n;

	log_place = place;
	log_least = least;
	if (fstat(STDERR_FILENO, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	n = readlink("/proc/self/fd/2", log_path, sizeof(log_path) - 1);
	log_path[n > 0 ? n : 0] = '\0';
}

void log_reopen(void)
{
	int fd = *log_path ? open(log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640) : -1;

	if (fd < 0)
		return;
	dup2(fd, STDERR_FILENO);
	close(fd);
}

void log_event(enum log_level level, const char *event, const char *fields, ...)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };
	char line[LOG_LINE_SIZE];
	struct timespec t;
	struct tm tm;
	int saved = errno;
	size_t len, i;
	va_list ap;
	int n;

	if (level < log_least)
		return;
	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	len = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &tm);
	n = snprintf(line + len, sizeof(line) - len, ".%03ldZ %s %s %s ", t.tv_nsec / 1000000,
		     names[level], log_place, event);
	if (n > 0)
		len += (size_t)n;
	va_start(ap, fields);
	n = vsnprintf(line + len, sizeof(line) - len - 1, fields, ap);
	va_end(ap);
	if (n > 0)
		len += (size_t)n < sizeof(line) - len - 1 ? (size_t)n : sizeof(line) - len - 2;
	for (i = 0; i < len; i++)
		if ((unsigned char)line[i] < 0x20)
			line[i] = ' ';	/* a line stays one, whatever was passed */
	line[len++] = '\n';
	if (!log_is_held) {
		log_write(line, len);
	} else {
		if (len > sizeof(log_held) - log_held_len)
			log_flush();
		memcpy(log_held + log_held_len, line, len);
		log_held_len += len;
	}
	errno = saved;
}

/* Is this character (n bytes of UTF-8) one that moves a terminal's cursor or worse? */
static bool is_control(const char *text, size_t n)
{
	unsigned char c = (unsigned char)text[0];

	return c < 0x20 || c == 0x7f || (n == 2 && c == 0xc2 && (unsigned char)text[1] < 0xa0);	/* U+0080 to U+009F */
}

const char *log_text(char out[static LOG_TEXT_SIZE], const char *text, size_t len)
{
	size_t n = 0, i, j, bytes;

	out[n++] = '"';
	for (i = 0; i < len; i += bytes) {
		bool is_escaped;

		bytes = utf8_prefix(text + i, len - i, 1);
		is_escaped = bytes == 0 || is_control(text + i, bytes);
		bytes += bytes == 0;	/* one byte that is no UTF-8 */
		if (n + (is_escaped ? 4 * bytes : bytes + 1) + 4 > LOG_TEXT_SIZE) {
			memcpy(out + n, "..", 2);	/* never half a character or escape, and room for the end */
			n += 2;
			break;
		}
		for (j = i; j < i + bytes; j++) {
			if (is_escaped) {
				n += (size_t)snprintf(out + n, LOG_TEXT_SIZE - n, "\\x%02x", (unsigned char)text[j]);
				continue;
			}
			if (text[j] == '"' || text[j] == '\\')
				out[n++] = '\\';
			out[n++] = text[j];
		}
	}
	out[n++] = '"';
	out[n] = '\0';
	return out;
}

bool log_allowed(struct log_limit *limit, unsigned burst, int64_t now_ms)
{
	int64_t second = now_ms / 1000;

	if (limit->second != second) {
		limit->second = second;
		limit->count = 0;
	}
	if (limit->count < burst) {
		limit->count++;
		return true;
	}
	limit->dropped++;
	return false;
}
