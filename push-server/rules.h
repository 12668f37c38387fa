/* rules.h - what push-server demands of its configuration beyond the form of values.
 * Threads: main. */
#ifndef WXCHAT_RULES_H
#define WXCHAT_RULES_H

#include <stdbool.h>

#include "config.h"

/* true when all is well; else why says "file:line: key: what is wrong and what is allowed". */
bool rules_hold(const struct config *c, char why[static CONFIG_WHY_SIZE]);

#endif
