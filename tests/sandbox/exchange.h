/* exchange.h - one request and its answer, with the fault that was planned for it.
 * A handler gets an exchange and answers it exactly once, at once or later; with the answer
 * the exchange is gone.  A client that leaves meanwhile is no concern of the handler. */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

struct evhttp_request;
struct exchange;
struct json_object;
struct sandbox;

typedef void exchange_handler(struct sandbox *sb, struct exchange *ex);

/* One of the server's addresses. */
struct route {
	const char *path;
	unsigned methods;	/* EVHTTP_REQ_… */
	exchange_handler *handler;
	const char *wx_name;	/* the client's API it plays, "login"; NULL: WeChat's server */
	bool is_control;	/* neither WeChat nor a phone: has no faults and no log */
	bool is_text;		/* says text/plain though it answers JSON */
};

/* Takes the request in: logs it, meets its fault, calls the handler if the fault lets it. */
void exchange_begin(struct sandbox *sb, struct evhttp_request *req, const struct route *route);

/* A query parameter, decoded; NULL if absent.  Lives as long as the exchange. */
const char *exchange_query(const struct exchange *ex, const char *name);

/* The JSON object of the body; NULL if there is none or it is none.  Lives likewise. */
struct json_object *exchange_body(const struct exchange *ex);
bool exchange_has_body(const struct exchange *ex);

/* A member of the body; NULL unless it is a string without NUL.  Lives likewise. */
const char *exchange_text(const struct exchange *ex, const char *name);

/* Is the member true? */
bool exchange_flag(const struct exchange *ex, const char *name);

/* The sandbox's clock at the time of the request, in ms. */
int64_t exchange_now(const struct exchange *ex);

/* Where the client reached this server, "http://host:port"; lives likewise. */
const char *exchange_origin(struct exchange *ex);

/* Answers 200 with the object, and takes it. */
void exchange_answer(struct exchange *ex, struct json_object *answer);

/* Answers with a WeChat server's {"errcode","errmsg"}; errmsg NULL: the code's usual one. */
void exchange_errcode(struct exchange *ex, int errcode, const char *errmsg);

/* Answers as wx.* fails: {"errMsg":"login:fail REASON"}. */
void exchange_fail(struct exchange *ex, const char *reason);

/* An object with "errMsg":"NAME:ok" in it, to be added to and answered; the caller owns it. */
struct json_object *exchange_ok(const struct exchange *ex);

/* Answers 200 with text of another type. */
void exchange_document(struct exchange *ex, const char *type, const char *text);

#endif
