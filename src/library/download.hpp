// Brings one file into the library: goes on where an earlier download stopped, tries again where the connection fails,
// and checks what has come.
//
// What has come stays for the next download of the same file, however this one ends, also where the disk is full; only
// what turns out to be wrong goes.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <string>

#include "library/library.hpp"
#include "library/sources.hpp"
#include "protocols/ollama_library.hpp"

namespace sarai::library {

using protocols::ollama::Progress;
using Report = std::function<void(const Progress&)>;

struct Downloaded {
    std::string digest;
    Hold hold;  // until a manifest names it
};

// Under which name a file that was not finished waits for the next download of it. One whose hash is known is the same
// wherever it comes from.
[[nodiscard]] std::string name_for_later(const RemoteFile& file);

// `disk` is where files are written and hashed. `report` is called on this strand, at the beginning, at the end and in
// between at most ten times a second. Errors: io for no room, which is asked before the first byte; upstream for a file
// that is none or another; busy where the same one is being downloaded.
[[nodiscard]] asio::awaitable<Result<Downloaded>> download(const Library& library, asio::thread_pool& disk,
                                                           RemoteFile file, Patience patience, Report report);

}  // namespace sarai::library
