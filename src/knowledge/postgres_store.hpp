// The store on a PostgreSQL server with the extension pgvector, for a knowledge base that several machines share.
//
// Everything lies in the schema `sarai_knowledge`, which is made where it is missing; the extensions `vector` and
// `unaccent` are, too, where the user may. A connection that broke is made again by the next call.
#pragma once

#include "knowledge/store.hpp"

namespace sarai::knowledge {

[[nodiscard]] Result<std::unique_ptr<Store>> open_postgres_store(const std::string& address,
                                                                 const Opening& opening = {});

}  // namespace sarai::knowledge
