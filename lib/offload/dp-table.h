/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_TABLE_H
#define DP_TABLE_H 1

/* dp-table: columns of text
 * =========================
 *
 * Job.  Prints rows so that columns are as wide as their longest cell: numbers
 * to the right, all else to the left.  The first row is the heading.
 *
 * Owns.  Copies of the cells.
 *
 * Thread-safety.  One thread for each table. */

#include <stddef.h>
#include "openvswitch/compiler.h"
#include "svec.h"

struct ds;

struct dp_table {
    size_t n_columns;
    struct svec cells;
};

void dp_table_init(struct dp_table *table, size_t n_columns);
void dp_table_uninit(struct dp_table *table);

/* Appends the next cell; the row is full after 'n_columns' of them. */
void dp_table_add(struct dp_table *table, const char *format, ...)
    OVS_PRINTF_FORMAT(2, 3);

/* Appends all rows to 'ds', each after 'indent' spaces. */
void dp_table_format(const struct dp_table *table, int indent, struct ds *ds);

#endif /* dp-table.h */
