#include "knowledge/vector_index.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <hnswlib/hnswlib.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <utility>

#include "base/sha256.hpp"

namespace sarai::knowledge {
namespace fs = std::filesystem;

namespace {

// hnswlib's own advice for ALGO_PARAMS: M from 12 to 48 for embeddings; recall@10 above 0.95 at these is asserted by
// the benchmark.
constexpr std::size_t links = 16;
constexpr std::size_t breadth_of_building = 128;
constexpr std::size_t least_breadth_of_search = 400;
constexpr std::size_t least_capacity = 1024;
constexpr std::string_view magic = "sarai vectors 1";

// A folder's own entries as well: what a rename did is on disk then.
std::error_code sync_to_disk(const fs::path& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return last_error();
    const auto failed = ::fsync(descriptor) != 0 ? last_error() : std::error_code{};
    ::close(descriptor);
    return failed;
}

// nullopt for what cannot be read.
std::optional<std::string> hash_of(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return std::nullopt;
    Sha256 hash;
    std::vector<char> block(std::size_t{1} << 20);
    while (in.read(block.data(), static_cast<std::streamsize>(block.size())) || in.gcount() > 0)
        hash.update({block.data(), static_cast<std::size_t>(in.gcount())});
    return in.bad() ? std::nullopt : std::optional(hash.hex());
}

// What names the graph's file.
struct Pointer {
    std::string file;
    int dimension = 0;
    std::int64_t generation = 0;
    std::string hash;
};

std::optional<Pointer> read_pointer(const fs::path& path) {
    std::ifstream in(path);
    std::string first;
    Pointer pointer;
    if (!std::getline(in, first) || first != magic || !std::getline(in, pointer.file)) return std::nullopt;
    if (!(in >> pointer.dimension >> pointer.generation >> pointer.hash)) return std::nullopt;
    // It lies beside, and nowhere else.
    return pointer.file.contains('/') ? std::nullopt : std::optional(std::move(pointer));
}

}  // namespace

struct VectorIndex::State {
    using Graph = hnswlib::HierarchicalNSW<float>;

    void make(std::size_t capacity) {
        graph = std::make_unique<Graph>(&space, std::max(capacity, least_capacity), links, breadth_of_building);
    }
    [[nodiscard]] fs::path pointer_file() const { return folder / (name + ".index"); }

