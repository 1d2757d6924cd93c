// A matrix product as a node of a ggml graph, for floats: Debian's ggml is built without a fast one, and takes some
// times as long for its sums of one row by one column each.
#pragma once

#include <ggml.h>

namespace train_demo {

// As ggml_mul_mat: of a [k, m, …] and b [k, n, …] the sums [m, n, …] over k. Both may be views, transposed or permuted.
// Computes on one thread.
[[nodiscard]] ggml_tensor* product(ggml_context* context, ggml_tensor* a, ggml_tensor* b);

}  // namespace train_demo
