#include "router/shape.hpp"

#include <fmt/format.h>

namespace sarai::router {

Shape shape_of(Size size) {
    if (size == Size::mini) return {.rows = 96 * 1024, .width = 32, .state = 64, .hidden = 64, .cycles = 2, .steps = 1};
    return {};
}

Result<void> check(const Shape& shape) {
    const auto wrong = [](std::string_view name, int value, std::string_view expected) {
        return fail(Code::corrupt_file, fmt::format("sarai-trm.{} is {}, expected {}", name, value, expected));
    };
    if (shape.rows < 64 || shape.rows > 1 << 20 || shape.rows % 32 != 0)
        return wrong("rows", shape.rows, "a multiple of 32 from 64 to 1048576");
    const auto block = [](int value) { return value >= 32 && value <= 1024 && value % 32 == 0; };
    for (const auto& [name, value] :
         {std::pair{"width", shape.width}, {"state", shape.state}, {"hidden", shape.hidden}})
        if (!block(value)) return wrong(name, value, "a multiple of 32 from 32 to 1024");
    for (const auto& [name, value] : {std::pair{"cycles", shape.cycles}, {"steps", shape.steps}})
        if (value < 1 || value > 16) return wrong(name, value, "1 to 16");
    return {};
}

std::vector<TensorShape> network_tensors(const Shape& shape) {
    const std::int64_t pooled = static_cast<std::int64_t>(slot_count) * shape.width;
    std::vector<TensorShape> tensors{{"input.weight", pooled, shape.state},
                                     {"input.bias", shape.state},
                                     {"start.y", shape.state},
                                     {"start.z", shape.state}};
    for (int layer = 0; layer < layer_count; ++layer) {
        tensors.push_back({fmt::format("layer.{}.gate", layer), shape.state, shape.hidden});
        tensors.push_back({fmt::format("layer.{}.up", layer), shape.state, shape.hidden});
        tensors.push_back({fmt::format("layer.{}.down", layer), shape.hidden, shape.state});
    }
    tensors.push_back({"head.weight", shape.state, static_cast<std::int64_t>(2) * head_count});
    tensors.push_back({"head.bias", static_cast<std::int64_t>(2) * head_count});
    return tensors;
}

std::int64_t parameter_count(const Shape& shape) {
    std::int64_t count = static_cast<std::int64_t>(shape.rows) * (shape.width + 1 + std::ssize(all_labels));
    for (const auto& tensor : network_tensors(shape)) count += tensor.count();
    return count;
}

}  // namespace sarai::router