    fs::path folder;
    std::string name;
    std::size_t dimension = 0;
    hnswlib::InnerProductSpace space{0};
    std::unique_ptr<Graph> graph;
    std::int64_t generation = 0;
    std::int64_t saved_generation = 0;
    std::size_t changes = 0;  // since the last save
};

VectorIndex::VectorIndex(std::unique_ptr<State> state) : state_(std::move(state)) {}
VectorIndex::~VectorIndex() = default;
VectorIndex::VectorIndex(VectorIndex&&) noexcept = default;
VectorIndex& VectorIndex::operator=(VectorIndex&&) noexcept = default;

VectorIndex VectorIndex::open(const fs::path& folder, const std::string& name, int dimension) {
    auto state = std::make_unique<State>();
    state->folder = folder;
    state->name = name;
    state->dimension = static_cast<std::size_t>(dimension);
    state->space = hnswlib::InnerProductSpace(state->dimension);
    if (const auto pointer = read_pointer(state->pointer_file()); pointer && pointer->dimension == dimension) {
        // hnswlib believes what it reads, so only what is byte for byte what we wrote is given to it.
        const auto file = folder / pointer->file;
        if (hash_of(file) == pointer->hash) {
            try {
                state->graph = std::make_unique<State::Graph>(&state->space, file.string());
                state->generation = state->saved_generation = pointer->generation;
            } catch (const std::exception& error) {
                state->graph.reset();
                spdlog::warn("{} is made anew: {}", file.string(), error.what());
            }
        } else {
            spdlog::warn("{} is made anew: it is not what was saved", file.string());
        }
    }
    if (!state->graph) state->make(0);
    return VectorIndex(std::move(state));
}

std::int64_t VectorIndex::generation() const { return state_->generation; }
void VectorIndex::set_generation(std::int64_t generation) { state_->generation = generation; }

std::vector<std::int64_t> VectorIndex::ids() const {
    std::vector<std::int64_t> ids;
    ids.reserve(size());
    for (const auto& [label, place] : state_->graph->label_lookup_) {
        if (!state_->graph->isMarkedDeleted(place)) ids.push_back(static_cast<std::int64_t>(label));
    }
    std::ranges::sort(ids);
    return ids;
}

std::size_t VectorIndex::size() const {
    return state_->graph->getCurrentElementCount() - state_->graph->getDeletedCount();
}

void VectorIndex::add(std::int64_t id, std::span<const float> vector) {
    auto& graph = *state_->graph;
    if (graph.getCurrentElementCount() == graph.getMaxElements())
        graph.resizeIndex(std::max(least_capacity, graph.getMaxElements() * 2));
    graph.addPoint(vector.data(), static_cast<hnswlib::labeltype>(id));
    ++state_->changes;
}

void VectorIndex::remove(std::int64_t id) {
    auto& graph = *state_->graph;
    const auto found = graph.label_lookup_.find(static_cast<hnswlib::labeltype>(id));
    if (found == graph.label_lookup_.end() || graph.isMarkedDeleted(found->second)) return;
    graph.markDelete(found->first);
    ++state_->changes;
}

std::vector<Hit> VectorIndex::nearest(std::span<const float> vector, std::size_t most) const {
    auto& graph = *state_->graph;
    most = std::min(most, size());
    if (most == 0) return {};
    graph.setEf(std::max(least_breadth_of_search, most * 2));
    auto found = graph.searchKnn(vector.data(), most);  // the farthest first
    std::vector<Hit> hits(found.size());
    for (auto at = hits.rbegin(); at != hits.rend(); ++at, found.pop())
        *at = {static_cast<std::int64_t>(found.top().second), 1.0 - double{found.top().first}};
    return hits;
}

bool VectorIndex::wasteful() const {
    const auto removed = state_->graph->getDeletedCount();
    return removed > 1000 && removed * 2 > state_->graph->getCurrentElementCount();
}

void VectorIndex::clear() {
    state_->make(0);
    state_->generation = 0;
    ++state_->changes;
}

bool VectorIndex::worth_saving() const { return state_->changes > std::max<std::size_t>(2000, size() / 4); }

Result<void> VectorIndex::save() {
    auto& state = *state_;
    if (state.generation == state.saved_generation) return {};
    const auto file = state.folder / fmt::format("{}-{}.hnsw", state.name, state.generation);
    const auto temporary = [](fs::path path) { return path += ".new"; };
    const auto failed = [&](std::error_code cause) {
        return fail(Code::io, fmt::format("cannot save the index {}", file.string()), cause);
    };
    try {
        state.graph->saveIndex(temporary(file).string());
    } catch (const std::exception&) { return failed(last_error()); }
    const auto hash = hash_of(temporary(file));
    if (!hash) return failed(std::make_error_code(std::errc::io_error));
    std::error_code error = sync_to_disk(temporary(file));
    if (!error) fs::rename(temporary(file), file, error);
    if (error) return failed(error);

    const auto pointer = state.pointer_file();
    {
        std::ofstream out(temporary(pointer), std::ios::trunc);
        out << magic << '\n'
            << file.filename().string() << '\n'
            << state.dimension << ' ' << state.generation << ' ' << *hash << '\n';
        if (!out.flush()) return failed(std::make_error_code(std::errc::io_error));
    }
    error = sync_to_disk(temporary(pointer));
    if (!error) fs::rename(temporary(pointer), pointer, error);
    if (!error) error = sync_to_disk(state.folder);
    if (error) return failed(error);
    state.saved_generation = state.generation;
    state.changes = 0;
    for (const auto& entry : fs::directory_iterator(state.folder, error)) {
        const auto other = entry.path().filename().string();
        std::error_code ignored;
        if (other.starts_with(state.name + "-") && entry.path() != file) fs::remove(entry.path(), ignored);
    }
    return {};
}

void VectorIndex::remove_files(const fs::path& folder, const std::string& name) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
        const auto file = entry.path().filename().string();
        if (file.starts_with(name + "-") || file == name + ".index") fs::remove(entry.path(), ignored);
    }
}

}  // namespace sarai::knowledge
