#include "protocols/vectors.hpp"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <string>

#include "protocols/base64.hpp"
#include "protocols/json.hpp"

namespace sarai::protocols {
namespace {

double number_of(const json::value& value) {
    const auto number = value.try_to_number<double>();
    return number ? *number : 0.0;
}

}  // namespace

json::value packed(const json::array& vector) {
    std::string bytes;
    bytes.reserve(vector.size() * 4);
    for (const auto& value : vector) {
        const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(number_of(value)));
        for (unsigned shift = 0; shift < 32; shift += 8) bytes += static_cast<char>((bits >> shift) & 0xFFU);
    }
    return json::value(encode_base64(bytes));
}

Result<void> shorten(json::object& list, std::int64_t dimensions, bool base64) {
    auto* data = list.if_contains("data");
    if (data == nullptr || !data->is_array()) return {};
    for (auto& entry : data->get_array()) {
        auto* object = entry.if_object();
        auto* embedding = object == nullptr ? nullptr : object->if_contains("embedding");
        if (embedding == nullptr || !embedding->is_array()) continue;
        auto& vector = embedding->get_array();
        if (std::cmp_less(vector.size(), dimensions))
            return fail_field("dimensions", fmt::format("'dimensions' is {}; expected at most {}, which the model has",
                                                        dimensions, vector.size()));
        vector.resize(static_cast<std::size_t>(dimensions));
        double squares = 0;
        for (const auto& value : vector) squares += number_of(value) * number_of(value);
        if (squares > 0)
            for (auto& value : vector) value = number_of(value) / std::sqrt(squares);
        if (base64) *embedding = packed(vector);
    }
    return {};
}

Result<std::vector<std::vector<float>>> read_vectors(const json::object& reply, std::size_t texts) {
    const auto* data = array_at(reply, "data");
    if (data == nullptr || data->size() != texts)
        return fail(Code::upstream, fmt::format("the embedding model answered {} texts with {} vectors", texts,
                                                data == nullptr ? 0 : data->size()));
    std::vector<std::vector<float>> vectors;
    for (const auto& entry : *data) {
        const auto* numbers = entry.is_object() ? array_at(entry.get_object(), "embedding") : nullptr;
        if (numbers == nullptr)
            return fail(Code::upstream, "the embedding model's answer has an entry without a vector");
        auto& vector = vectors.emplace_back();
        for (const auto& number : *numbers) {
            boost::system::error_code ec;
            vector.push_back(number.to_number<float>(ec));
            if (ec)
                return fail(Code::upstream, "the embedding model's answer has a vector of something else than numbers");
        }
    }
    return vectors;
}

}  // namespace sarai::protocols
