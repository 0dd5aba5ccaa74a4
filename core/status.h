/*
 * The project's own apr_status_t values, beside APR's. Foreign error codes (hiredis, SQL) are
 * mapped to these once, at the edge where they arise.
 */
#ifndef CRM360_STATUS_H
#define CRM360_STATUS_H

#include <apr_errno.h>

/* Redis or the CRM database is out of reach, or did not answer in time. Trying again later is
 * right; no attempt of a message is spent on it. */
#define CRM360_EAWAY (APR_OS_START_USERERR + 3601)
/* The server is there and refuses for now: out of memory, loading, read-only, failing disk. */
#define CRM360_EREFUSED (APR_OS_START_USERERR + 3602)
/* The server answered something that the protocol or contract does not allow. */
#define CRM360_EPROTOCOL (APR_OS_START_USERERR + 3603)
/* The lease was lost: somebody else owns the message now. */
#define CRM360_ELEASE (APR_OS_START_USERERR + 3604)
/* A unique key or a serialisation conflict with a parallel transaction: run the transaction
 * again. */
#define CRM360_ECONFLICT (APR_OS_START_USERERR + 3605)
/* The database has no schema, or an older or newer one than this program knows. */
#define CRM360_ESCHEMA (APR_OS_START_USERERR + 3606)
/* The data itself cannot be stored (too long, constraint): repeating changes nothing. */
#define CRM360_EDATA (APR_OS_START_USERERR + 3607)
/* The configuration is wrong; the text beside the status says where. */
#define CRM360_ECONFIG (APR_OS_START_USERERR + 3608)

/* An Idempotency-Key came again with another content. */
#define CRM360_EREUSED (APR_OS_START_USERERR + 3609)
/* Redis does not keep messages as safe as was demanded. */
#define CRM360_EUNSAFE (APR_OS_START_USERERR + 3610)
/* As much waits in the database as its section allows. */
#define CRM360_EFULL (APR_OS_START_USERERR + 3611)

/* Text of one of the values above or of any APR status, in `buffer`, which is returned. */
const char *crm360_status_text(apr_status_t rv, char *buffer, apr_size_t size);

#endif
