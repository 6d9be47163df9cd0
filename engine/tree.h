/* Windows laid out in blocks of LANES nodes.
 *
 * As a tree every distinct prefix is one node, computed once: a causal model's activations at a position depend on the
 * tokens up to it alone. Nodes are numbered level by level, so an ancestor has a smaller number than its descendants.
 *
 * As sequences every window has blocks of its own, one position after the other: for long windows, which share next to
 * nothing, and whose paths would fill the memory.
 *
 * The last block of a tree, and of every sequence, is filled up with lanes that stand for nothing and receive no gradient.
 */
#ifndef FG_TREE_H
#define FG_TREE_H

#include "engine.h"
#include "vec.h"

enum { LONGEST_PATH = 64 }; /* of a tree */

/* How the ancestors at one depth lie, of all lanes that have one: all are the node `place`; each is the lane's own node;
 * they are among the HALF nodes from `place` on; in the block `place` and the next; or anywhere. */
enum { SHARED, OWN, NARROW, NEAR, FAR };

typedef struct {
    int64_t n, n_blocks;
    int64_t first_leaf;   /* of a range: leaves, the nodes of depth length - 1, are numbered from here to n */
    int32_t length;
    int32_t sequences;    /* whether these are sequences */
    int32_t *token;       /* [n_blocks * LANES] */
    int32_t *depth;       /* [n_blocks * LANES]: 0 for the first token of a window */
    int32_t *first;       /* [n_blocks] of sequences: the block in which the window of this one begins */
    int32_t *path;        /* [n_blocks][length][LANES]: the node's ancestor at each depth, itself at its own and below */
    int32_t *kind, *place;/* [n_blocks][length]: how the ancestors of a block's lanes lie, and where */
    int32_t *parent;      /* [capacity] */
    int32_t *child, *sibling; /* [capacity]: scratch of tree_of_windows */
} tree;

/* Places the arrays of a tree of at most `capacity` nodes at *memory and moves *memory behind them. */
void tree_place(tree *t, int32_t length, int64_t capacity, char **memory);

/* The most nodes that `count` windows, or `count` consecutive ids, can have. */
int64_t tree_capacity_windows(int64_t count, int32_t length);
int64_t tree_capacity_range(int64_t count, int32_t length);

/* All contexts with ids first .. first + count - 1, of at most LONGEST_PATH tokens; leaf number k belongs to id first + k. */
void tree_of_range(tree *t, int32_t vocab_size, int64_t first, int64_t count);

/* The windows tokens[starts[w]] ..., or tokens[w * length] ... where starts is NULL, each of lengths[w] tokens, or of
 * length where that is NULL. nodes [length][count] receives the node of every position of every window. */
void tree_of_windows(tree *t, const int32_t *tokens, const int64_t *starts, const int32_t *lengths, int64_t count,
                     int32_t *nodes);

#endif
