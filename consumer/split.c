/*
 * Reads the message once more, checks its body to the end, and hands its elements to the queue,
 * some at a time. Must never hold more than the body and the elements of one call, and never queue
 * an element of a body that is not whole.
 */
#include "consumer/split.h"

#include <apr_strings.h>

#include "core/cloudevent.h"
#include "core/elements.h"
#include "core/mail_copy.h"
#include "core/message_element.h"

/* Elements that are looked at between two signs of life. */
#define CHECK_EVERY 1000

/* One split on its way. */
typedef struct work_t {
    consumer_split_t *split;
    crm360_elements_kind_t kind;
    const crm360_message_t *message;
    crm360_element_head_t head;
    crm360_elements_t *elements;
    crm360_blob_t held; /* an element that was read and had no room in the last call; NULL = none */
    int next;           /* number of the element that the queue wants */
    apr_pool_t *pool;
} work_t;

static const char *content_type(const crm360_message_t *message)
{
    return crm360_message_header(message, "Content-Type");
}

int consumer_split_wanted(const crm360_message_t *message)
{
    return message->batch_mode && !crm360_message_is_element(message) &&
           !crm360_id_is_mail(message->id) &&
           crm360_elements_kind(content_type(message), message->body, message->body_len) !=
               CRM360_ELEMENTS_NONE;
}

static apr_status_t give_up(work_t *work, const char *why)
{
    work->split->why = why;
    return APR_EINVAL;
}

/* Fetches and reads the message. */
static apr_status_t read_message(work_t *work)
{
    consumer_split_t *split = work->split;
    crm360_message_t *message, whole;
    crm360_blob_t *blob;
    const char *why;
    apr_status_t rv;
    int fetched;

    rv = crm360_queue_fetch(&blob, &fetched, split->queue, split->keys, &split->id, NULL, 1, 0,
                            work->pool);
    if (rv != APR_SUCCESS) {
        split->why = "its stored message cannot be fetched";
        return rv;
    }
    if (!blob->data) {
        return give_up(work, "its stored message is missing");
    }
    if (crm360_message_parse(&message, &why, blob->data, blob->len, work->pool) != APR_SUCCESS) {
        return give_up(work, why);
    }
    work->message = message;
    whole = *message;
    if (crm360_cloudevent_unwrap(message, &why, work->pool) != APR_SUCCESS) {
        return give_up(work, why);
    }
    work->kind = crm360_elements_kind(content_type(message), message->body, message->body_len);
    if (work->kind == CRM360_ELEMENTS_NONE) {
        return give_up(work, "its body has no elements any more");
    }
    crm360_element_head(&work->head, &whole, blob->data,
                        message->body == whole.body ? NULL : content_type(message), work->pool);
    return APR_SUCCESS;
}

static crm360_elements_t *begin_elements(const work_t *work)
{
    return crm360_elements_make(work->kind, work->message->body, work->message->body_len,
                                work->pool);
}

/* Steps over the next element; says every now and then that the worker is alive. */
static apr_status_t step(work_t *work, int number, crm360_blob_t *element)
{
    apr_status_t rv = APR_SUCCESS;

    if (number % CHECK_EVERY == 0) {
        rv = work->split->go_on(work->split->baton);
    }
    return rv == APR_SUCCESS ? crm360_elements_next(&element->data, &element->len, work->elements)
                             : rv;
}

/* Reads the whole body, and counts. */
static apr_status_t check_body(work_t *work)
{
    consumer_split_t *split = work->split;
    crm360_blob_t element;
    apr_status_t rv;

    work->elements = begin_elements(work);
    split->total = 0;
    while ((rv = step(work, split->total, &element)) == APR_SUCCESS) {
        split->total++;
    }
    if (rv == APR_EINVAL) {
        return give_up(work, apr_pstrcat(work->pool,
                                         work->kind == CRM360_ELEMENTS_ARRAY
                                             ? "its body is no whole JSON array: "
                                             : "its body is not newline-delimited JSON: ",
                                         crm360_elements_why(work->elements, work->pool), NULL));
    }
    return APR_STATUS_IS_EOF(rv) ? APR_SUCCESS : rv;
}

