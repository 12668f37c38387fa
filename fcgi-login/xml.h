/* xml.h - WeChat's XML messages as the JSON objects that they would be in the other format.
 * Threads: any. */
#ifndef WXCHAT_XML_H
#define WXCHAT_XML_H

#include <stddef.h>

#include "json.h"

/* Below the root element: an element with elements inside becomes an object, one with text a string, one that comes
 * again an array.  Blanks at the ends of texts are dropped; attributes are ignored.  NULL when it is not one well-formed
 * document, has a DOCTYPE, is nested deeper than XML_DEPTH_MAX or has more than XML_ELEMENTS_MAX elements.
 * The caller puts the object. */
enum { XML_DEPTH_MAX = 8, XML_ELEMENTS_MAX = 512 };
struct json_object *xml_parse(const char *text, size_t len);

#endif
