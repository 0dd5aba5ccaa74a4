/*
 * Finding or making a person and writing what a message says. The order of the steps matters: it is
 * the order in which rows are locked on a database with several writers.
 *   1. take the identifier: messages about one person follow each other
 *   2. look the match keys up, before the search (match.h)
 *   3. find the contact by identifier, mail address, mobile number
 *   4. lock it, write its columns, tie the identifier to it
 *   5. write the address
 *   6. claim the match keys, and take over the events that were waiting for somebody
 *   7. flag the contact when the source has deleted it before
 */
#include "crm/person.h"

#include "crm/db_private.h"
#include "crm/event.h"
#include "crm/identifier.h"
#include "crm/match.h"

#define CHANGED "the contact that was found has changed at the same moment"

typedef struct found_t {
    crm_match_t email;
    crm_match_t phone;
    int contact_id;             /* 0 = a new person */
    int tied;                   /* the identifier is there */
    crm_identifier_rule_t rule; /* by which it was matched */
} found_t;

static const char *said(const crm_news_t *news)
{
    return news->said ? news->values[0] : NULL;
}

/* Steps 2 and 3. */
static apr_status_t find(found_t *found, crm_db_t *db, const crm_person_t *person, apr_pool_t *pool)
{
    apr_status_t rv = crm_match_look(&found->email, db, CRM_POINT_EMAIL,
                                     said(&person->address[CRM_ADDRESS_EMAIL]), pool);

    if (rv == APR_SUCCESS) {
        rv = crm_match_look(&found->phone, db, CRM_POINT_PHONE,
                            said(&person->address[CRM_ADDRESS_MOBILE_PHONE]), pool);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_identifier_find(&found->contact_id, db, person->source_id, person->identifier,
                                 pool);
        found->tied = found->contact_id != 0;
    }
    if (rv == APR_SUCCESS && !found->contact_id) {
        found->rule = person->unnamed ? CRM_IDENTIFIER_ANY : CRM_IDENTIFIER_NAMED;
        rv = crm_match_find(&found->contact_id, db, &found->email, person->source_id, found->rule,
                            pool);
    }
    if (rv == APR_SUCCESS && !found->contact_id) {
        found->rule =
            person->unnamed && !found->email.value ? CRM_IDENTIFIER_ANY : CRM_IDENTIFIER_OTHER;
        rv = crm_match_find(&found->contact_id, db, &found->phone, person->source_id, found->rule,
                            pool);
    }
    return rv;
}

/* Reads and locks the contact that was found. A match made before the lock may be out of date. */
static apr_status_t load(crm_contact_t *contact, crm_db_t *db, const found_t *found, int source_id,
                         apr_pool_t *pool)
{
    apr_status_t rv;
    int refuses = 0;

    if (!found->contact_id) {
        *contact = (crm_contact_t){.id = 0};
        return APR_SUCCESS;
    }
    rv = crm_contact_load(contact, db, found->contact_id, pool);
    if (APR_STATUS_IS_ENOENT(rv)) {
        if (!found->tied) {
            crm_db_note(db, CHANGED);
            return CRM360_ECONFLICT;
        }
        /* Some other program has removed the row without looking at foreign keys. */
        crm_db_note(db, "the identifier belongs to a contact that does not exist");
        return CRM360_EDATA;
    }
    if (rv != APR_SUCCESS || found->tied) {
        return rv;
    }
    rv = crm_identifier_refuses(&refuses, db, contact->id, source_id, found->rule, pool);
    if (rv == APR_SUCCESS && (refuses || contact->deleted)) {
        crm_db_note(db, CHANGED);
        return CRM360_ECONFLICT;
    }
    return rv;
}

/* Flags a contact that has no living identifier left. The caller has locked it. */
static apr_status_t flag_if_gone(crm_db_t *db, int contact_id, apr_pool_t *pool)
{
    int live = 0;
    apr_status_t rv = crm_identifier_live(&live, db, contact_id, pool);

    return rv == APR_SUCCESS && live == 0 ? crm_contact_flag(db, contact_id, pool) : rv;
}

/* Steps 4 to 6. */
static apr_status_t write_person(crm_contact_t *contact, crm_db_t *db, const found_t *found,
                                 const crm_person_t *person, const char *writer, apr_pool_t *pool)
{
    apr_status_t rv = crm_contact_apply(contact, db, person->contact, writer, pool);
    int created = !found->contact_id;

    if (rv == APR_SUCCESS && !found->tied) {
        rv = crm_identifier_add(db, person->source_id, person->identifier, contact->id, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_address_apply(db, contact->id, person->brand_id, person->contact_address_type_id,
                               person->address, writer, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_match_claim(db, &found->email, contact->id, created, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_match_claim(db, &found->phone, contact->id, created, pool);
    }
    if (rv == APR_SUCCESS && found->email.value) {
        rv = crm_event_adopt(db, CRM_POINT_EMAIL, found->email.value, contact->id, pool);
    }
    if (rv == APR_SUCCESS && found->phone.value) {
        rv = crm_event_adopt(db, CRM_POINT_PHONE, found->phone.value, contact->id, pool);
    }
    return rv;
}

int crm_person_identify(crm_person_t *person, apr_pool_t *pool)
{
    const char *email = said(&person->address[CRM_ADDRESS_EMAIL]);
    const char *phone = said(&person->address[CRM_ADDRESS_MOBILE_PHONE]);

    person->unnamed = 1;
    if (email) {
        person->identifier = crm_match_key(CRM_POINT_EMAIL, email, pool);
    }
    else if (phone) {
        person->identifier = crm_match_key(CRM_POINT_PHONE, phone, pool);
    }
    return email || phone;
}

apr_status_t crm_person_save(int *contact_id, crm_db_t *db, const crm_person_t *person,
                             apr_pool_t *pool)
{
    const char *writer = crm_identifier_key(person->source_id, person->identifier, pool);
    crm_contact_t contact;
    found_t found;
    apr_status_t rv;
    int deleted = 0;

    rv = crm_identifier_lock(&deleted, db, writer, pool);
    if (rv == APR_SUCCESS) {
        rv = find(&found, db, person, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = load(&contact, db, &found, person->source_id, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = write_person(&contact, db, &found, person, writer, pool);
    }
    if (rv == APR_SUCCESS && deleted) {
        rv = flag_if_gone(db, contact.id, pool);
    }
    if (rv == APR_SUCCESS && contact_id) {
        *contact_id = contact.id;
    }
    return rv;
}

apr_status_t crm_person_delete(crm_db_t *db, int source_id, const char *identifier,
                               apr_pool_t *pool)
{
    const char *key = crm_identifier_key(source_id, identifier, pool);
    crm_contact_t contact;
    apr_status_t rv;
    int deleted = 0, contact_id = 0;

    rv = crm_identifier_lock(&deleted, db, key, pool);
    if (rv == APR_SUCCESS) {
        rv = crm_identifier_bury(db, key, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_identifier_find(&contact_id, db, source_id, identifier, pool);
    }
    if (rv != APR_SUCCESS || !contact_id) {
        return rv;
    }
    rv = crm_contact_load(&contact, db, contact_id, pool);
    if (APR_STATUS_IS_ENOENT(rv)) {
        return APR_SUCCESS; /* removed by some other program: nothing is left to flag */
    }
    return rv == APR_SUCCESS ? flag_if_gone(db, contact_id, pool) : rv;
}
