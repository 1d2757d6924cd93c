// Training of a TRM: reproducible by its seed, on one core, in minutes.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "router/augment.hpp"
#include "router/classifier.hpp"
#include "router/example.hpp"
#include "router/weights.hpp"

namespace sarai::router {

struct EpochReport {
    int epoch = 0;  // from 1
    float training_loss = 0;
    float validation_loss = 0;      // of the averaged weights
    float validation_accuracy = 0;  // strict
    bool best = false;              // so far
};

struct TrainingOptions {
    std::string name = "trm-router";
    Shape shape;
    std::uint64_t seed = 1;
    int epochs = 14;    // at most
    int patience = 14;  // epochs without a better validation loss
    int batch = 32;
    float validation = 0.1F;  // share of the examples that is not learnt from
    float network_rate = 1e-3F;
    float table_rate = 3e-3F;
    float table_decay = 0;
    float network_decay = 0.1F;
    float feature_dropout = 0.6F;
    float slot_dropout = 0.08F;
    float also_target = 0.65F;  // probability that a further label is to have; the best one has 1 - smoothing
    float smoothing = 0.03F;
    float averaging = 0.995F;  // of the weights, per step
    Augmentation augmentation;
    // Whose answers are learnt beside the labels (distillation), and how much they count.
    std::vector<const Classifier*> teachers;
    float teacher_share = 0.7F;
    std::function<void(float)> on_progress = {};  // 0…1 of the epoch
    std::function<void(const EpochReport&)> on_epoch = {};
};

// What the shipped weights of a size are trained with.
[[nodiscard]] TrainingOptions training_of(Size size);

struct Training {
    TrainedModel model;
    std::vector<EpochReport> curve;
    std::int64_t learnt = 0;  // examples
    std::int64_t validated = 0;
};

// Errors: Code::invalid_argument for too few examples.
[[nodiscard]] Result<Training> train(std::span<const Example> examples, const TrainingOptions& options);

}  // namespace sarai::router
