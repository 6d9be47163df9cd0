/* How each kernel divides its workspace, so that fg_workspace can add them up. */
#ifndef FG_SPACE_H
#define FG_SPACE_H

#include "model.h"

typedef struct {
    int64_t group; /* windows that are worked through at once */
    tree tree;
    tape tape;
    backward_space back;
    int32_t *nodes;  /* [context_length][group] */
    uint8_t *wanted; /* [blocks]: those that have targets */
    vf *targets;     /* [blocks][V] */
    float *gradient; /* [n_params + LANES] */
    float *total;    /* the same, of all parts so far */
} train_space;

void train_place(train_space *s, const fg_config *config, int64_t batch, char **memory);

typedef struct {
    int64_t group; /* states that are computed at once */
    tree tree;
    tape tape;
    int32_t *nodes;  /* [length][group] */
    uint8_t *wanted; /* [blocks]: those with leaves */
    vf *h, *logits;  /* C + 2; V */
} evaluate_space;

void evaluate_place(evaluate_space *s, const fg_config *config, int32_t length, char **memory);

typedef struct {
    int64_t group; /* contexts that are looked into at once */
    tree tree;
    tape tape;
    int32_t *nodes; /* [length][group] */
    vf *h, *logits; /* C + 2; V */
} inspect_space;

void inspect_place(inspect_space *s, const fg_config *config, int32_t length, char **memory);

#endif
