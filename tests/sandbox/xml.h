/* xml.h - a message in the XML that old accounts get: texts in CDATA, arrays as repetition. */
#ifndef XML_H
#define XML_H

struct json_object;

/* <xml>…</xml> with the object's members as elements; free() it. */
char *xml_of(struct json_object *object);

#endif
