// ggml's CPU backend, loaded from the plug-in that suits this processor, and nothing else of ggml's plug-ins. It is
// loaded once for the process.
#pragma once

#include <ggml-backend.h>

#include <memory>

#include "base/error.hpp"

namespace sarai::router {

struct FreeBackend {
    void operator()(ggml_backend_t backend) const { ggml_backend_free(backend); }
};
using Backend = std::unique_ptr<ggml_backend, FreeBackend>;

// One that computes on the calling thread. Errors: Code::unsupported where no plug-in can be found.
[[nodiscard]] Result<Backend> make_cpu_backend();

}  // namespace sarai::router
