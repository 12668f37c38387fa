/* upload.c - the route upload: one file of a multipart body into the media directory or the bucket, while it arrives. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "bucket.h"
#include "clock.h"
#include "json.h"
#include "links.h"
#include "log.h"
#include "multipart.h"
#include "query.h"
#include "routes.h"
#include "spool.h"

enum { OVERHEAD_MAX = 64 << 10, PIECE = 32 << 10, DIRECT_S = 600, SWEEP_S = 3600, BLOCK_BYTES = 4096 };

struct upload {
	struct call *c;
	struct multipart form;
	struct spool spool;
	const struct media_type *type;	/* once the beginning has been looked at */
	char name[MEDIA_NAME_MAX];
	bool in_file, had_file;
	enum error refused;		/* why a handler ended the parsing */
	size_t head_len;
	char head[MEDIA_HEAD];
	char piece[PIECE];
};

static int refuse(struct upload *u, enum error e)
{
	u->refused = e;
	return -ECANCELED;
}

static uint64_t size_max(const struct call *c)
{
	return (uint64_t)c->config->media.max_mb << 20;
}

static enum error disk_failed(struct call *c, int r)
{
	log_error("upload-not-written", "uid=%s error=%d", c->uid, -r);
	return call_fail(c, ERR_STORE, "the file could not be written");
}

static int on_part(void *arg, const struct multipart_part *part)
{
	struct upload *u = arg;

	u->in_file = !strcmp(part->name, "file");
	if (u->in_file && u->had_file) {
		u->c->message = "one file at a time";
		return refuse(u, ERR_BAD_REQUEST);
	}
	u->had_file |= u->in_file;
	return 0;
}

/* The beginning is there, or all of it: decides what it is and begins the file. */
static int begin_file(struct upload *u)
{
	struct worker *w = u->c->w;
	int r;

	if (!w->sniffer && !(w->sniffer = media_sniffer_new())) {
		log_error("libmagic-not-loaded", "error=%d", errno);
		u->c->message = "files cannot be recognised at present";
		return refuse(u, ERR_STORE);
	}
	u->type = media_sniff(w->sniffer, &u->c->settings->types, u->head, u->head_len);
	if (!u->type)
		return refuse(u, ERR_UNSUPPORTED_MEDIA);
	r = media_name(u->type, u->name);
	if (r == 0)
		r = spool_open(&u->spool, u->c->config->media.dir, u->name);
	if (r == 0)
		r = spool_write(&u->spool, u->head, u->head_len);
	return r < 0 ? refuse(u, disk_failed(u->c, r)) : 0;
}

static int on_data(void *arg, const char *bytes, size_t len)
{
	struct upload *u = arg;
	int r;

	if (!u->in_file)
		return 0;
	if (len > size_max(u->c) - (u->type ? u->spool.size : u->head_len))
		return refuse(u, ERR_TOO_LARGE);
	if (!u->type) {
		size_t n = sizeof(u->head) - u->head_len;

		n = n < len ? n : len;
		memcpy(u->head + u->head_len, bytes, n);
		u->head_len += n;
		bytes += n;
		len -= n;
		if (u->head_len < sizeof(u->head))
			return 0;
		if ((r = begin_file(u)) < 0)
			return r;
	}
	r = spool_write(&u->spool, bytes, len);
	return r < 0 ? refuse(u, disk_failed(u->c, r)) : 0;
}

static int on_part_end(void *arg)
{
	struct upload *u = arg;

	if (u->in_file && !u->type) {
		if (u->head_len == 0) {
			u->c->message = "the file is empty";
			return refuse(u, ERR_BAD_REQUEST);
		}
		return begin_file(u);
	}
	return 0;
}

static enum error upload_receive(struct upload *u)
{
	const struct multipart_handler handler = { on_part, on_data, on_part_end, u };
	struct call *c = u->c;
	struct request *rq = c->rq;
	int n, r;

	if (rq->body_len > 0 && (uint64_t)rq->body_len > size_max(c) + OVERHEAD_MAX)
		return ERR_TOO_LARGE;
	if (multipart_init(&u->form, request_variable(rq, "CONTENT_TYPE")) < 0)
		return call_fail(c, ERR_BAD_REQUEST, "multipart/form-data with a field named file is wanted");
	while ((n = request_read(rq, u->piece, sizeof(u->piece))) > 0) {
		if ((uint64_t)rq->body_read > size_max(c) + OVERHEAD_MAX)
			return ERR_TOO_LARGE;
		r = multipart_feed(&u->form, u->piece, (size_t)n, &handler);
		if (r == -ECANCELED)
			return u->refused;
		if (r < 0)
			return call_fail(c, ERR_BAD_REQUEST, "the multipart body is malformed");
	}
	if (n < 0 || !multipart_done(&u->form))
		return call_fail(c, ERR_BAD_REQUEST, "the body was cut short");
	if (!u->had_file)
		return call_fail(c, ERR_BAD_REQUEST, "a field named file is missing");
	return ERR_NONE;
}

