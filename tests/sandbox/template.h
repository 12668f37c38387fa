/* template.h - which values a subscribe message's template takes, by the names of its fields. */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include <stdbool.h>

/* May field (thing1, time2 …) hold the value?  Fields of unknown names take nothing. */
bool template_takes(const char *field, const char *value);

/* Characters of UTF-8 text. */
int template_characters(const char *text);

#endif
