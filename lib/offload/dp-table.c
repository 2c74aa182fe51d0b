/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "offload/dp-table.h"

#include <stdarg.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

void
dp_table_init(struct dp_table *table, size_t n_columns)
{
    table->n_columns = n_columns;
    svec_init(&table->cells);
}

void
dp_table_uninit(struct dp_table *table)
{
    svec_destroy(&table->cells);
}

void
dp_table_add(struct dp_table *table, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    svec_add_nocopy(&table->cells, xvasprintf(format, args));
    va_end(args);
}

/* Is 'column' one of numbers?  "-" stands for one that is not known. */
static bool
dp_table_is_numeric(const struct dp_table *table, size_t column)
{
    for (size_t i = table->n_columns + column; i < table->cells.n;
         i += table->n_columns) {
        const char *cell = table->cells.names[i];

        if (strcmp(cell, "-") && cell[strspn(cell, "0123456789.%")]) {
            return false;
        }
    }
    return true;
}

void
dp_table_format(const struct dp_table *table, int indent, struct ds *ds)
{
    size_t n = table->n_columns;
    int *widths = xcalloc(n, sizeof *widths);

    for (size_t i = 0; i < table->cells.n; i++) {
        int width = strlen(table->cells.names[i]);

        widths[i % n] = MAX(widths[i % n], width);
    }
    for (size_t i = 0; i < table->cells.n; i++) {
        const char *cell = table->cells.names[i];

        if (!(i % n)) {
            ds_put_char_multiple(ds, ' ', indent);
        }
        if (dp_table_is_numeric(table, i % n)) {
            ds_put_format(ds, "%*s", widths[i % n], cell);
        } else {
            ds_put_format(ds, "%-*s", widths[i % n], cell);
        }
        if (i % n + 1 < n) {
            ds_put_cstr(ds, "  ");
        } else {
            while (ds_chomp(ds, ' ')) {
                continue;
            }
            ds_put_char(ds, '\n');
        }
    }
    free(widths);
}