/* Takes as many elements as one call may have. `messages` has room for CRM360_CLAIM_MOST. */
static apr_status_t take_elements(crm360_split_t *call, crm360_blob_t *messages, work_t *work,
                                  apr_pool_t *pool)
{
    apr_size_t bytes = 0;

    call->first = work->next;
    call->messages = messages;
    call->count = 0;
    while (call->count < CRM360_CLAIM_MOST && call->first + call->count <= work->split->total) {
        crm360_blob_t *message = &messages[call->count];
        int number = call->first + call->count;

        if (!work->held.data) {
            apr_status_t rv = step(work, number, &work->held);

            if (rv != APR_SUCCESS) {
                return rv;
            }
        }
        if (call->count > 0 &&
            bytes + work->held.len + work->head.fields_len > CRM360_SPLIT_BYTES) {
            break;
        }
        message->data = crm360_element_message(&message->len, &work->head, number, work->held.data,
                                               work->held.len, pool);
        bytes += message->len;
        work->held.data = NULL;
        call->count++;
    }
    call->last = call->first + call->count > work->split->total;
    return APR_SUCCESS;
}

/* One call. *done is set when the message has ended. */
static apr_status_t call_queue(int *done, work_t *work, crm360_split_t *call, apr_pool_t *pool)
{
    consumer_split_t *split = work->split;
    int asked = call->first == 0;
    int next;
    apr_status_t rv;

    call->token = split->token;
    call->id = split->id;
    rv = crm360_queue_split(&next, &split->why, split->queue, split->keys, split->lane, call, pool);
    if (rv != APR_SUCCESS) {
        split->why = apr_pstrdup(work->pool, split->why);
        return rv;
    }
    *done = next == 0;
    work->next = next;
    return asked || *done || next == call->first + call->count ? APR_SUCCESS : APR_EAGAIN;
}

/* Asks how far the queue is, and goes to the element that it wants. */
static apr_status_t find_place(int *done, work_t *work)
{
    crm360_split_t nothing = {.first = 0};
    crm360_blob_t element;
    apr_status_t rv = call_queue(done, work, &nothing, work->pool);
    int number;

    work->elements = begin_elements(work);
    for (number = 1; rv == APR_SUCCESS && number < work->next; number++) {
        rv = step(work, number, &element);
    }
    return APR_STATUS_IS_EOF(rv) ? give_up(work, "more elements are noted as queued than it has")
                                 : rv;
}

/* Takes elements and hands them over. */
static apr_status_t advance(int *done, work_t *work, apr_pool_t *pool)
{
    crm360_blob_t messages[CRM360_CLAIM_MOST];
    crm360_split_t call;
    apr_status_t rv = work->split->go_on(work->split->baton);

    if (rv == APR_SUCCESS) {
        rv = take_elements(&call, messages, work, pool);
    }
    return rv == APR_SUCCESS ? call_queue(done, work, &call, pool) : rv;
}

apr_status_t consumer_split_run(consumer_split_t *split, apr_pool_t *pool)
{
    work_t work = {.split = split, .pool = pool};
    apr_pool_t *call_pool;
    apr_status_t rv;
    int done = 0;

    split->total = 0;
    split->why = "";
    rv = split->go_on(split->baton);
    if (rv == APR_SUCCESS) {
        rv = read_message(&work);
    }
    if (rv == APR_SUCCESS) {
        rv = check_body(&work);
    }
    if (rv == APR_SUCCESS) {
        rv = find_place(&done, &work);
    }
    apr_pool_create(&call_pool, pool);
    apr_pool_tag(call_pool, "crm360_split");
    while (rv == APR_SUCCESS && !done) {
        rv = advance(&done, &work, call_pool);
        apr_pool_clear(call_pool);
    }
    return rv;
}
