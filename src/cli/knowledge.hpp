// `sarai kb`: folders of documents, searched by words and by what they mean.
//
// Works on the store directly; a running server makes the vectors, by its embedding model.
#pragma once

#include <string>
#include <vector>

#include "cli/server.hpp"

namespace sarai::cli {

struct KnowledgeOptions {
    ServerChoice server;
    std::string store;  // a folder, or postgresql://…; empty: in sarai's state folder
    std::string collection = "default";
    std::string model;  // that embeds; empty: the collection's, else the server's first one
    std::vector<std::string> paths;
    std::vector<std::string> question;
    std::string document;  // of remove: empty: the whole collection
    int most = 5;
    bool remove_gone = false;
    bool words_only = false;
    bool json = false;
};

// Each returns the exit status.
[[nodiscard]] int add_knowledge(const KnowledgeOptions& options, Io& io);
[[nodiscard]] int search_knowledge(const KnowledgeOptions& options, Io& io);
[[nodiscard]] int list_knowledge(const KnowledgeOptions& options, Io& io);
[[nodiscard]] int remove_knowledge(const KnowledgeOptions& options, Io& io);

}  // namespace sarai::cli
