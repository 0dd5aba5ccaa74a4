/* Undoes what forms, JSON and HTML do to characters, so that a text can be searched. Pure. */
#ifndef CTL_UNESCAPE_H
#define CTL_UNESCAPE_H

#include <apr.h>

/* Undoes one level of escapes in place and returns the new length, which is never greater: %XX,
 * and a + that is a blank because its name or value in a form has a %XX; \n, \", \uXXXX and the
 * like; and &#NNN;, &#xHHH; and &amp;. Characters become UTF-8. What is no escape stays. *changed
 * says whether there was any. */
apr_size_t ctl_unescape(char *text, apr_size_t len, int *changed);

#endif
