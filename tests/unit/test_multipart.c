/* test_multipart.c - multipart/form-data, whole and in pieces of every size. */
#include "unit.h"

#include <errno.h>

#include "fcgi-login/multipart.h"

/* What the handler heard, as text: <name|filename>data; */
struct heard {
	char text[512];
	size_t len;
};

static int on_part(void *arg, const struct multipart_part *part)
{
	struct heard *h = arg;

	h->len += (size_t)snprintf(h->text + h->len, sizeof(h->text) - h->len, "<%s|%s%s>", part->name,
				   part->is_file ? "file:" : "", part->filename);
	return 0;
}

static int on_data(void *arg, const char *bytes, size_t len)
{
	struct heard *h = arg;

	assert_true(len > 0 && len < sizeof(h->text) - h->len);
	memcpy(h->text + h->len, bytes, len);
	h->len += len;
	h->text[h->len] = '\0';
	return 0;
}

static int on_part_end(void *arg)
{
	return on_data(arg, ";", 1);
}

static int stop(void *arg, const char *bytes, size_t len)
{
	(void)arg;
	(void)bytes;
	(void)len;
	return -ECANCELED;
}

#define PART "Content-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n"

static const struct {
	const char *sentence, *body, *heard;	/* boundary "B" */
	int result, done;
} rows[] = {
	{ "one file", "--B\r\n" PART "\r\nhello\r\n--B--\r\n", "<file|file:a.png>hello;", 0, 1 },
	{ "nothing need follow the end", "--B\r\n" PART "\r\nhello\r\n--B--", "<file|file:a.png>hello;", 0, 1 },
	{ "an empty file", "--B\r\n" PART "\r\n\r\n--B--\r\n", "<file|file:a.png>;", 0, 1 },
	{ "a file that ends with line ends", "--B\r\n" PART "\r\nx\r\n\r\n\r\n--B--", "<file|file:a.png>x\r\n\r\n;", 0, 1 },
	{ "what looks like the delimiter is data", "--B\r\n" PART "\r\n\r\n-\r\n--\r\n--C\r\r\n--B--",
	  "<file|file:a.png>\r\n-\r\n--\r\n--C\r;", 0, 1 },
	{ "a delimiter after its own beginning", "--B\r\n" PART "\r\nx\r\n-\r\n--B--", "<file|file:a.png>x\r\n-;", 0, 1 },
	{ "fields around the file", "--B\r\nContent-Disposition: form-data; name=\"room\"\r\n\r\nlobby\r\n--B\r\n" PART
	  "Content-Type: image/png\r\n\r\nx\r\n--B\r\nContent-Disposition: form-data; name=n\r\n\r\n1\r\n--B--",
	  "<room|>lobby;<file|file:a.png>x;<n|>1;", 0, 1 },
	{ "a preamble is nobody's", "This is text.\r\n\r\n--B\r\n" PART "\r\nx\r\n--B--", "<file|file:a.png>x;", 0, 1 },
	{ "an epilogue is nobody's", "--B\r\n" PART "\r\nx\r\n--B--\r\n--B\r\nmore", "<file|file:a.png>x;", 0, 1 },
	{ "blanks may follow a delimiter", "--B \t\r\n" PART "\r\nx\r\n--B--", "<file|file:a.png>x;", 0, 1 },
	{ "names of headers have any case", "--B\r\ncontent-disposition: Form-Data; NAME=\"file\"; FileName=\"b\"\r\n\r\nx\r\n--B--",
	  "<file|file:b>x;", 0, 1 },
	{ "quotes may be escaped", "--B\r\nContent-Disposition: form-data; name=\"a\\\"b\"\r\n\r\nx\r\n--B--", "<a\"b|>x;", 0, 1 },
	{ "a name may hold what parts parameters", "--B\r\nContent-Disposition: form-data; filename=\"a;name=x\"; name=\"file\"\r\n\r\n1\r\n--B--",
	  "<file|file:a;name=x>1;", 0, 1 },
	{ "Chinese names pass", "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"图.png\"\r\n\r\nx\r\n--B--",
	  "<file|file:图.png>x;", 0, 1 },
	{ "an empty form ends at once", "--B--\r\n", "", 0, 1 },
	{ "a body cut in the data is not done", "--B\r\n" PART "\r\nhell", "<file|file:a.png>hell", 0, 0 },
	{ "a body cut in the head is not done", "--B\r\nContent-Disp", "", 0, 0 },
	{ "no body is not done", "", "", 0, 0 },
	{ "a delimiter in mid-line is data", "--B\r\n" PART "\r\nx--B--\r\n--B--", "<file|file:a.png>x--B--;", 0, 1 },
	{ "another end of line after a delimiter is refused", "--B\n" PART "\r\nx", "", -EBADMSG, 0 },
	{ "junk after a delimiter is refused", "--Bx\r\n" PART, "", -EBADMSG, 0 },
	{ "half an end is refused", "--B-x\r\n", "", -EBADMSG, 1 },
	{ "a part without a head is refused", "--B\r\n\r\nx\r\n--B--", "", -EBADMSG, 0 },
	{ "a part without a disposition is refused", "--B\r\nContent-Type: image/png\r\n\r\nx", "", -EBADMSG, 0 },
	{ "a part without a name is refused", "--B\r\nContent-Disposition: form-data; filename=\"x\"\r\n\r\nx", "", -EBADMSG, 0 },
	{ "another disposition is refused", "--B\r\nContent-Disposition: attachment; name=\"file\"\r\n\r\nx", "", -EBADMSG, 0 },
	{ "a name without its quote is refused", "--B\r\nContent-Disposition: form-data; name=\"file\r\n\r\nx", "", -EBADMSG, 0 },
};

