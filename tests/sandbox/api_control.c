/* api_control.c - the test's own hand: faults, the log, pushes, the clock.  No WeChat in here. */
#include "api.h"

#include <json-c/json.h>

#include "exchange.h"
#include "fault.h"
#include "journal.h"
#include "push.h"
#include "sandbox.h"

enum { MAX_CLOCK_STEP_S = 400 * 24 * 3600 };

void control_fault(struct sandbox *sb, struct exchange *ex)
{
	struct json_object *spec = exchange_body(ex);
	const char *wrong = spec ? faults_add(sb->faults, spec) : "a JSON object is wanted";

	if (wrong)
		exchange_fail(ex, wrong);
	else
		exchange_answer(ex, exchange_ok(ex));
}

void control_fault_clear(struct sandbox *sb, struct exchange *ex)
{
	faults_clear(sb->faults, exchange_query(ex, "path"));
	exchange_answer(ex, exchange_ok(ex));
}

void control_fault_list(struct sandbox *sb, struct exchange *ex)
{
	struct json_object *o = exchange_ok(ex);

	json_object_object_add(o, "faults", faults_list(sb->faults));
	exchange_answer(ex, o);
}

void control_log(struct sandbox *sb, struct exchange *ex)
{
	exchange_answer(ex, journal_log(sb->journal));
}

void control_sent(struct sandbox *sb, struct exchange *ex)
{
	exchange_answer(ex, journal_list_sent(sb->journal));
}

void control_push_set(struct sandbox *sb, struct exchange *ex)
{
	struct json_object *spec = exchange_body(ex);
	const char *wrong = spec ? push_configure(sb->push, spec) : "a JSON object is wanted";

	if (wrong)
		exchange_fail(ex, wrong);
	else
		exchange_answer(ex, exchange_ok(ex));
}

static void on_pushed(void *arg, bool accepted, int status, const char *body)
{
	struct exchange *ex = arg;
	struct json_object *o = exchange_ok(ex);

	json_object_object_add(o, "accepted", json_object_new_boolean(accepted));
	json_object_object_add(o, "status", json_object_new_int(status));
	json_object_object_add(o, "answer", json_object_new_string(body));
	exchange_answer(ex, o);
}

/* Answers when the developer's server has. */
void control_push(struct sandbox *sb, struct exchange *ex)
{
	struct json_object *message;

	if (!push_is_on(sb->push))
		exchange_fail(ex, "no url: PUT /sandbox/push first");
	else if (exchange_flag(ex, "verify"))
		push_verify(sb->push, on_pushed, ex);
	else if (json_object_object_get_ex(exchange_body(ex), "message", &message) &&
		 json_object_is_type(message, json_type_object))
		push_send(sb->push, json_object_get(message), on_pushed, ex);
	else
		exchange_fail(ex, "verify or a message object is wanted");
}

void control_clock(struct sandbox *sb, struct exchange *ex)
{
	struct json_object *o = exchange_body(ex), *v;
	int64_t step;

	if (!o || !json_object_object_get_ex(o, "advance", &v) ||
	    !json_object_is_type(v, json_type_int) || (step = json_object_get_int64(v)) < 0 ||
	    step > MAX_CLOCK_STEP_S) {
		exchange_fail(ex, "advance: seconds, 0 to 34560000");
		return;
	}
	sb->clock_shift_ms += step * 1000;
	o = exchange_ok(ex);
	json_object_object_add(o, "time", json_object_new_int64(sandbox_now(sb)));
	exchange_answer(ex, o);
}