/* What a file takes: disks give out blocks. */
static uint64_t disk_bytes(uint64_t size)
{
	return (size + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
}

/* Against the quotas.  The file may have been long on its way, so the time is looked at anew. */
static enum error upload_reserve(struct call *c, uint64_t size, struct store_reserved *reserved)
{
	int r = store_media_reserve(c->store, c->uid, disk_bytes(size), (uint64_t)c->config->media.quota_user_mb << 20,
				    (uint64_t)c->config->media.quota_total_mb << 20, clock_wall_ms(), reserved);

	if (r == -EDQUOT)
		return call_fail(c, ERR_TOO_LARGE, "the space for uploads is used up");
	return r < 0 ? call_store_failed(c, "media", r) : ERR_NONE;
}

static enum error upload_keep(struct upload *u)
{
	struct call *c = u->c;
	struct store_reserved reserved;
	struct http *http;
	enum error e = upload_reserve(c, u->spool.size, &reserved);
	int r;

	if (e != ERR_NONE)
		return e;
	if (!strcmp(c->config->media.store, "local")) {
		if ((r = spool_keep(&u->spool)) < 0)
			e = disk_failed(c, r);
	} else if ((r = spool_rewind(&u->spool)) < 0) {
		e = disk_failed(c, r);
	} else if (!(http = worker_http(c->w)) ||
		   bucket_put(http, c->config, u->name, u->type, u->spool.fd, u->spool.size) < 0) {
		e = call_fail(c, ERR_STORE, "the file store did not take the file");
	}
	if (e != ERR_NONE)
		store_media_give_back(c->store, &reserved);	/* failing is no harm: it ends by itself */
	else if ((r = store_media_keep(c->store, &reserved)) < 0)
		log_error("upload-not-counted", "uid=%s name=%s error=%d", c->uid, u->name, -r);
	return e;
}

/* Asks WeChat about it; the verdict comes by message push.  WeChat being down keeps nobody from uploading. */
static void upload_check(struct upload *u, const char *openid, const char *url)
{
	struct call *c = u->c;
	struct wechat_told told = { 0 };
	char trace_id[128] = "";
	struct wechat *wechat;
	enum error e = ERR_WECHAT_BUSY;
	int r;

	if (strcmp(c->config->media.check, "on") || !u->type->check)
		return;
	if (call_wechat_enter(c)) {
		if ((wechat = worker_wechat(c->w)))
			e = wechat_check_media(wechat, openid, url, u->type->check, trace_id, &told);
		call_wechat_leave(c);
	}
	c->retry_s = 0;
	if (e == ERR_NONE && (r = store_trace_put(c->store, trace_id, c->uid, url, disk_bytes(u->spool.size), c->now_ms)) < 0)
		log_error("media-check-lost", "uid=%s error=%d", c->uid, -r);
	else if (e != ERR_NONE)
		log_warn("media-unchecked", "uid=%s name=%s error=%s errcode=%lld", c->uid, u->name, error_name(e),
			 (long long)told.errcode);
}

static enum error upload_answer(struct upload *u, const char *url, size_t url_len)
{
	struct buf *out = &u->c->answer.body;
	int r = buf_adds(out, "{\"code\":0,\"data\":{\"url\":");

	if (r == 0)
		r = json_quote(out, url, url_len);
	if (r == 0)
		r = buf_adds(out, ",\"imgUrl\":");
	if (r == 0)
		r = json_quote(out, url, url_len);
	if (r == 0)
		r = buf_addf(out, ",\"size\":%llu,\"mimeType\":\"%s\",\"name\":\"%s\"}}",
			     (unsigned long long)u->spool.size, u->type->name, u->name);
	return r == 0 ? ERR_NONE : call_fail(u->c, ERR_STORE, "out of memory");
}

/* GET upload?direct=1: a form by which the phone puts the file into the bucket itself. */
static enum error upload_direct(struct call *c)
{
	const struct media_types *types = &c->settings->types;
	const struct media_type *type = types->count ? types->allowed[0] : NULL;
	uint64_t size = size_max(c);
	struct buf url = BUF_INIT, *out = &c->answer.body;
	bool has_quota = c->config->media.quota_user_mb || c->config->media.quota_total_mb;
	char text[64], name[MEDIA_NAME_MAX], *end;
	struct store_reserved reserved;
	enum error e;
	int r;

	if (query_get(c->rq->query, c->rq->query_len, "direct", text, sizeof(text)) <= 0 || !strcmp(text, "0"))
		return call_fail(c, ERR_BAD_REQUEST, "POST a file, or ask for direct=1");
	if (strcmp(c->config->media.store, "s3"))
		return call_fail(c, ERR_NOT_FOUND, "files are kept here: POST them to this URL");
	r = query_get(c->rq->query, c->rq->query_len, "type", text, sizeof(text));
	if (r != -ENOENT)
		type = r > 0 ? media_type_named(types, text) : NULL;
	if (!type)
		return ERR_UNSUPPORTED_MEDIA;
	/* What a form allows is counted for good: one user could use up what all have, without a file. */
	if (c->config->media.quota_total_mb && !c->config->media.quota_user_mb)
		return call_fail(c, ERR_NOT_FOUND, "files are counted together: POST them to this URL");
	/* nobody tells us when a file has arrived in the bucket, so what WeChat is to judge comes through here */
	if (type->check && !strcmp(c->config->media.check, "on"))
		return call_fail(c, ERR_NOT_FOUND, "files of this type are checked: POST them to this URL");
	r = query_get(c->rq->query, c->rq->query_len, "size", text, sizeof(text));
	if (r != -ENOENT) {
		size = r > 0 ? strtoull(text, &end, 10) : 0;
		if (size == 0 || *end || text[0] == '-')
			return call_fail(c, ERR_BAD_REQUEST, "size is a number of bytes");
		if (size > size_max(c))
			return ERR_TOO_LARGE;
	}
	if (has_quota && (e = upload_reserve(c, size, &reserved)) != ERR_NONE)
		return e;
	r = media_name(type, name);
	if (r == 0)
		r = links_media(c, name, &url);
	if (r == 0)
		r = buf_adds(out, "{\"code\":0,\"data\":{\"fileUrl\":");
	if (r == 0)
		r = json_quote(out, url.data, url.len);
	if (r == 0)
		r = buf_addf(out, ",\"mimeType\":\"%s\",\"name\":\"%s\",\"form\":", type->name, name);
	if (r == 0)
		r = bucket_form(c->config, name, type, size, c->now_ms / 1000, c->now_ms / 1000 + DIRECT_S, out);
	if (r == 0)
		r = buf_adds(out, "}}");
	/* what the form allows counts as kept, because nobody tells us what came of it */
	if (r == 0 && has_quota)
		r = store_media_keep(c->store, &reserved);
	buf_free(&url);
	return r == 0 ? ERR_NONE : call_fail(c, ERR_STORE, "no form could be made");
}

/* Once an hour one process removes what killed ones left. */
static void upload_sweep(struct call *c)
{
	bool seen = true;
	long long last = atomic_load(&c->service->swept_ms);

	if (c->now_ms - last < SWEEP_S * 1000LL ||
	    !atomic_compare_exchange_strong(&c->service->swept_ms, &last, c->now_ms))
		return;
	if (store_seen(c->store, "media-sweep", SWEEP_S, c->now_ms, &seen) == 0 && !seen)
		spool_sweep(c->config->media.dir, c->now_ms);
}

static enum error upload_post(struct call *c, const char *openid)
{
	struct upload *u = calloc(1, sizeof(*u));
	struct buf url = BUF_INIT;
	uint64_t size = 0;
	enum error e;

	if (!u)
		return call_fail(c, ERR_STORE, "out of memory");
	u->c = c;
	u->spool.fd = -1;
	e = upload_receive(u);
	if (e == ERR_NONE && links_media(c, "", &url) < 0)
		e = call_fail(c, ERR_BAD_REQUEST, "the request's Host cannot be made a URL of: set base_url");
	if (e == ERR_NONE && buf_adds(&url, u->name) < 0)
		e = call_fail(c, ERR_STORE, "out of memory");
	if (e == ERR_NONE)
		e = upload_keep(u);
	if (e == ERR_NONE) {
		size = u->spool.size;
		upload_check(u, openid, url.data);
		e = upload_answer(u, url.data, url.len);
	}
	buf_free(&url);
	spool_close(&u->spool);
	free(u);
	audit_count(&c->service->audit, e == ERR_NONE ? COUNT_UPLOAD_OK : COUNT_UPLOAD_REFUSED, 1);
	audit_count(&c->service->audit, COUNT_UPLOAD_BYTES, size);
	return e;
}

enum error route_upload(struct call *c)
{
	struct session session;
	struct user user;
	enum error e = auth_session(c, &session, &user);

	if (e != ERR_NONE)
		return e;
	e = strcmp(c->rq->method, "POST") ? upload_direct(c) : upload_post(c, user.openid);
	audit_line("upload", c->uid, c->address, e == ERR_NONE ? "ok" : error_name(e),
		   clock_mono_us() - c->began_us);
	upload_sweep(c);
	return e;
}
