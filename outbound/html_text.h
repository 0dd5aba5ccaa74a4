/*
 * The text part of a mail that has only HTML: what a reader would see, as plain text. Good enough
 * for the HTML of mails; not a browser. Never fails, whatever it is given. A pure function.
 */
#ifndef OUTBOUND_HTML_TEXT_H
#define OUTBOUND_HTML_TEXT_H

#include <apr_pools.h>

/* `html` (UTF-8) without tags, comments, scripts and styles; entities decoded; blocks on lines of
 * their own (LF); the address of a link, where it says more than the link's text, in parentheses
 * behind it; the text of a picture (alt) in its place. In `pool`. */
const char *outbound_html_text(const char *html, apr_pool_t *pool);

#endif
