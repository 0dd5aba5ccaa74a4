/*
 * How far two texts are from each other: the least number of letters to add, drop, change or swap
 * with their neighbour, to make one of the other (the "optimal string alignment" distance: no
 * letter is touched twice). Bytes are compared, so the texts should be letters of
 * crm_postal_letters(). Pure functions, usable by any thread.
 */
#ifndef CRM_SIMILAR_H
#define CRM_SIMILAR_H

/* Only so many bytes of each text are looked at; names and streets are shorter. */
#define CRM_SIMILAR_BYTES 128

/* The distance, or most + 1 when it is greater than `most` (which may be 0). Symmetric. */
int crm_similar_distance(const char *a, const char *b, int most);

/* 1000 for equal texts (two empty ones too), 0 when nothing agrees: 1000 less the distance's part
 * of the longer text. Symmetric. */
int crm_similar_per_mille(const char *a, const char *b);

#endif
