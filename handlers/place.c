/* Parameters of the URI and defaults of the section (see place.h). Must never invent a number. */
#include "handlers/place.h"

static int id_or_default(int given, int otherwise)
{
    return given ? given : otherwise;
}

apr_status_t handler_place(crm_place_t *place, const crm360_message_t *message,
                           const handler_context_t *context, apr_pool_t *pool)
{
    const crm360_database_t *database = context->database;

    place->source_id = message->source_id;
    place->zone_id = id_or_default(message->zone_id, database->default_zone_id);
    place->brand_id = id_or_default(message->brand_id, database->default_brand_id);
    place->contact_address_type_id =
        id_or_default(message->contact_address_type_id, database->default_contact_address_type_id);
    return crm_place_check(context->db, place, message->id, pool);
}

void handler_place_person(crm_person_t *person, const crm_place_t *place, const char *version,
                          apr_pool_t *pool)
{
    person->source_id = place->source_id;
    person->brand_id = place->brand_id;
    person->contact_address_type_id = place->contact_address_type_id;
    crm_news_say_id(&person->contact[CRM_CONTACT_ZONE], version, place->zone_id, pool);
}
