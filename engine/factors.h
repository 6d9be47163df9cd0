/* A chain whose states have been taken out one after the other (eliminate.c): what is left of each. */
#ifndef FG_FACTORS_H
#define FG_FACTORS_H

#include "engine.h"
#include "numbers.h"
#include "sets.h"

#define ROUNDING 0x1p-53

enum { SMALL = -500, LARGE = 100 }; /* mantissas are from 2**SMALL to below 2**LARGE */
enum { ROWS = 8 }; /* so many are worked on at once, so that a row that is added to them is read from memory once */

/* Positions low .. end - 1. A row that is half full is one run, with zeros in it. */
typedef struct {
    int32_t low, end;
} run;

typedef struct {
    int64_t m, total; /* states to take out; all positions: then the ends, then the sum of gains */
    int32_t *place;   /* [n] position of a state, -1 for one that is never come to */
    int64_t *first;   /* [m + 1] where the arrows out of a state begin; they sum to one */
    double *um, *ue;  /* [entries] */
    int64_t *first_run; /* [m + 1] where the runs of a state begin */
    run *runs;        /* of positions, ascending, for which there are entries */
    uint8_t *plain;   /* [m] whether the exponents of a row are 0, but for those of zeros */
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

void factors_place(factors *f, const fg_graph *graph, int64_t m, int64_t ends, int64_t entries, char **memory);

/* Takes out all states in order. Returns the relative error that this may cause, infinite where a state is never left.
 * `ends` are the parts 0 .. ends - 1; without any, the last state is not taken out. `kept` says whether to keep what went
 * to those gone before. */
double factorise(factors *f, const fg_graph *graph, const int32_t *part, const int32_t *order, int64_t ends, int kept,
                 const double *gains, double rounding);

#endif
