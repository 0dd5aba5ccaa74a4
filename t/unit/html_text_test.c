/* The text part that is made of HTML. */
#include "outbound/html_text.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>

#include "t/unit/tap.h"

static apr_pool_t *pool;

static const struct {
    const char *name;
    const char *html;
    const char *want;
} cases[] = {
    {"plain text", "Hello", "Hello"},
    {"nothing", "", ""},
    {"white space", " \r\n a\t b \n", "a b"},
    {"inline tags", "a<b>b</b><i class=\"x>y\">c</i>", "abc"},
    {"paragraphs", "<p>one</p>\n<p>two</p>", "one\n\ntwo"},
    {"divisions", "<div>one</div><div>two</div>", "one\ntwo"},
    {"breaks", "one<br>two<br/>three<BR />four", "one\ntwo\nthree\nfour"},
    {"no more than one empty line", "one<br><br><br><p></p><p>two", "one\n\ntwo"},
    {"a list", "<ul><li>one</li><li>two</li></ul>", "- one\n- two"},
    {"a table", "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"},
    {"head, style, script and comment",
     "<html><head><title>T</title><style>p{x:y}</style></head><body><!-- <p>no</p> -->"
     "<script>if (a < b) alert('</p>')</script>yes</body></html>",
     "yes"},
    {"named entities", "&eacute;&Eacute;&amp;&lt;&gt;&quot;&euro;&nbsp;&laquo;x&raquo;",
     "\xC3\xA9\xC3\x89&<>\"\xE2\x82\xAC \xC2\xABx\xC2\xBB"},
    {"numbers", "&#233;&#xE9;&#xe9;&#8364;&#128512;",
     "\xC3\xA9\xC3\xA9\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"},
    {"entities are decoded once", "&amp;lt;b&amp;gt; &lt;p&gt;", "&lt;b&gt; <p>"},
    {"what is none stays", "a & b &c &unknown; &#; &#x; &;", "a & b &c &unknown; &#; &#x; &;"},
    {"numbers that are no character", "&#xD800;&#1114112;&#99999999999999999999;",
     "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    {"control characters",
     "a&#0;b&#10;&#13;c\x01"
     "d",
     "a b c d"},
    {"a link", "see <a href=\"https://x.fr/a?b=1&amp;c=2\">here</a>.",
     "see here (https://x.fr/a?b=1&c=2)."},
    {"a link whose text says it", "<a href='https://x.fr/'>https://x.fr/</a>", "https://x.fr/"},
    {"a link without text", "<a href=https://x.fr/><img src=y></a> z", "https://x.fr/ z"},
    {"a mail address", "<a href=\"mailto:a@b.fr\">a@b.fr</a> <a href=\"mailto:c@d.fr\">C</a>",
     "a@b.fr C (c@d.fr)"},
    {"links that are of no use",
     "<a href=\"#top\">a</a><a href=\"javascript:x()\">b</a>"
     "<a name=x>c</a><a data-href=\"https://x.fr\">d</a>",
     "abcd"},
    {"a link that is not closed", "<a href=\"https://x.fr\">a", "a (https://x.fr)"},
    {"a picture", "<img src=\"x.png\" alt=\"L&eacute;a\"> <img src=y>",
     "L\xC3\xA9"
     "a"},
    {"a tag that does not end", "a<b", "a"},
    {"a quote that does not end", "a<b c=\"> d", "a"},
    {"a comment that does not end", "a<!-- b", "a"},
    {"a style that does not end", "a<style>b", "a"},
    {"a less-than sign", "1 < 2 <3 <", "1 < 2 <3 <"},
    {"doctype and instruction", "<!DOCTYPE html><?xml version=\"1.0\"?>a", "a"},
    {"UTF-8", "<p>Zo\xC3\xA9 \xF0\x9F\x98\x80</p>", "Zo\xC3\xA9 \xF0\x9F\x98\x80"},
};

/* No input makes it read or write elsewhere (this test runs under sanitizers, too), or grow. */
static void random_pieces(void)
{
    static const char *const pieces[] = {
        "<",    ">",       "&",     "\"",      "'",        "<a href=", "</a>", "<p>",
        "<li>", "&#",      ";",     "x",       "http:",    "//",       "<!--", "-->",
        "/",    "<style>", "</",    "&lt;",    "\xC3\xA9", "<br>",     " ",    "<img alt=",
        "=",    "<a ",     " href", "&#xffff", "\n",       "mailto:"};
    int bad = 0, round, i;

    srand(20260303);
    for (round = 0; round < 50000; round++) {
        const char *html = "";

        for (i = rand() % 20; i > 0; i--) {
            html = apr_pstrcat(pool, html, pieces[rand() % (int)(sizeof(pieces) / sizeof(char *))],
                               NULL);
        }
        /* In a block of its own size, so that a sanitizer sees the end. */
        char *exact = strdup(html);
        bad += strlen(outbound_html_text(exact, pool)) > strlen(html) + 16;
        free(exact);
        if (round % 100 == 0) {
            apr_pool_clear(pool);
        }
    }
    is_number(bad, 0, "50,000 random pages");
}

int main(void)
{
    size_t i;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_text(outbound_html_text(cases[i].html, pool), cases[i].want, cases[i].name);
    }
    random_pieces();
    apr_pool_destroy(pool);
    return tap_done();
}
