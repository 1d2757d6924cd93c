// SHA-256 (FIPS 180-4), computed by OpenSSL: of keys that are kept only as a hash, and of files that come in pieces.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace sarai {

class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;
    void update(std::string_view bytes);
    // 64 lower-case hexadecimal digits. Ends the computation.
    [[nodiscard]] std::string hex();

    static constexpr std::size_t hex_length = 64;

private:
    struct State;
    std::unique_ptr<State> state_;
};

[[nodiscard]] std::string sha256_hex(std::string_view bytes);
// True for what hex() could have returned.
[[nodiscard]] bool is_sha256_hex(std::string_view text);

}  // namespace sarai
