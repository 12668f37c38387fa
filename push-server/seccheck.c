/* seccheck.c - words in, verdict out.  What becomes of the message is for others to say. */
#include "seccheck.h"

#include <string.h>

#include "log.h"
#include "utf8.h"

enum seccheck seccheck_words(struct wechat *wechat, struct store_reader *users, const char *room, const struct uid *uid,
			     const char *words, size_t len, const atomic_bool *stopping)
{
	char name[UID_LEN + 1], text[LOG_TEXT_SIZE];
	struct wechat_told told = { .errcode = 0 };
	struct member who;
	bool risky = false, review = false;
	size_t at = 0;

	uid_text(uid, name);
	if (users == NULL || store_member(users, name, &who) < 0)
		return SECCHECK_FAILED;
	while (at < len && !risky) {
		size_t n = utf8_prefix(words + at, len - at, SECCHECK_CHARS_MAX);
		enum error e;

		if (atomic_load(stopping))
			return SECCHECK_FAILED;
		e = wechat_check_text(wechat, who.openid, SECCHECK_SCENE, words + at, n, &risky, &review, &told);
		if (e != ERR_NONE) {
			log_warn("check-failed", "uid=%s error=%s errcode=%lld rid=%s", name, error_name(e),
				 (long long)told.errcode, log_text(text, told.rid, strlen(told.rid)));
			return SECCHECK_FAILED;
		}
		if (review)
			log_info("check-review", "uid=%s room=%s", name, log_text(text, room, strlen(room)));
		at += n;
	}
	return risky ? SECCHECK_RISKY : SECCHECK_PASS;
}
