/* banned.h - what is not to be used, made an error of the compiler.  The makefile includes it before every source of
 * the programs.  Headers that declare these names come first, because naming one afterwards is the error.
 *
 *   unbounded              strcpy, strcat, stpcpy, sprintf, vsprintf, gets: snprintf, text_copy, buf
 *   no NUL, or the wrong bound   strncpy, strncat: the same
 *   hidden state           strtok, asctime, ctime, gmtime, localtime: their _r kin
 *   errors go unseen       atoi, atol, atoll, atof, sscanf, fscanf: strtol and kin
 *   a race, or the stack   tmpnam, tempnam, mktemp, alloca: mkstemp, malloc */
#ifndef WXCHAT_BANNED_H
#define WXCHAT_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Macros of some C libraries. */
#undef alloca
#undef sprintf
#undef vsprintf

#pragma GCC poison strcpy strcat stpcpy sprintf vsprintf gets strncpy strncat
#pragma GCC poison strtok asctime ctime gmtime localtime
#pragma GCC poison atoi atol atoll atof sscanf fscanf tmpnam tempnam mktemp alloca

#endif
