/*
 * How a French name sounds, as a short key: names that are said alike have equal keys, however
 * they are spelt. Pure functions, usable by any thread. A key is for comparing and for finding,
 * never for showing, and it is no proof: two sounds agree more often than two people do.
 *
 * The rules are our own; the idea (drop what is silent, write what is left by its sound) is that
 * of the published keys for French, such as Soundex FR and Phonex. What they do, in plain words:
 *   - Accents, capitals, blanks, hyphens and apostrophes do not count: LEA = LÉA, JEAN-PIERRE =
 *     JEAN PIERRE = JEANPIERRE, D'ARTAGNAN = DARTAGNAN. Particles are kept, as letters of the
 *     name.
 *   - Letters that are silent at the end fall away: DUPONT = DUPOND = DUPONS, MARCHAND = MARCHANT,
 *     SCHMIDT = SCHMITT, LEROUX = LEROU, a final E, ER, EZ: GAUTHIER = GAUTIER.
 *   - Double letters count once: MATTHIEU = MATHIEU. H is silent; PH is F, QU and CH before R or L
 *     are K, C before E, I, Y is S, G before them is J, S between vowels is Z.
 *   - Vowels stay, because first names differ by them (CAROLINE, CORALINE): AU, EAU = O;
 *     AI, EI, EY = E; Y = I; OI = WA; AN, EN = one nasal; IN, AIN, UN = one; ON = one.
 *   - Spellings that history has left: LEFEBVRE = LEFEVRE, DUCHESNE = DUCHENE, BAPTISTE = BATISTE,
 *     LECOMTE = LECONTE, REGNAULT = RENAUD.
 *
 * Keys are written in A-Z and 1-4, where 1 is IN, 2 AN, 3 ON, 4 EU, C is CH, W is OU and Y is GN.
 * Keys that are kept anywhere must be made again when the table in sound.c changes.
 */
#ifndef CRM_SOUND_H
#define CRM_SOUND_H

#include <apr_pools.h>

/* The key of a word or of a whole name, its words taken as one. Any bytes are taken, NULL too; ""
 * when there are no letters. The first 100 letters count. In `pool`. */
const char *crm_sound(const char *text, apr_pool_t *pool);

/* The keys of the words of a name, each for itself, in the order of the alphabet and with a blank
 * between: equal for "Garcia Lopez" and "Lopez Garcia". Words without letters are left out; the
 * first 20 of the others count. */
const char *crm_sound_parts(const char *text, apr_pool_t *pool);

#endif
