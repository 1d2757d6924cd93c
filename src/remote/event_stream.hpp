// The loop that both kinds of remote stream share: bytes in, events out, each within its time.
//
// A Feed knows its protocol: it cuts bytes into units and decodes them. Belongs to the io thread of its Client.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "llm/backend.hpp"
#include "remote/link.hpp"

namespace sarai::remote {

class Feed {
public:
    virtual ~Feed() = default;
    // Appends the events that these bytes complete. An error may come after events of the same bytes.
    [[nodiscard]] virtual Result<void> feed(std::string_view bytes, std::vector<llm::StreamEvent>& events) = 0;
    // The protocol's own end marker was seen.
    [[nodiscard]] virtual bool ended() const = 0;
    // The body has ended properly: was that the end of the answer?
    [[nodiscard]] virtual Result<void> close(std::vector<llm::StreamEvent>& events) = 0;
};

// The budgets count from event to event, not from byte to byte: a server's heartbeats do not hide that nothing is
// generated. Until the first event budgets.first_token counts, from the request on; then budgets.silence.
[[nodiscard]] std::unique_ptr<llm::EventStream> make_event_stream(Link link, Opened opened, std::unique_ptr<Feed> feed);

}  // namespace sarai::remote
