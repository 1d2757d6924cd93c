#include "support/input.hpp"

namespace sarai::fuzz {

std::uint8_t Input::byte() {
    if (rest_.empty()) return 0;
    const auto first = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return first;
}

std::string_view Input::line() {
    const auto end = rest_.find('\n');
    const auto taken = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return taken;
}

Stream cut(Input input) {
    std::vector<std::size_t> lengths(input.byte() % 16U);
    for (auto& length : lengths) {
        const auto given = input.byte();
        length = given == 0 ? 256 : given;
    }
    Stream stream{.bytes = input.rest(), .pieces = {}};
    auto left = stream.bytes;
    for (std::size_t i = 0; !left.empty(); ++i) {
        const auto piece = lengths.empty() ? left : left.substr(0, lengths[i % lengths.size()]);
        stream.pieces.push_back(piece);
        left.remove_prefix(piece.size());
    }
    return stream;
}

std::vector<std::string_view> whole(const Stream& stream) {
    return stream.bytes.empty() ? std::vector<std::string_view>{} : std::vector{stream.bytes};
}

std::vector<std::string_view> bytewise(const Stream& stream) {
    std::vector<std::string_view> pieces;
    for (std::size_t i = 0; i < stream.bytes.size(); ++i) pieces.push_back(stream.bytes.substr(i, 1));
    return pieces;
}

}  // namespace sarai::fuzz