static void bodies_are_taken_apart_whatever_the_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t len = strlen(rows[i].body);

		for (size_t piece = 1; piece <= len + 1; piece++) {
			struct heard heard = { .len = 0 };
			const struct multipart_handler h = { on_part, on_data, on_part_end, &heard };
			struct multipart m;
			int r = 0;

			assert_int_equal(multipart_init(&m, "multipart/form-data; boundary=B"), 0);
			for (size_t at = 0; at < len && r == 0; at += piece) {
				size_t n = len - at < piece ? len - at : piece;
				char *bytes = exact(rows[i].body + at, n);

				r = multipart_feed(&m, bytes, n, &h);
				free(bytes);
			}
			if (r != rows[i].result)
				ROW_FAILS(rows[i].sentence, "pieces of %zu: result %d", piece, r);
			if (strcmp(heard.text, rows[i].heard) != 0)
				ROW_FAILS(rows[i].sentence, "pieces of %zu: %s", piece, heard.text);
			if (r == 0 && multipart_done(&m) != rows[i].done)
				ROW_FAILS(rows[i].sentence, "pieces of %zu: done %d", piece, !rows[i].done);
		}
	}
}

static void content_types_are_read_strictly(void **state)
{
	static const struct {
		const char *sentence, *type;
		int result;
	} types[] = {
		{ "what wx.uploadFile sends", "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW", 0 },
		{ "a quoted boundary", "multipart/form-data; boundary=\"a b\"", 0 },
		{ "another parameter first", "multipart/form-data; charset=utf-8; boundary=x", 0 },
		{ "any case", "Multipart/Form-Data;Boundary=x", 0 },
		{ "70 characters", "multipart/form-data; boundary=1234567890123456789012345678901234567890123456789012345678901234567890", 0 },
		{ "71 are too many", "multipart/form-data; boundary=12345678901234567890123456789012345678901234567890123456789012345678901", -EINVAL },
		{ "no boundary", "multipart/form-data", -EINVAL },
		{ "an empty one", "multipart/form-data; boundary=", -EINVAL },
		{ "another type", "multipart/mixed; boundary=x", -EINVAL },
		{ "a longer type", "multipart/form-database; boundary=x", -EINVAL },
		{ "JSON", "application/json", -EINVAL },
		{ "none", NULL, -EINVAL },
	};
	struct multipart m;

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++)
		if (multipart_init(&m, types[i].type) != types[i].result)
			ROW_FAILS(types[i].sentence, "expected %d", types[i].result);
}

static void limits_hold(void **state)
{
	struct heard heard = { .len = 0 };
	const struct multipart_handler h = { on_part, on_data, on_part_end, &heard };
	char long_head[MULTIPART_HEAD_MAX + 10], long_name[MULTIPART_NAME_MAX + 1];
	struct multipart m;
	int r = 0;

	(void)state;
	memset(long_head, 'x', sizeof(long_head));
	multipart_init(&m, "multipart/form-data; boundary=B");
	assert_int_equal(multipart_feed(&m, "--B\r\n", 5, &h), 0);
	assert_int_equal(multipart_feed(&m, long_head, sizeof(long_head), &h), -EBADMSG);

	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	snprintf(long_head, sizeof(long_head), "--B\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n", long_name);
	multipart_init(&m, "multipart/form-data; boundary=B");
	assert_int_equal(multipart_feed(&m, long_head, strlen(long_head), &h), -EBADMSG);

	multipart_init(&m, "multipart/form-data; boundary=B");
	for (int i = 0; i <= MULTIPART_PARTS_MAX && r == 0; i++) {
		static const char part[] = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n";

		heard.len = 0;
		r = multipart_feed(&m, part, sizeof(part) - 1, &h);
	}
	assert_int_equal(r, -EBADMSG);
}

static int count_data(void *arg, const char *bytes, size_t len)
{
	(void)bytes;
	(void)len;
	++*(unsigned *)arg;
	return 0;
}

static int no_part(void *arg, const struct multipart_part *part)
{
	(void)arg;
	(void)part;
	return 0;
}

static int no_end(void *arg)
{
	(void)arg;
	return 0;
}

/* Each may cost a write. */
static void data_comes_in_one_piece_however_much_it_looks_like_delimiters(void **state)
{
	static const char head[] = "--B\r\n" PART "\r\n";
	unsigned count = 0;
	struct multipart_handler h = { no_part, count_data, no_end, &count };
	struct multipart m;
	char data[6000];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = "\r\r\n\r\n-"[i % 6];
	assert_int_equal(multipart_init(&m, "multipart/form-data; boundary=B"), 0);
	assert_int_equal(multipart_feed(&m, head, sizeof(head) - 1, &h), 0);
	assert_int_equal(multipart_feed(&m, data, sizeof(data), &h), 0);
	assert_int_equal(count, 1);
	assert_int_equal(multipart_feed(&m, "\r\r\n--B--", 9, &h), 0);
	assert_int_equal(count, 3);	/* what the piece before ended with, and the new one's beginning */
	assert_true(multipart_done(&m));
}

static void a_handler_that_refuses_ends_it(void **state)
{
	struct heard heard = { .len = 0 };
	const struct multipart_handler h = { on_part, stop, on_part_end, &heard };
	struct multipart m;

	(void)state;
	multipart_init(&m, "multipart/form-data; boundary=B");
	assert_int_equal(multipart_feed(&m, rows[0].body, strlen(rows[0].body), &h), -ECANCELED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_are_taken_apart_whatever_the_pieces),
		cmocka_unit_test(content_types_are_read_strictly),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(data_comes_in_one_piece_however_much_it_looks_like_delimiters),
		cmocka_unit_test(a_handler_that_refuses_ends_it),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
