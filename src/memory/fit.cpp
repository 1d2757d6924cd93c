#include "memory/fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

namespace sarai::memory {
namespace {

constexpr std::array<std::string_view, 3> kv_types = {"f16", "q8_0", "q4_0"};

// What has no other form than the one that is configured: contexts, caches, slots, batches.
bool is_fixed(const EngineShape& shape) { return shape.embedding || shape.whisper; }

int slot_context(const EngineShape& shape) { return shape.context_length / std::max(1, shape.parallel); }

// As the engine pads it: each slot's part up to a multiple of 256.
double padded(const EngineShape& shape) {
    const int slots = std::max(1, shape.parallel);
    const int of_a_slot = (slot_context(shape) + 255) / 256 * 256;
    return static_cast<double>(of_a_slot) * slots;
}

EngineShape with_context(EngineShape shape, int tokens_of_a_slot, const FitModel& model) {
    shape.context_length = tokens_of_a_slot * std::max(1, shape.parallel);
    // The same rule as engine::shape_of: an embedding model's input must fit into one batch.
    if (shape.embedding) shape.batch = shape.micro_batch = std::max(model.batch, tokens_of_a_slot);
    return shape;
}

// Ascending, each once.
std::set<int> contexts_of(const FitModel& model) {
    const int configured = slot_context(model.shape);
    if (model.shape.whisper) return {configured};
    const int most = std::max(model.trained_context, model.floor);
    std::set<int> contexts;
    for (std::int64_t tokens = model.floor; tokens <= most; tokens *= 2) contexts.insert(static_cast<int>(tokens));
    contexts.insert(most);
    if (configured >= model.floor && configured <= most) contexts.insert(configured);
    return contexts;
}

std::set<Bytes> prompt_caches_of(const FitModel& model) {
    if (is_fixed(model.shape)) return {Bytes{}};
    return {Bytes{}, MiB(64), MiB(256), GiB(1), model.shape.prompt_cache};
}

// What takes nothing away comes first, so that it is preferred among equals.
std::vector<std::string> kv_types_of(const FitModel& model) {
    if (is_fixed(model.shape)) return {model.shape.kv_cache_type};
    std::vector<std::string> types(kv_types.begin(), kv_types.end());
    if (model.shape.kv_cache_type == "bf16") types.front() = "bf16";
    return types;
}

std::vector<int> slots_of(const FitModel& model) {
    const int configured = std::max(1, model.shape.parallel);
    if (is_fixed(model.shape)) return {configured};
    return {configured, 2 * configured, 4 * configured};
}

std::vector<int> batches_of(const FitModel& model) {
    std::vector<int> batches{model.batch};
    if (!is_fixed(model.shape))
        for (const int smaller : {128, 64})
            if (smaller < model.batch) batches.push_back(smaller);
    return batches;
}

// Copy computes as compact does.
bool slots_have_cost_amx(const FitModel& model, const EngineShape& shape) {
    return model.slots_cost_amx && shape.parallel > std::max(1, model.shape.parallel);
}

std::vector<LoadMode> load_modes_of(const FitModel& model, const EngineShape& shape) {
    if (model.compact_differs && !slots_have_cost_amx(model, shape)) return {LoadMode::copy, LoadMode::compact};
    return {LoadMode::copy};
}

EngineShape base_of(const FitModel& model, const FitFile& file) {
    auto shape = model.shape;
    shape.model = file.path;
    shape.load_mode = LoadMode::copy;
    shape.prompt_cache = {};
    shape.kv_cache_type = kv_types_of(model).front();
    return shape;
}

// Value at `x` between (or beyond) measured points, on straight lines. Points ascend and are at least one.
double between(const std::vector<std::pair<double, double>>& points, double x) {
    if (points.size() == 1) return points.front().second;
    std::size_t right = 1;
    while (right + 1 < points.size() && points[right].first < x) ++right;
    const auto [x0, y0] = points[right - 1];
    const auto [x1, y1] = points[right];
    return y0 + (x - x0) / (x1 - x0) * (y1 - y0);
}

// The shapes of one file from which others are estimated.
struct Anchors {
    std::vector<EngineShape> contexts;  // of all KV types
    EngineShape slots;                  // twice as many
    std::vector<EngineShape> batches;   // smaller ones
    EngineShape compact;                // without AMX, where that differs
};

Anchors anchors_of(const FitModel& model, const FitFile& file) {
    const auto base = base_of(model, file);
    const auto contexts = contexts_of(model);
    const int lowest = *contexts.begin();
    const int highest = *contexts.rbegin();
    Anchors anchors;
    for (const auto& type : kv_types_of(model)) {
        auto shape = base;
        shape.kv_cache_type = type;
        // Quantised caches are as linear as the first type's, whose steps tell where compute buffers bend.
        const bool steps = type == base.kv_cache_type;
        for (std::int64_t tokens = lowest; steps && tokens < highest; tokens *= 4)
            anchors.contexts.push_back(with_context(shape, static_cast<int>(tokens), model));
        if (!steps && lowest < highest) anchors.contexts.push_back(with_context(shape, lowest, model));
        anchors.contexts.push_back(with_context(shape, highest, model));
    }
    if (const auto slots = slots_of(model); slots.size() > 1) {
        anchors.slots = base;
        anchors.slots.parallel = slots[1];
        anchors.slots = with_context(anchors.slots, lowest, model);
    }
    for (const int batch : batches_of(model)) {
        if (batch == model.batch) continue;
        auto shape = base;
        shape.batch = shape.micro_batch = batch;
        anchors.batches.push_back(with_context(shape, lowest, model));
    }
    if (model.compact_differs) {
        anchors.compact = with_context(base, lowest, model);
        anchors.compact.load_mode = LoadMode::compact;
    }
    return anchors;
}

std::int64_t thousandths(double value) { return std::llround(value * 1000); }

// Measured without a prompt cache, which comes on top as it is.
ModelPlan with_prompt_cache(ModelPlan plan, Bytes cache) {
    if (cache == Bytes{}) return plan;
    plan.lines.push_back({.what = "prompt_cache", .bytes = cache});
    plan.learned.reset();  // what loads without it have shown says nothing of it
    return plan;
}

// What the budget has to hold of a plan: the upper end, since that is what admission reserves.
Bytes bytes_of(const ModelPlan& plan) { return plan.pessimistic(); }
Bytes bytes_of_prompt_cache(Bytes cache) { return bytes_of({.lines = {{.what = "prompt_cache", .bytes = cache}}}); }

}  // namespace

std::int64_t utility_of(const FitModel& model, const EngineShape& shape) {
    std::int64_t largest = 1;
    std::int64_t mine = 1;
    for (const auto& file : model.files) {
        largest = std::max(largest, file.size);
        if (file.path == shape.model) mine = std::max<std::int64_t>(1, file.size);
    }
    const double wanted = std::log2(std::max(1, slot_context(model.shape)));
    const double given = std::log2(std::max(1, slot_context(shape)));
    std::int64_t sum = 2 * thousandths(std::min(given, wanted)) + thousandths(std::max(0.0, given - wanted)) / 2;
    if (shape.embedding) sum /= 4;
    if (shape.kv_cache_type == "q8_0") sum -= 600;
    if (shape.kv_cache_type == "q4_0") sum -= 2800;
    sum -= 3 * thousandths(std::log2(static_cast<double>(largest) / static_cast<double>(mine)));
    if (!shape.embedding && shape.batch < model.batch)
        sum -= thousandths(std::log2(1.0 * model.batch / shape.batch)) / 4;
    const bool slots_cost_amx = slots_have_cost_amx(model, shape);
    if (shape.load_mode == LoadMode::compact || slots_cost_amx) sum -= shape.embedding ? 200 : 400;
    if (shape.prompt_cache > MiB(16))
        sum += thousandths(std::log2(static_cast<double>(shape.prompt_cache.count) / (16 << 20))) / 20;
    if (!slots_cost_amx)
        sum += 3 * thousandths(std::log2(1.0 * std::max(1, shape.parallel) / std::max(1, model.shape.parallel))) / 10;
    // Hundredths: differences below them are not meant, and sums of fewer values are found faster.
    return sum * std::max(1, model.priority) / 50 / 10 * 10;
}

std::vector<Setting> settings_of(const FitModel& model) {
    std::vector<Setting> settings;
    for (const auto& file : model.files) {
        const auto base = base_of(model, file);
        for (const auto& type : kv_types_of(model))
            for (const int slots : slots_of(model))
                for (const int batch : batches_of(model))
                    for (const auto cache : prompt_caches_of(model))
                        for (const int context : contexts_of(model)) {
                            auto shape = base;
                            shape.kv_cache_type = type;
                            shape.parallel = slots;
                            shape.batch = shape.micro_batch = batch;
                            shape.prompt_cache = cache;
                            shape = with_context(shape, context, model);
                            for (const auto mode : load_modes_of(model, shape)) {
                                shape.load_mode = mode;
                                settings.push_back({.shape = shape, .utility = utility_of(model, shape)});
                            }
                        }
    }
    return settings;
}

std::string difference(const EngineShape& from, const EngineShape& to) {
    std::string text;
    const auto add = [&](bool differs, const std::string& what) {
        if (differs) text += (text.empty() ? "" : ", ") + what;
    };
    add(from.model != to.model, to.model.filename().string());
    if (from.context_length != to.context_length || from.parallel != to.parallel)
        add(true, to.parallel > 1 ? fmt::format("context {} x {}", to.parallel, slot_context(to))
                                  : fmt::format("context {}", to.context_length));
    add(from.kv_cache_type != to.kv_cache_type, "KV " + to.kv_cache_type);
    add(from.prompt_cache != to.prompt_cache,
        to.prompt_cache == Bytes{} ? "no prompt cache" : "prompt cache " + to_string(to.prompt_cache));
    add(from.batch != to.batch && !to.embedding, fmt::format("batch {}", to.batch));
    add(from.load_mode != to.load_mode, "load mode " + std::string(name_of(to.load_mode)));
    return text;
}

Fitter::Fitter(std::vector<FitModel> models, Bytes budget) : models_(std::move(models)), budget_(budget) {
    for (const auto& model : models_) {
        std::vector<Candidate> candidates;
        for (auto& setting : settings_of(model)) candidates.push_back({.setting = std::move(setting)});
        candidates_.push_back(std::move(candidates));
    }
}

const Fitter::Measurement* Fitter::known(EngineShape shape) const {
    shape.prompt_cache = {};
    const auto found = std::ranges::find(known_, shape, &Measurement::shape);
    return found == known_.end() ? nullptr : &*found;
}

void Fitter::measured(const EngineShape& shape, Result<ModelPlan> plan) {
    auto plain = shape;
    plain.prompt_cache = {};
    if (known(plain) != nullptr) return;
    const auto at = known_.size();
    known_.push_back({.shape = plain, .plan = std::move(plan)});
    for (auto& candidates : candidates_)
        for (auto& candidate : candidates) {
            auto same = candidate.setting.shape;
            same.prompt_cache = {};
            if (!(same == plain)) continue;
            candidate.exact = at;
            candidate.cost.reset();
            if (known_[at].plan)
                candidate.cost = bytes_of(with_prompt_cache(*known_[at].plan, candidate.setting.shape.prompt_cache));
        }
}

void Fitter::estimate_all() {
    estimated_ = true;
    for (std::size_t i = 0; i < models_.size(); ++i) {
        const auto& model = models_[i];
        const double configured = std::max(1, model.shape.parallel);
        for (const auto& file : model.files) {
            const auto anchors = anchors_of(model, file);
            const auto total = [&](const EngineShape& shape) -> std::optional<double> {
                const auto* measurement = known(shape);
                if (measurement == nullptr || !measurement->plan) return std::nullopt;
                return static_cast<double>(bytes_of(*measurement->plan).count);
            };
            std::map<std::string, std::vector<std::pair<double, double>>> lines;  // by KV type
            for (const auto& shape : anchors.contexts)
                if (const auto bytes = total(shape)) lines[shape.kv_cache_type].emplace_back(padded(shape), *bytes);
            const auto& full = lines[kv_types_of(model).front()];
            if (full.empty()) continue;
            std::map<int, double> batches{{model.batch, 0}};
            for (const auto& shape : anchors.batches)
                if (const auto bytes = total(shape)) batches[shape.batch] = *bytes - full.front().second;
            std::optional<double> compact;
            if (const auto bytes = total(anchors.compact)) compact = *bytes - full.front().second;
            const auto layout = [&](const EngineShape& shape) {
                const bool has_none = shape.load_mode == LoadMode::compact || slots_have_cost_amx(model, shape);
                return has_none ? compact.value_or(0) : 0;
            };
            double slot = 0;  // what one more takes, beside its context
            if (const auto bytes = total(anchors.slots))
                slot = (*bytes - between(full, padded(anchors.slots)) - layout(anchors.slots)) / configured;
            for (auto& candidate : candidates_[i]) {
                const auto& shape = candidate.setting.shape;
                if (shape.load_mode == LoadMode::compact && !compact) continue;
                if (candidate.exact || shape.model != file.path) continue;
                const auto& line = lines[shape.kv_cache_type];
                const auto batch = batches.find(shape.embedding ? model.batch : shape.batch);
                if (line.empty() || batch == batches.end()) continue;
                candidate.cost =
                    Bytes{std::llround(between(line, padded(shape)) + slot * (shape.parallel - configured) +
                                       batch->second + layout(shape))} +
                    bytes_of_prompt_cache(shape.prompt_cache);
            }
        }
    }
}

std::optional<Choice> Fitter::best() const {
    std::vector<std::vector<Option>> options(models_.size());
    std::vector<std::vector<std::size_t>> places(models_.size());
    for (std::size_t i = 0; i < models_.size(); ++i)
        for (std::size_t k = 0; k < candidates_[i].size(); ++k) {
            if (!candidates_[i][k].cost) continue;
            options[i].push_back({.cost = *candidates_[i][k].cost, .utility = candidates_[i][k].setting.utility});
            places[i].push_back(k);
        }
    auto choice = choose(options, budget_);
    if (choice)
        for (std::size_t i = 0; i < models_.size(); ++i) choice->options[i] = places[i][choice->options[i]];
    return choice;
}

std::vector<std::size_t> Fitter::least() const {
    std::vector<std::size_t> all;
    for (const auto& candidates : candidates_) {
        std::size_t cheapest = 0;
        for (std::size_t k = 1; k < candidates.size(); ++k) {
            const auto& a = candidates[k].cost;
            const auto& b = candidates[cheapest].cost;
            if (a && (!b || *a < *b)) cheapest = k;
        }
        all.push_back(cheapest);
    }
    return all;
}

std::vector<EngineShape> Fitter::wanted() {
    std::vector<EngineShape> shapes;
    const auto want = [&](EngineShape shape) {
        shape.prompt_cache = {};
        if (!shape.model.empty() && known(shape) == nullptr && !std::ranges::contains(shapes, shape))
            shapes.push_back(std::move(shape));
    };
    if (!estimated_) {
        for (const auto& model : models_)
            for (const auto& file : model.files) {
                const auto anchors = anchors_of(model, file);
                for (const auto& shape : anchors.contexts) want(shape);
                for (const auto& shape : anchors.batches) want(shape);
                want(anchors.slots);
                want(anchors.compact);
            }
        if (!shapes.empty()) return shapes;
        estimate_all();
    }
    const auto choice = best();
    const auto chosen = choice ? choice->options : least();
    for (std::size_t i = 0; i < models_.size(); ++i) {
        const auto& candidate = candidates_[i][chosen[i]];
        if (candidate.cost && !candidate.exact) want(candidate.setting.shape);
    }
    return shapes;
}

Result<Fit> Fitter::result() const {
    const auto choice = best();
    const auto chosen = choice ? choice->options : least();
    Fit fit{.models = {}, .total = {}, .errors = {}, .possible = choice.has_value()};
    for (std::size_t i = 0; i < models_.size(); ++i) {
        const auto& candidates = candidates_[i];
        const auto& mine = candidates[chosen[i]];
        if (!mine.cost || !mine.exact) {
            for (const auto& measurement : known_)
                if (!measurement.plan &&
                    std::ranges::contains(models_[i].files, measurement.shape.model, &FitFile::path))
                    return std::unexpected(measurement.plan.error());
            return fail(Code::internal, fmt::format("nothing is known of model '{}'", models_[i].name));
        }
        Fitted fitted{.shape = mine.setting.shape,
                      .plan = with_prompt_cache(*known_[*mine.exact].plan, mine.setting.shape.prompt_cache),
                      .ideal = mine.setting.shape};
        auto most = mine.setting.utility;
        for (const auto& candidate : candidates) {
            if (!candidate.cost || candidate.setting.utility <= mine.setting.utility) continue;
            if (candidate.setting.utility > most) {
                most = candidate.setting.utility;
                fitted.ideal = candidate.setting.shape;
            }
            const auto more = *candidate.cost - *mine.cost;
            if (fitted.next && more >= fitted.next_cost) continue;
            fitted.next = candidate.setting.shape;
            fitted.next_cost = more;
        }
        fit.total += fitted.plan.total();
        fit.errors += fitted.plan.error();
        fit.models.push_back(std::move(fitted));
    }
    return fit;
}

}  // namespace sarai::memory
