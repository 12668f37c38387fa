/* errcode.h - what WeChat writes beside its error codes. */
#ifndef ERRCODE_H
#define ERRCODE_H

/* "system error" for codes that are not known here.  Lives for ever. */
const char *errcode_text(int errcode);

#endif
