/*
 * What is said about the API as a whole, in the page and in the OpenAPI document alike. Plain text
 * without marks of either: it is escaped where it is used.
 */
#include "core/api_doc.h"

#include <stddef.h>

#include "core/cloudevent.h"

const crm360_api_chapter_t crm360_api_chapters[] = {
    {"What happens to a webhook",
     "A request is stored whole, with its URI, its header fields and its body, and answered as "
     "soon as it is stored. It is processed afterwards: success means that it was taken, not that "
     "it was processed. Names in the path and of query parameters ignore case. Parameters that are "
     "not listed here are kept for the platform's own use."},
    {"Receipts",
     "Success is 200 with a receipt in JSON. MessageId: by what the message is found again, in "
     "logs and in the database. VisibleAt: when it may be worked on. Durability: how safely it is "
     "stored; memory (in the memory of the queue), fsync (on the queue's disk) or spool (on "
     "another disk, while the queue is out of reach). Duplicate: whether the request came before. "
     "A platform that waits for the text OK gets that instead."},
    {"Two processes",
     "QueueProcess has the request processed. EmailProcess, with the same five values behind it, "
     "only mails its content to the address in Email; BatchMode and secondsOfInvisibility have no "
     "meaning there."},
    {"Methods",
     "Every route takes POST and GET, as its platform sends it. OPTIONS is answered with 204 and "
     "the list in Allow; any other method is refused."},
    {"Repeated requests",
     "A request that comes again is stored once: the answer then has the MessageId of the first "
     "one, and Duplicate is true. What tells that a request came before stands with each route; "
     "settings may say otherwise. On every route a header field Idempotency-Key (1 to 255 visible "
     "characters, or such a text in quotes) may tell it instead; the same key with another content "
     "is refused with 422."},
    {"CloudEvents",
     "A request may be a CloudEvent 1.0, in binary mode (header fields ce-specversion, ce-id, "
     "ce-source and ce-type, the data as the body) or in structured mode "
     "(Content-Type " CRM360_EVENT_TYPE
     "). Its data is processed as if it had come alone; the route is that of the URL, whatever the "
     "type says. The same source and id are the same event, and stored once. A missing or wrong "
     "attribute is refused with 400, a batch or another format with 415. OPTIONS with "
     "WebHook-Request-Origin is answered with WebHook-Allowed-Origin and WebHook-Allowed-Rate "
     "(requests a minute, or *)."},
    {"Trace context",
     "A header field traceparent (W3C Trace Context) is stored with the message and passed on, "
     "with tracestate, to the providers that are called because of it. One that is not well formed "
     "is dropped, and the request is taken all the same."},
    {"Limits",
     "Whoever runs this server limits the size of the body (413), of the header fields (431), how "
     "many parameters a query has (400), how many requests of a platform a database takes in a "
     "time (429), and how much of a database may wait (503). After 429 and 503 the same request "
     "is sent again, no sooner than Retry-After says. Bodies with a Content-Encoding are refused "
     "with 415 where the server does not decode it."},
    {"Proof of origin",
     "Whoever runs this server decides for each database and platform how a caller proves who it "
     "is: by the signature that the platform puts into its header fields (Shopify, Zendesk, "
     "Tabology, Standard Webhooks or another HMAC), by Basic authentication, by a token (in the "
     "header field X-Crm360Api-Token, as a Bearer token, or in the query parameter token), or by "
     "the network it calls from. A database may also ask for no proof at all. A request without "
     "the proof is refused with 401. Neither page nor examples can know which: ask for the secret, "
     "and add what it needs."},
    {NULL, NULL},
};
