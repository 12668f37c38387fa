/* people.h - the phones' owners: their profile, their session_key, what they consented to.
 * A person is made on first mention and stays until people_free; pointers stay good so long. */
#ifndef PEOPLE_H
#define PEOPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "seal.h"
#include "strmap.h"

enum { PEOPLE_ID_LEN = 128 };

struct consent {
	char *template_id;
	unsigned left;		/* messages that may still be sent */
};

struct person {
	char *name;		/* the {"user":…} of the sandbox's requests */
	char *nick_name;
	char *avatar_url;	/* NULL: the sandbox draws one */
	char *phone;
	char open_id[PEOPLE_ID_LEN + 1];
	char union_id[PEOPLE_ID_LEN + 1];	/* "" while not bound to an open platform */
	char session_key[SEAL_KEY_B64];		/* "" before the first wx.login */
	unsigned key_serial;	/* grows with each new session_key */
	unsigned phone_serial;	/* the key that the phone's last wx.login knew */
	int64_t key_made_ms;
	int64_t key_used_ms;
	int64_t seen_ms;	/* last time in the mini-program */
	struct consent *consents;
	size_t consent_count;
	struct strmap_node by_name, by_open_id;
};

struct people *people_new(const char *app_id);	/* app_id is borrowed */
void people_free(struct people *people);

/* Makes the person when the name is new: a Chinese nickname, openid and phone that depend on
 * the name (and app_id) alone.  NULL for an empty name or when SANDBOX_MAX_PEOPLE are there. */
struct person *people_meet(struct people *people, const char *name);

/* NULL when nobody has it. */
struct person *people_by_open_id(const struct people *people, const char *open_id);

/* -EINVAL: empty or over PEOPLE_ID_LEN; -EEXIST: it is somebody else's. */
int people_set_open_id(struct people *people, struct person *who, const char *open_id);

/* wx.login: a fresh session_key if there is none, it is an hour old, or fresh is true. */
void person_login(struct person *who, bool fresh, int64_t now_ms);

/* The servers' reset: a new key, of which the phone knows nothing, with the old one's age. */
void person_reset_key(struct person *who);

/* Is there a key, and has it been used within three days? */
bool person_key_lives(const struct person *who, int64_t now_ms);

/* One more message with this template.  -ENOSPC after SANDBOX_MAX_CONSENTS templates. */
int person_consent(struct person *who, const char *template_id);

/* Uses one consent up.  -EPERM if none is left. */
int person_use_consent(struct person *who, const char *template_id);

#endif
