/* A row in work: what a state leads to while others are taken out of it. */
#ifndef FG_WORK_H
#define FG_WORK_H

#include "factors.h"

enum { FOUR = 4 }; /* so many stored rows are added at once, so that a row in work is read and written once for them */

typedef struct {
    double *wm, *we; /* by position; 0 and NOTHING in an empty row */
    word *set;       /* where they may not be zero */
    int32_t *gone;   /* the states that were taken out of it, and what went to them */
    double *lm, *le;
    int64_t below;   /* how many those are */
    int plain;       /* whether doubles are enough; then exponents are not kept */
} work_row;

/* From doubles to numbers of any size. */
void scale(const factors *f, work_row *row);

/* Takes state k out of a row in work: what went to k goes on as k does. */
void pass_on(factors *f, work_row *row, int64_t k);

/* The same for states k .. k + 3, of which each has one run. */
void pass_on_four(factors *f, work_row *row, int64_t k);

#endif
