#include "product.hpp"

#include <gmock/gmock.h>

#include <array>

#include "parameters.hpp"
#include "router/cpu_backend.hpp"
#include "router/random.hpp"

namespace train_demo::product_test {
namespace {

// All ways a tensor may lie in memory, with sizes that fill no tile.
TEST(Product, IsThatOfGgml) {
    const auto backend = sarai::router::make_cpu_backend();
    ASSERT_TRUE(backend) << backend.error().message;
    constexpr std::int64_t k = 37, m = 45, n = 13, heads = 2, rows = 3;
    const Context context(ggml_init({.mem_size = 16U << 20U, .mem_buffer = nullptr, .no_alloc = false}));
    auto* c = context.get();
    sarai::router::Random random(5);
    const auto fresh = [&](std::array<std::int64_t, 4> size) {
        auto* made = ggml_new_tensor(c, GGML_TYPE_F32, 4, size.data());
        for (auto& value : numbers(made)) value = random.normal();
        return made;
    };
    const std::array as{fresh({k, m, heads, rows}), ggml_transpose(c, fresh({m, k, heads, rows})),
                        ggml_permute(c, fresh({k, heads, m, rows}), 0, 2, 1, 3)};
    const std::array bs{fresh({k, n, heads, rows}), ggml_transpose(c, fresh({n, k, heads, rows})),
                        ggml_permute(c, fresh({k, heads, n, rows}), 0, 2, 1, 3)};
    for (auto* a : as)
        for (auto* b : bs) {
            auto* ours = product(c, a, b);
            auto* theirs = ggml_mul_mat(c, ggml_cont(c, a), ggml_cont(c, b));
            auto* graph = ggml_new_graph(c);
            ggml_build_forward_expand(graph, ours);
            ggml_build_forward_expand(graph, theirs);
            ggml_backend_graph_compute(backend->get(), graph);
            ASSERT_EQ(ours->ne[0], m);
            for (std::size_t i = 0; i < numbers(ours).size(); ++i)
                ASSERT_NEAR(numbers(ours)[i], numbers(theirs)[i], 1e-4) << i;
        }
}

}  // namespace
}  // namespace train_demo::product_test
