/* media.c - types, names and URLs of uploaded files.  No requests, no files. */
#include "media.h"

#include <errno.h>
#include <magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "encode.h"

/* Types that a browser only shows or plays, and never runs. */
static const struct media_type known[] = {
	{ "image/jpeg", "jpg", 2 }, { "image/png", "png", 2 }, { "image/gif", "gif", 2 },
	{ "image/webp", "webp", 0 }, { "image/bmp", "bmp", 2 }, { "image/heic", "heic", 0 },
	{ "audio/mpeg", "mp3", 1 }, { "audio/mp4", "m4a", 1 }, { "audio/aac", "aac", 1 },
	{ "audio/x-wav", "wav", 1 }, { "audio/amr", "amr", 0 }, { "audio/ogg", "ogg", 1 },
	{ "audio/flac", "flac", 1 }, { "video/mp4", "mp4", 0 }, { "video/quicktime", "mov", 0 },
	{ "video/webm", "webm", 0 }, { "application/pdf", "pdf", 0 }, { "application/zip", "zip", 0 },
	{ "text/plain", "txt", 0 },
};

/* Other names for them, libmagic's among them. */
static const struct { const char *name, *means; } others[] = {
	{ "image/jpg", "image/jpeg" }, { "image/x-ms-bmp", "image/bmp" }, { "audio/mp3", "audio/mpeg" },
	{ "audio/x-m4a", "audio/mp4" }, { "audio/m4a", "audio/mp4" }, { "audio/x-hx-aac-adts", "audio/aac" },
	{ "audio/x-hx-aac-adif", "audio/aac" }, { "audio/x-aac", "audio/aac" }, { "audio/wav", "audio/x-wav" },
	{ "audio/vnd.wave", "audio/x-wav" }, { "audio/x-flac", "audio/flac" }, { "audio/AMR", "audio/amr" },
	{ "video/x-m4v", "video/mp4" },
};

static const char *usual_name(const char *name)
{
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (!strcmp(others[i].name, name))
			return others[i].means;
	return name;
}

const struct media_type *media_type_named(const struct media_types *t, const char *name)
{
	name = usual_name(name);
	for (unsigned i = 0; i < t->count; i++)
		if (!strcmp(t->allowed[i]->name, name))
			return t->allowed[i];
	return NULL;
}

static const struct media_type *known_named(const char *name)
{
	name = usual_name(name);
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(known[i].name, name))
			return &known[i];
	return NULL;
}

int media_types_read(struct media_types *t, const char *list, char why[static MEDIA_WHY_SIZE])
{
	char word[64];

	t->count = 0;
	while (*(list += strspn(list, " ,\t"))) {
		size_t len = strcspn(list, " ,\t");
		const struct media_type *type;

		snprintf(word, sizeof(word), "%.*s", (int)len, list);
		list += len;
		type = known_named(word);
		if (!type || t->count == MEDIA_TYPES_MAX) {
			snprintf(why, MEDIA_WHY_SIZE, "%s cannot be offered safely or is not known; %s are allowed", word, MEDIA_TYPES_KNOWN);
			return -EINVAL;
		}
		if (!media_type_named(t, word))
			t->allowed[t->count++] = type;
	}
	return 0;
}

struct media_sniffer {
	magic_t magic;
};

/* What tells kinds of text apart is regular expressions, which take a millisecond for every fifty line ends. */
enum {
	SNIFF_ANY = MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_TAR | MAGIC_NO_CHECK_ELF,
	SNIFF_BINARY = SNIFF_ANY | MAGIC_NO_CHECK_TEXT | MAGIC_NO_CHECK_ENCODING | MAGIC_NO_CHECK_JSON | MAGIC_NO_CHECK_CSV |
		       MAGIC_NO_CHECK_CDF | MAGIC_NO_CHECK_APPTYPE
};

struct media_sniffer *media_sniffer_new(void)
{
	struct media_sniffer *s = malloc(sizeof(*s));

	if (!s)
		return NULL;
	s->magic = magic_open(SNIFF_BINARY);
	if (s->magic && magic_load(s->magic, NULL) == 0)
		return s;
	media_sniffer_free(s);
	return NULL;
}

void media_sniffer_free(struct media_sniffer *s)
{
	if (s && s->magic)
		magic_close(s->magic);
	free(s);
}

/* What libmagic does not tell: MPEG audio without ID3 in some layers, ADTS. */
static const char *sniff_audio(const unsigned char *p, size_t len)
{
	if (len < 4 || p[0] != 0xff || (p[1] & 0xe0) != 0xe0)
		return NULL;
	if ((p[1] & 0xf6) == 0xf0)
		return "audio/aac";
	if ((p[1] & 0x18) == 0x08 || (p[1] & 0x06) == 0 || (p[2] & 0xf0) == 0xf0 || (p[2] & 0x0c) == 0x0c)
		return NULL;	/* reserved version, layer, rate or frequency */
	return "audio/mpeg";
}

const struct media_type *media_sniff(struct media_sniffer *s, const struct media_types *t, const void *head,
				     size_t len)
{
	const char *name;

	if (len == 0)
		return NULL;
	magic_setflags(s->magic, media_type_named(t, "text/plain") ? SNIFF_ANY : SNIFF_BINARY);
	name = magic_buffer(s->magic, head, len);
	if (name && !strcmp(name, "application/octet-stream"))
		name = sniff_audio(head, len);
	return name ? media_type_named(t, name) : NULL;
}

int media_name(const struct media_type *type, char out[static MEDIA_NAME_MAX])
{
	unsigned char random[16];
	char hex[2 * sizeof(random) + 1];
	int r = crypto_random(random, sizeof(random));

	if (r < 0)
		return r;
	hex_encode(random, sizeof(random), hex);
	snprintf(out, MEDIA_NAME_MAX, "%s.%s", hex, type->extension);
	return 0;
}

static int add_without_slash(struct buf *out, const char *url, size_t len)
{
	while (len > 0 && url[len - 1] == '/')
		len--;
	return buf_add(out, url, len);
}

int media_bucket_endpoint(const struct config *config, const char *name, struct buf *out)
{
	const char *url = config->media.s3_endpoint, *host = strstr(url, "://");
	int r;

	if (!host)
		return -EINVAL;
	host += 3;
	if (!strcmp(config->media.s3_style, "path")) {
		r = add_without_slash(out, url, strlen(url));
		if (r == 0)
			r = buf_addf(out, "/%s", config->media.s3_bucket);
	} else {
		r = buf_add(out, url, (size_t)(host - url));
		if (r == 0)
			r = buf_addf(out, "%s.", config->media.s3_bucket);
		if (r == 0)
			r = add_without_slash(out, host, strlen(host));
	}
	return r == 0 && name ? buf_addf(out, "/%s", name) : r;
}

int media_bucket_url(const struct config *config, const char *name, struct buf *out)
{
	const char *url = config->media.s3_url;
	int r;

	if (!*url)
		return media_bucket_endpoint(config, name, out);
	r = add_without_slash(out, url, strlen(url));
	return r == 0 ? buf_addf(out, "/%s", name) : r;
}
