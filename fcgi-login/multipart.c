/* multipart.c - multipart/form-data, piece by piece.  No files, no requests.
 *
 * A delimiter is CR LF "--" boundary, and no boundary holds a CR: so after a mismatch the bytes matched so far are
 * data, and only the byte at hand can begin another delimiter. */
#include "multipart.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The value of parameter name in "value; a=b; c=\"d\"".  false when absent, malformed or too long. */
static bool header_parameter(const char *p, const char *name, char *out, size_t size)
{
	size_t name_len = strlen(name);

	p += strcspn(p, ";");
	while (*p == ';') {
		bool is_it;
		size_t n = 0;

		p++;
		p += strspn(p, " \t");
		is_it = !strncasecmp(p, name, name_len) && p[name_len] == '=';
		p += strcspn(p, "=;");
		if (*p != '=')
			continue;
		if (*++p == '"') {
			for (p++; *p && *p != '"'; p++) {
				/* only quotes are escaped: browsers leave the backslashes of Windows paths alone */
				if (*p == '\\' && p[1] == '"')
					p++;
				if (is_it && n + 1 < size)
					out[n] = *p;
				n++;
			}
			if (*p++ != '"')
				return false;
			p += strcspn(p, ";");
		} else {
			for (; *p && !strchr("; \t", *p); p++) {
				if (is_it && n + 1 < size)
					out[n] = *p;
				n++;
			}
			p += strcspn(p, ";");
		}
		if (!is_it)
			continue;
		out[n < size ? n : size - 1] = '\0';
		return n < size;
	}
	return false;
}

int multipart_init(struct multipart *m, const char *content_type)
{
	static const char type[] = "multipart/form-data";
	char boundary[MULTIPART_BOUNDARY_MAX + 1];

	memset(m, 0, sizeof(*m));
	if (!content_type || strncasecmp(content_type, type, sizeof(type) - 1) ||
	    !strchr("; \t", content_type[sizeof(type) - 1]) ||
	    !header_parameter(content_type, "boundary", boundary, sizeof(boundary)) || !*boundary ||
	    strpbrk(boundary, "\r\n"))
		return -EINVAL;
	m->delimiter_len = (size_t)snprintf(m->delimiter, sizeof(m->delimiter), "\r\n--%s", boundary);
	m->matched = 2;		/* the first delimiter needs no line before it */
	return 0;
}

/* The line of the part's head that begins with name and a colon, NUL-ended in place of its end; or NULL. */
static const char *head_line(char *head, const char *name)
{
	size_t len = strlen(name);

	while (*head) {
		char *end = strstr(head, "\r\n");

		if (!strncasecmp(head, name, len) && head[len] == ':') {
			if (end)
				*end = '\0';
			return head + len + 1;
		}
		if (!end)
			return NULL;
		head = end + 2;
	}
	return NULL;
}

static int part_begin(struct multipart *m, const struct multipart_handler *h)
{
	struct multipart_part part = { .is_file = false };
	const char *line;

	m->head[m->head_len] = '\0';
	if (++m->parts > MULTIPART_PARTS_MAX || memchr(m->head, '\0', m->head_len))
		return -EBADMSG;
	line = head_line(m->head, "content-disposition");
	if (!line)
		return -EBADMSG;	/* RFC 7578 4.2: each part has one, with a name */
	line += strspn(line, " \t");
	if (strncasecmp(line, "form-data", 9) || !header_parameter(line, "name", part.name, sizeof(part.name)))
		return -EBADMSG;
	part.is_file = strcasestr(line, "filename=") || strcasestr(line, "filename*=");
	if (!header_parameter(line, "filename", part.filename, sizeof(part.filename)))
		part.filename[0] = '\0';	/* too long, or in RFC 5987's form: nobody uses it */
	m->state = MULTIPART_DATA;
	m->head_len = 0;
	return h->on_part(h->arg, &part);
}

static int give(struct multipart *m, const struct multipart_handler *h, const char *bytes, size_t len)
{
	return m->state == MULTIPART_DATA && len ? h->on_data(h->arg, bytes, len) : 0;
}

/* Data or preamble: returns how much of bytes was used, or an error.  What is no delimiter is given in one piece, however
 * often it looks like the beginning of one. */
static long feed_data(struct multipart *m, const char *bytes, size_t len, const struct multipart_handler *h)
{
	size_t i = 0, earlier = m->matched;	/* the beginning of a delimiter, or of data, that an earlier piece ended with */
	int r;

	while (i < len && m->matched < m->delimiter_len) {
		if (m->matched == 0) {
			const char *cr = memchr(bytes + i, '\r', len - i);

			i = cr ? (size_t)(cr - bytes) : len;
			if (!cr)
				break;
		}
		if (bytes[i] == m->delimiter[m->matched]) {
			m->matched++;
			i++;
			continue;
		}
		if ((r = give(m, h, m->delimiter, earlier)) < 0)
			return r;
		earlier = 0;
		m->matched = 0;
	}
	if (i > m->matched && (r = give(m, h, bytes, i - m->matched)) < 0)
		return r;
	if (m->matched < m->delimiter_len)
		return (long)len;
	m->matched = 0;
	if (m->state == MULTIPART_DATA && (r = h->on_part_end(h->arg)) < 0)
		return r;
	m->state = MULTIPART_TAIL;
	m->tail = 0;
	return (long)i;
}

/* Behind a delimiter: "--" ends the body, a line end begins a part; blanks may stand before it. */
static int feed_tail(struct multipart *m, char c)
{
	switch (m->tail) {
	case '-':
		m->state = MULTIPART_DONE;
		return c == '-' ? 0 : -EBADMSG;
	case '\r':
		m->state = MULTIPART_HEAD;
		m->head_len = 0;
		return c == '\n' ? 0 : -EBADMSG;
	case ' ':
		if (c == '-')
			return -EBADMSG;
		break;
	default:
		break;
	}
	if (c == '\t')
		c = ' ';
	m->tail = c;
	return c == '-' || c == '\r' || c == ' ' ? 0 : -EBADMSG;
}

static int feed_head(struct multipart *m, char c, const struct multipart_handler *h)
{
	if (m->head_len == sizeof(m->head) - 1)
		return -EBADMSG;
	m->head[m->head_len++] = c;
	if (m->head_len == 2 && !memcmp(m->head, "\r\n", 2))
		return -EBADMSG;	/* a part without a head has no name */
	if (m->head_len >= 4 && !memcmp(m->head + m->head_len - 4, "\r\n\r\n", 4)) {
		m->head_len -= 2;
		return part_begin(m, h);
	}
	return 0;
}

int multipart_feed(struct multipart *m, const char *bytes, size_t len, const struct multipart_handler *h)
{
	size_t i = 0;
	long n;
	int r = 0;

	while (i < len && r == 0) {
		switch (m->state) {
		case MULTIPART_PREAMBLE:
		case MULTIPART_DATA:
			n = feed_data(m, bytes + i, len - i, h);
			if (n < 0)
				return (int)n;
			i += (size_t)n;
			break;
		case MULTIPART_TAIL:
			r = feed_tail(m, bytes[i++]);
			break;
		case MULTIPART_HEAD:
			r = feed_head(m, bytes[i++], h);
			break;
		case MULTIPART_DONE:
			return 0;	/* the epilogue is nobody's */
		}
	}
	return r;
}

bool multipart_done(const struct multipart *m)
{
	return m->state == MULTIPART_DONE;
}
