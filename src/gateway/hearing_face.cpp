#include "gateway/hearing_face.hpp"

#include "protocols/transcription.hpp"

namespace sarai::gateway {

void HearingFace::event(const llm::StreamEvent& event, std::string& out) {
    if (const auto language = protocols::hearing::language_of(event.chunk()); !language.empty()) language_ = language;
    auto segment = protocols::hearing::segment_of(event.chunk());
    if (!segment) return;
    protocols::transcription::OneLine line;  // as subtitles need it
    line.add(segment->text);
    if (line.text().empty()) return;
    segment->text = line.text();
    segment->begin += begin_;
    segment->end += begin_;
    for (auto& word : segment->words) {
        word.begin += begin_;
        word.end += begin_;
    }
    if (stream_) {
        const bool begins = first_ && segments_.empty();
        protocols::transcription::append_delta(out, begins ? segment->text : " " + segment->text);
    }
    segments_.push_back(std::move(*segment));
}

void HearingFace::heartbeat(std::string_view what, std::string& out) { out.append(": ").append(what).append("\n\n"); }

}  // namespace sarai::gateway
