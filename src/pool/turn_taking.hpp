// The driver of Turns: pauses and resumes the workers' processes. Belongs to the io thread, as the pool does.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "pool/ports.hpp"
#include "pool/turns.hpp"

namespace sarai::pool {

class TurnTaking {
public:
    // CPU time of a process so far, of all its threads; zero where it has gone.
    using ProcessTime = std::function<Turns::Duration(pid_t)>;
    static Turns::Duration process_time(pid_t pid);

    TurnTaking(const boost::asio::any_io_executor& executor, std::size_t models, int cores,
               ProcessTime time = process_time);

    // The model's worker while somebody holds a lease on it, else null. Cheap where nothing has changed.
    void set_busy(ModelIndex model, std::shared_ptr<LocalWorker> worker);
    void add_model() { places_.emplace_back(); }
    // How often the model's workers were paused so far: times that were told of meanwhile are not those of the model.
    [[nodiscard]] std::uint64_t pauses(ModelIndex model) const { return places_[model].pauses; }
    // Ends turns that are over, until it is cancelled.
    [[nodiscard]] boost::asio::awaitable<void> run();

private:
    struct Place {
        std::shared_ptr<LocalWorker> worker;  // null: not busy
        std::weak_ptr<LocalWorker> last;      // that was busy
        bool paused = false;
        std::uint64_t pauses = 0;
    };
    [[nodiscard]] Turns::CpuTime cpu_time() const;
    void apply();

    std::vector<Place> places_;
    Turns turns_;
    ProcessTime process_time_;
    boost::asio::steady_timer turn_over_;  // cancelled when somebody has joined or left
};

}  // namespace sarai::pool
