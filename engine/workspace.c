/* How much scratch memory the kernels need. */
#include "space.h"

int64_t fg_workspace(const fg_config *config, int64_t batch) {
    train_space train;
    evaluate_space evaluate;
    inspect_space inspect;
    char *first = 0, *second = 0;
    train_place(&train, config, batch, &first); /* fg_train evaluates in what lies behind its own memory */
    evaluate_place(&evaluate, config, config->context_length, &first);
    inspect_place(&inspect, config, config->context_length, &second);
    return (int64_t)((uintptr_t)first > (uintptr_t)second ? (uintptr_t)first : (uintptr_t)second) + 64;
}
