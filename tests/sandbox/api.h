/* api.h - the handlers behind the addresses; server.c has the list, README.md the contract.
 * Each is an exchange_handler: it answers its exchange once, at once or later. */
#ifndef API_H
#define API_H

struct exchange;
struct sandbox;

/* api_login.c: what WeChat's servers know of logins, tokens and keys */
void api_code_to_session(struct sandbox *sb, struct exchange *ex);
void api_token(struct sandbox *sb, struct exchange *ex);
void api_stable_token(struct sandbox *sb, struct exchange *ex);
void api_check_session(struct sandbox *sb, struct exchange *ex);
void api_reset_session_key(struct sandbox *sb, struct exchange *ex);
void api_phone_number(struct sandbox *sb, struct exchange *ex);

/* api_safety.c: the content check */
void api_text_check(struct sandbox *sb, struct exchange *ex);
void api_media_check(struct sandbox *sb, struct exchange *ex);

/* api_subscribe.c: subscribe messages, from the server and on the phone */
void api_subscribe_send(struct sandbox *sb, struct exchange *ex);
void phone_subscribe(struct sandbox *sb, struct exchange *ex);

/* api_phone.c: what wx.* does on somebody's phone */
void phone_login(struct sandbox *sb, struct exchange *ex);
void phone_check_session(struct sandbox *sb, struct exchange *ex);
void phone_user_info(struct sandbox *sb, struct exchange *ex);
void phone_number(struct sandbox *sb, struct exchange *ex);
void phone_avatar(struct sandbox *sb, struct exchange *ex);
void phone_user(struct sandbox *sb, struct exchange *ex);

/* api_control.c: the test's own hand */
void control_fault(struct sandbox *sb, struct exchange *ex);
void control_fault_clear(struct sandbox *sb, struct exchange *ex);
void control_fault_list(struct sandbox *sb, struct exchange *ex);
void control_log(struct sandbox *sb, struct exchange *ex);
void control_sent(struct sandbox *sb, struct exchange *ex);
void control_push(struct sandbox *sb, struct exchange *ex);
void control_push_set(struct sandbox *sb, struct exchange *ex);
void control_clock(struct sandbox *sb, struct exchange *ex);

#endif
