/* bucket.c - an S3-compatible bucket.  libcurl signs what we send; the forms that others send are signed here. */
#include "bucket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crypto.h"
#include "encode.h"
#include "json.h"
#include "log.h"

enum {
	CONNECT_MS = 10000,
	BYTES_A_MS = 32,	/* the slowest uplink worth waiting for: 32 KB/s */
	ANSWER_MAX = 64 << 10,
	FORM_MAX = 8192
};

struct source {
	int fd;
	uint64_t size, left;
};

static int source_read(void *arg, char *out, size_t size)
{
	struct source *s = arg;
	ssize_t n;

	if (size > s->left)
		size = (size_t)s->left;
	if (size > 1 << 20)
		size = 1 << 20;
	n = size ? read(s->fd, out, size) : 0;
	if (n < 0 || (n == 0 && size))
		return -EIO;
	s->left -= (uint64_t)n;
	return (int)n;
}

static int source_rewind(void *arg)
{
	struct source *s = arg;

	s->left = s->size;
	return lseek(s->fd, 0, SEEK_SET) < 0 ? -errno : 0;
}

static int bucket_ask(struct http *http, const struct config *config, struct http_request *rq, const char *name)
{
	struct http_answer answer = { .body = BUF_INIT };
	struct buf url = BUF_INIT, sign = BUF_INIT, key = BUF_INIT;
	char text[LOG_TEXT_SIZE];
	bool is_gone;
	int r;

	r = media_bucket_endpoint(config, name, &url);
	if (r == 0)
		r = buf_addf(&sign, "aws:amz:%s:s3", config->media.s3_region);
	if (r == 0)
		r = buf_addf(&key, "%s:%s", config->media.s3_key_id, config->media.s3_secret);
	if (r == 0) {
		rq->url = url.data;
		rq->aws_sigv4 = sign.data;
		rq->user_password = key.data;
		rq->max_answer = ANSWER_MAX;
		rq->allow_plain = true;
		r = http_perform(http, rq, &answer);
	}
	is_gone = !strcmp(rq->method, "DELETE") && answer.status == 404;
	if (r == 0 && !is_gone && (answer.status < 200 || answer.status > 299)) {
		log_error("bucket-refused", "method=%s status=%ld answer=%s", rq->method, answer.status,
			  log_text(text, buf_str(&answer.body), answer.body.len));
		r = -EPROTO;
	} else if (r < 0) {
		log_error("bucket-failed", "method=%s error=%d", rq->method, -r);
	}
	buf_free(&answer.body);
	buf_free(&url);
	buf_free(&sign);
	buf_wipe(&key);
	return r;
}

int bucket_put(struct http *http, const struct config *config, const char *name, const struct media_type *type,
	       int fd, uint64_t size)
{
	struct source source = { fd, size, size };
	char type_line[96];
	const char *const headers[] = { type_line, "x-amz-content-sha256: UNSIGNED-PAYLOAD",
					"Cache-Control: public, max-age=31536000, immutable", NULL };
	struct http_request rq = { .method = "PUT", .headers = headers, .read = source_read, .rewind = source_rewind,
				   .read_arg = &source, .body_len = size,
				   .timeout_ms = CONNECT_MS + (unsigned)(size / BYTES_A_MS) };

	snprintf(type_line, sizeof(type_line), "Content-Type: %s", type->name);
	return bucket_ask(http, config, &rq, name);
}

int bucket_remove(struct http *http, const struct config *config, const char *name)
{
	/* the SHA-256 of nothing */
	static const char *const headers[] = { "x-amz-content-sha256: "
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", NULL };
	struct http_request rq = { .method = "DELETE", .headers = headers, .timeout_ms = CONNECT_MS };

	return bucket_ask(http, config, &rq, name);
}

/* signature = HMAC(HMAC(HMAC(HMAC(HMAC("AWS4" secret, day), region), "s3"), "aws4_request"), text) */
static int sign_v4(const struct config *config, const char *day, const char *text, size_t len,
		   char out[static 2 * SHA256_LEN + 1])
{
	const struct span steps[] = { { day, strlen(day) },
				      { config->media.s3_region, strlen(config->media.s3_region) },
				      { "s3", 2 }, { "aws4_request", 12 }, { text, len } };
	uint8_t key[SHA256_LEN];
	struct buf first = BUF_INIT;
	int r = buf_addf(&first, "AWS4%s", config->media.s3_secret);

	if (r == 0)
		r = crypto_hmac_sha256(first.data, first.len, &steps[0], 1, key);
	for (size_t i = 1; r == 0 && i < sizeof(steps) / sizeof(*steps); i++) {
		uint8_t next[SHA256_LEN];

		r = crypto_hmac_sha256(key, sizeof(key), &steps[i], 1, next);
		memcpy(key, next, sizeof(key));
	}
	if (r == 0)
		hex_encode(key, sizeof(key), out);
	explicit_bzero(key, sizeof(key));
	buf_wipe(&first);
	return r;
}

int bucket_form(const struct config *config, const char *name, const struct media_type *type, uint64_t max_size,
		int64_t now_s, int64_t expires_s, struct buf *out)
{
	struct buf policy = BUF_LIMIT(FORM_MAX), url = BUF_LIMIT(FORM_MAX);
	char day[16], moment[24], end[32], scope[256], coded[FORM_MAX / 3 * 4 + 8];
	char signature[2 * SHA256_LEN + 1];
	time_t now = (time_t)now_s, until = (time_t)expires_s;
	struct tm tm;
	int r;

	gmtime_r(&now, &tm);
	strftime(day, sizeof(day), "%Y%m%d", &tm);
	strftime(moment, sizeof(moment), "%Y%m%dT%H%M%SZ", &tm);
	gmtime_r(&until, &tm);
	strftime(end, sizeof(end), "%Y-%m-%dT%H:%M:%SZ", &tm);
	snprintf(scope, sizeof(scope), "%s/%s/%s/s3/aws4_request", config->media.s3_key_id, day,
		 config->media.s3_region);
	r = buf_addf(&policy, "{\"expiration\":\"%s\",\"conditions\":[{\"bucket\":\"%s\"},{\"key\":\"%s\"},"
		     "{\"Content-Type\":\"%s\"},{\"success_action_status\":\"201\"},"
		     "[\"content-length-range\",1,%llu],{\"x-amz-algorithm\":\"AWS4-HMAC-SHA256\"},"
		     "{\"x-amz-credential\":\"%s\"},{\"x-amz-date\":\"%s\"}]}",
		     end, config->media.s3_bucket, name, type->name, (unsigned long long)max_size, scope, moment);
	if (r == 0) {
		base64_encode(policy.data, policy.len, coded);
		r = sign_v4(config, day, coded, strlen(coded), signature);
	}
	if (r == 0)
		r = media_bucket_endpoint(config, NULL, &url);
	if (r == 0)
		r = buf_adds(out, "{\"url\":");
	if (r == 0)
		r = json_quote(out, url.data, url.len);
	if (r == 0)
		r = buf_addf(out, ",\"expires\":%lld,\"fields\":{\"key\":\"%s\",\"Content-Type\":\"%s\","
			     "\"success_action_status\":\"201\",\"x-amz-algorithm\":\"AWS4-HMAC-SHA256\","
			     "\"x-amz-credential\":\"%s\",\"x-amz-date\":\"%s\",\"policy\":\"%s\","
			     "\"x-amz-signature\":\"%s\"}}",
			     (long long)expires_s, name, type->name, scope, moment, coded, signature);
	buf_free(&policy);
	buf_free(&url);
	return r;
}
