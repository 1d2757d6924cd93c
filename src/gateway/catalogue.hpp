// What is known of the models' files, for listings; made by whoever can read them. Called on the io thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "memory/model_facts.hpp"

namespace sarai::gateway {

using SharedFacts = std::shared_ptr<const memory::ModelFacts>;

struct ModelFile {
    Bytes size;  // 0: it cannot be read
    std::chrono::system_clock::time_point modified;
    // 64 hexadecimal digits that change with the file: the SHA-256 of its content where its name tells that, else of
    // its path, size and time.
    std::string digest;
    SharedFacts facts;  // null: not known yet
};

class Catalogue {
public:
    virtual ~Catalogue() = default;

    // As it lies there now.
    [[nodiscard]] virtual ModelFile look(const std::filesystem::path& file) const = 0;

    // Reads what is not known yet. Errors: not_found, io, corrupt_file, timeout, internal.
    [[nodiscard]] virtual boost::asio::awaitable<Result<SharedFacts>> describe(std::filesystem::path file) = 0;
};

}  // namespace sarai::gateway
