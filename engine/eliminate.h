/* What elimination is made of: numbers of any size, and the factors that taking out states leaves. */
#ifndef FG_ELIMINATE_H
#define FG_ELIMINATE_H

#include "engine.h"
#include "memory.h"

#define BASE 0x1p1000
#define SMALL 0x1p-500 /* mantissas are from here, so that the product of two is a normal double */
#define LARGE 0x1p500  /* to below here */
#define ROUNDING 0x1p-53
#define NOTHING (-1e7) /* the exponent of zero */

enum { OPEN = -1 };

typedef uint64_t word; /* of a set, as bits */

typedef struct {
    double m, e;
} number; /* m * BASE**e */

static inline number normal(double m, double e) {
    if (m == 0) return (number){0, NOTHING};
    while (m >= LARGE) m *= 1 / BASE, e += 1;
    while (m < SMALL) m *= BASE, e -= 1;
    return (number){m, e};
}

static inline number times(number a, number b) { return normal(a.m * b.m, a.e + b.e); }

static inline number over(number a, number b) { return normal(a.m / b.m, a.e - b.e); }

/* How much of a number counts beside one whose exponent is larger by d: what is left out is below 2**-400 of the sum. */
static inline double beside(double d) { return d <= 0 ? 1 : d == 1 ? 1 / BASE : 0; }

static inline number plus(number a, number b) {
    double e = a.e > b.e ? a.e : b.e;
    return normal(a.m * beside(e - a.e) + b.m * beside(e - b.e), e);
}

/* As a double: at least the smallest normal one, at most the largest, which are then bounds. */
static inline double rounded(number a) {
    if (a.m == 0) return 0;
    if (a.e > 0) return a.e == 1 && a.m < 0x1p24 ? a.m * BASE : 0x1.fffffffffffffp1023;
    if (a.e < 0) return a.e == -1 && a.m > 0x1p-22 ? a.m * (1 / BASE) : 0x1p-1022;
    return a.m;
}

typedef struct {
    int64_t m, total; /* states to take out; all positions: then the ends, then the sum of gains */
    int32_t *place;   /* [n] position of a state, -1 for one that is never come to */
    int64_t *first;   /* [m + 1] where the arrows out of a state begin; they sum to one */
    int32_t *to;      /* [entries] ascending; a row that is half full has all positions between its ends */
    double *um, *ue;  /* [entries] */
    uint8_t *plain;   /* [m] whether all exponents of a row are 0 */
    int64_t *from;    /* [m + 1] where the arrows of a state to those gone before it begin */
    int32_t *gone;    /* [entries] */
    double *lm, *le;  /* [entries] */
    double *sm, *se;  /* [m] how likely a state is left for those after it */
    double *wm, *we;  /* [ROWS][total] the rows in work */
    word *set;        /* [ROWS][words(total)] where they may not be zero */
    int32_t *row_gone;       /* [ROWS][m] as in work_row */
    double *row_lm, *row_le; /* [ROWS][m] */
    int64_t *into;    /* [m] predecessors of a state when it is taken out */
    double *xm, *xe;  /* [m] a solution */
} factors;

/* Takes the arrays from memory, or counts how much that is. */
void factors_place(factors *f, const fg_graph *graph, int64_t m, int64_t ends, int64_t entries, char **memory);

/* Takes out all states in order. Returns the relative error that this may cause, infinite where a state is never left.
 * `ends` are the parts 0 .. ends - 1, none where the last state is not taken out; `kept` says that arrows to those gone
 * before are kept. */
double factorise(factors *f, const fg_graph *graph, const int32_t *part, const int32_t *order, int64_t ends, int kept,
                 const double *gains, double rounding);

#endif
