/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#include "rebalance-sim.h"

#include <errno.h>
#include <stdio.h>

#include "util.h"

#define WIDTH 720
#define HEIGHT 400
#define LEFT 50
#define TOP 40
#define RIGHT 150
#define BOTTOM 40

static const char *const colours[] = {
    "#d62728", "#ff7f0e", "#2ca02c", "#9467bd", "#8c564b", "#444444", "#1f77b4"
};

static double
x_of(size_t i, size_t n)
{
    return LEFT + (double) (WIDTH - LEFT - RIGHT) * i / MAX(n - 1, 1);
}

static double
y_of(double value)
{
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value);
}

static void
draw_axes(FILE *svg, size_t n)
{
    for (int i = 0; i <= 10; i += 2) {
        double y = y_of(i / 10.0);

        fprintf(svg, "<line x1='%d' y1='%.1f' x2='%d' y2='%.1f' "
                "stroke='#ddd'/>\n<text x='%d' y='%.1f' "
                "text-anchor='end'>%d%%</text>\n",
                LEFT, y, WIDTH - RIGHT, y, LEFT - 6, y + 4, i * 10);
    }
    for (size_t i = 0; i < n; i += MAX(n / 10, 1)) {
        fprintf(svg, "<text x='%.1f' y='%d' text-anchor='middle'>%"PRIuSIZE
                "</text>\n", x_of(i, n), HEIGHT - BOTTOM + 16, i);
    }
    fprintf(svg, "<text x='%d' y='%d' text-anchor='middle'>interval</text>\n",
            (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8);
}

int
sim_svg_write(const char *path, const char *title, const char *const names[],
              double *const lines[], size_t n_lines, size_t n)
{
    FILE *svg = fopen(path, "w");

    if (!svg) {
        return errno;
    }
    fprintf(svg, "<svg xmlns='http://www.w3.org/2000/svg' width='%d' "
            "height='%d' font-family='sans-serif' font-size='12'>\n"
            "<rect width='100%%' height='100%%' fill='white'/>\n"
            "<text x='%d' y='20' font-size='14'>%s</text>\n",
            WIDTH, HEIGHT, LEFT, title);
    draw_axes(svg, n);
    for (size_t i = 0; i < n_lines; i++) {
        const char *colour = colours[i % ARRAY_SIZE(colours)];
        int y = TOP + 18 * i;

        fprintf(svg, "<polyline fill='none' stroke='%s' stroke-width='1.5' "
                "points='", colour);
        for (size_t j = 0; j < n; j++) {
            if (lines[i][j] >= 0) {
                fprintf(svg, "%.1f,%.1f ", x_of(j, n), y_of(lines[i][j]));
            }
        }
        fprintf(svg, "'/>\n<line x1='%d' y1='%d' x2='%d' y2='%d' stroke='%s' "
                "stroke-width='3'/>\n<text x='%d' y='%d'>%s</text>\n",
                WIDTH - RIGHT + 12, y, WIDTH - RIGHT + 32, y, colour,
                WIDTH - RIGHT + 38, y + 4, names[i]);
    }
    fprintf(svg, "</svg>\n");
    return fclose(svg) ? errno : 0;
}
