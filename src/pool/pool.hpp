// The model pool: hands out leases on backends, loads local workers when they are needed, watches endpoints.
//
// The driver of PoolCore: it performs the core's actions on one strand (the io thread) and posts the results back. All
// decisions are the core's. Callers ask acquire(model) and never inspect state first.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "memory/process_memory.hpp"
#include "pool/memory_watch.hpp"
#include "pool/pool_core.hpp"
#include "pool/ports.hpp"

namespace sarai::pool {

class Pool;

// Called again and again while somebody waits, so that a client hears that it is not forgotten. False: it has left, and
// the wait ends with Code::cancelled.
struct Beat {
    std::chrono::milliseconds every{};  // 0: never
    std::function<boost::asio::awaitable<bool>()> send;
};

// A right to use one backend, from acquire() until it is destroyed: the model stays where it is until then. Move-only.
class Lease {
public:
    ~Lease();
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&& other) noexcept;

    [[nodiscard]] const Route& route() const { return route_; }
    [[nodiscard]] llm::Backend& backend() const { return *backend_; }
    // For work that may outlive the lease by a moment.
    [[nodiscard]] std::shared_ptr<llm::Backend> shared_backend() const { return backend_; }

    // What this route gave failed: before anything was sent to the client, or in the middle of an answer with which
    // another backend may go on. The lease moves on to the next backend of the chain, or the error says why there is
    // none; then it is spent.
    [[nodiscard]] boost::asio::awaitable<Result<void>> next(Error failure, bool in_the_middle = false,
                                                            const Beat* beat = nullptr);
    // Is there another backend now that could have what the endpoint of this route does not answer? The model's own
    // worker and the model that stands in count where the request may go there.
    [[nodiscard]] bool could_move(bool to_worker, bool to_other_model) const;
    // The answer broke off in the middle, and nobody is to go on with it. Only marks the endpoint.
    void broke_off(const Error& failure);
    // The first token, or the whole reply, has come.
    void answered(PoolCore::Came what = PoolCore::Came::first_token);
    // Another backend's first token came sooner, and this one is not waited for any longer.
    void overtaken(std::chrono::milliseconds usual);
    // The answer has come to its end, with the speeds that its last part told. From here on the next request may have
    // its slot; the model stays where it is.
    void served(const std::optional<llm::Rates>& rates);

private:
    friend class Pool;
    struct Shared;
    Lease(std::shared_ptr<Shared> pool, Ticket ticket) : pool_(std::move(pool)), ticket_(ticket) {}

    std::shared_ptr<Shared> pool_;
    Ticket ticket_ = 0;
    Route route_;
    std::uint64_t pauses_ = 0;  // of the worker when it was granted
    std::shared_ptr<llm::Backend> backend_;
};

// One local model as it is now.
struct LocalStatus {
    LocalState state = LocalState::absent;
    pid_t pid = 0;                          // 0: no process
    Bytes planned;                          // reserved; 0 while absent
    std::optional<memory::ModelPlan> plan;  // of the last load; what was learned since is in it
    memory::ProcessMemory measured;         // latest sample
    Bytes peak;                             // of this process's samples
    Bytes over_plan;                        // what `peak` exceeds the plan by, beyond its error bar; else 0
    int leases = 0;
    std::chrono::milliseconds load_time{};  // of the last load that succeeded
    std::optional<Error> last_error;
    Reduction reduction;  // what was given up to fit
    int waiting = 0;      // requests that wait for it
    bool draining = false;
    bool quarantined = false;
    double load_progress = 0;  // share of the planned bytes that are resident, while loading
};

class Pool {
public:
    Pool(boost::asio::any_io_executor executor, Rules rules, std::vector<ModelSpec> models,
         std::vector<EndpointSpec> endpoints, Ports ports, WatchRules watch);
    ~Pool();

    // Begins to watch endpoints and processes, and to load the models in `preload`, in parallel.
    void start(const std::vector<ModelIndex>& preload);

    // Waits for its turn, and while the model loads. Errors: no_memory, busy, rate_limited, unavailable, timeout and
    // what the load failed with.
    [[nodiscard]] boost::asio::awaitable<Result<Lease>> acquire(ModelIndex model, Ask ask = {},
                                                                const Beat* beat = nullptr);

    // A slot of the model's worker that nobody needs now, for work ahead of requests, or to be faster than a server.
    // `alone`: only while no worker computes. `reason` becomes the route's; who asks is who has `beside`. nullopt:
    // there is none.
    [[nodiscard]] std::optional<Lease> borrow(ModelIndex model, bool alone, std::string reason,
                                              const Lease* beside = nullptr);
    // A right to read an answer ahead, as long as the token lives: one per worker, as two would drive out each
    // other's. Null: it is taken.
    [[nodiscard]] std::shared_ptr<void> stand_by(ModelIndex model);

    // Begins to load the model, or to wake its server, where that takes nothing from anybody; see PoolCore::prefetch().
    struct Prefetched {
        bool begun = false;
        std::string why;
    };
    Prefetched prefetch(ModelIndex model, bool media = false);

    // What the models take of the budget if they are to be there at the same time. Measures those that were not yet.
    // Errors: what measuring failed with.
    [[nodiscard]] boost::asio::awaitable<Result<Proof>> prove(std::vector<PoolCore::Participant> models,
                                                              Bytes brought = {});

    // Memory that something else takes beside the models until the token goes, see PoolCore::set_aside().
    // `what`: "converting it". Errors: no_memory; busy where there may be so much soon.
    [[nodiscard]] Result<std::shared_ptr<void>> set_aside(Bytes bytes, std::string_view what);

    // What sarai itself holds of it for good, see PoolCore::keep(). Errors: the same.
    [[nodiscard]] Result<void> keep(Bytes total, std::string_view what);

    // Ends a quarantine, so that the next acquire() loads the model again.
    void lift_quarantine(ModelIndex model);

    // Begins to unload the model's worker, if it has one. Errors: busy while a lease holds it.
    [[nodiscard]] Result<void> unload(ModelIndex model);
    // The same as soon as no lease holds it, unless it is taken back before (`goes` false).
    void drain(ModelIndex model, bool goes = true);

    // ---- a configuration that changes while it runs, see PoolCore ----
    struct Change {
        std::vector<ModelSpec> models;        // by index; further ones are new
        std::vector<EndpointSpec> endpoints;  // likewise
        std::vector<ModelIndex> preload;      // of the new models
        int max_concurrent_llms = 3;
        Policy policy = Policy::never_unload;
        Bytes budget;
    };
    void apply(const Change& change);

    // Stops every worker (SIGTERM, `grace`, SIGKILL) and resumes when all are reaped.
    [[nodiscard]] boost::asio::awaitable<void> shutdown(std::chrono::milliseconds grace);

    [[nodiscard]] const PoolCore& core() const;
    [[nodiscard]] LocalStatus local(ModelIndex model) const;
    [[nodiscard]] const MemoryWatch& memory() const;

private:
    std::shared_ptr<Lease::Shared> shared_;
};

}  // namespace sarai::pool
