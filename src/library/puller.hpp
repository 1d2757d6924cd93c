// Pulls models: finds what a name means, downloads its files into the library, and adds the model to it.
//
// Belongs to the io thread, as the library does, which it uses and which outlives it; disks are waited for on a thread
// of its own. Several pulls may run at once; none may when it is destroyed. Cancelling one leaves what has come, for
// the next to go on with.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <string>

#include "library/download.hpp"
#include "library/library.hpp"
#include "library/sources.hpp"

namespace sarai::library {

class Puller {
public:
    Puller(Library& library, Sources sources, Patience patience = {});

    // Looks at what a name means before its first byte is downloaded; an error is the pull's.
    using Admit = std::function<Result<void>(const Located&)>;
    // Completes a manifest before it is in the library; an error leaves there what was.
    using Prepare = std::function<asio::awaitable<Result<void>>(Manifest&)>;

    // The model as it is in the library now. `report` gets Ollama's status lines but for the last ("success"). Errors:
    // those of locate(), `admit` and `prepare` (which may be empty), download() and Library::put(); io, where the disk
    // has no room for all files together.
    [[nodiscard]] asio::awaitable<Result<Manifest>> pull(std::string name, Report report, Admit admit = {},
                                                         Prepare prepare = {});

private:
    [[nodiscard]] Bytes missing(const RemoteFile& file) const;
    asio::awaitable<Result<Downloaded>> bring(RemoteFile file, Report report);

    Library& library_;
    Sources sources_;
    Patience patience_;
    asio::thread_pool disk_{1};  // last: joined before the rest goes
};

}  // namespace sarai::library
