/*
 * What results usually say: dictionaries that store/pack.h packs against.
 *
 * Each is part of the format of what is kept and never changes. When results come to say other
 * things, the worth of packing falls, and a new dictionary gets a new number and a new kind there.
 */
#ifndef MK_STORE_DICTIONARY_H
#define MK_STORE_DICTIONARY_H

#include "base/slice.h"

struct slice store_dictionary_1(void); /* for deflate: of earlier builds */
struct slice store_dictionary_2(void); /* for LZ4 */

#endif
