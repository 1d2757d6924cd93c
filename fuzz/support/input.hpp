// An input's bytes as a target reads them: some that steer, then the text itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sarai::fuzz {

class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

    // 0 at the end.
    std::uint8_t byte();
    // Bytes up to the next line end, which is passed over.
    std::string_view line();
    // All that was not taken.
    [[nodiscard]] std::string_view rest() const { return rest_; }

private:
    std::string_view rest_;
};

// A stream and where it is cut on its way.
struct Stream {
    std::string_view bytes;
    std::vector<std::string_view> pieces;  // none is empty
};

// The first byte is the number of lengths that follow (modulo 16), then come the lengths of the pieces, which are used
// over and over (0 stands for 256), then the stream. No lengths: one piece.
[[nodiscard]] Stream cut(Input input);
// The same stream in one piece, and byte by byte.
[[nodiscard]] std::vector<std::string_view> whole(const Stream& stream);
[[nodiscard]] std::vector<std::string_view> bytewise(const Stream& stream);

}  // namespace sarai::fuzz
