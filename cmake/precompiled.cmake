# Headers of others that nearly every source includes, compiled once: with Clang that takes two thirds of the time off a
# build (medians of five sources: 4.5 s without, 1.5 s with). GCC's precompiled headers win nothing, so that a release
# build has none of them.
include_guard()
option(SARAI_PRECOMPILED "Precompile the headers of others (Clang)" OFF)

# sarai_precompiled(NAME LINK target… HEADERS header…): an empty library whose precompiled headers others take with
# sarai_use_precompiled(TARGET NAME). Definitions must be the same for both; those of the taker alone may come on top.
function(sarai_precompiled name)
  cmake_parse_arguments(ARG "" "" "LINK;HEADERS" ${ARGN})
  set(source ${PROJECT_BINARY_DIR}/${name}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "// For ${name} alone, see cmake/precompiled.cmake.\n")
  add_library(${name} OBJECT ${source})
  target_link_libraries(${name} PRIVATE sarai_options ${ARG_LINK})
  list(TRANSFORM ARG_HEADERS REPLACE "(.+)" "<\\1>")
  target_precompile_headers(${name} PRIVATE ${ARG_HEADERS})
  # What comes out names its own folder: not for another clone to find in the cache.
  set_target_properties(${name} PROPERTIES CXX_COMPILER_LAUNCHER "")
  # ccache takes this for the file itself (CCACHE_PCH_EXTSUM), so that clones share what was compiled with it.
  set(packages "")
  if(EXISTS /var/lib/dpkg/status)
    file(SHA256 /var/lib/dpkg/status packages)
  endif()
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/${name}.dir/cmake_pch.hxx.pch.sum
       CONTENT "${CMAKE_CXX_COMPILER_VERSION} ${packages} ${CMAKE_BUILD_TYPE} ${SARAI_SANITIZE} ${ARG_HEADERS}\n")
endfunction()

function(sarai_use_precompiled target name)
  if(SARAI_PRECOMPILED)
    target_precompile_headers(${target} REUSE_FROM ${name})
  endif()
endfunction()

set(SARAI_PRECOMPILED_LINK Boost::headers Boost::json fmt::fmt spdlog::spdlog)
set(SARAI_PRECOMPILED_HEADERS as_tuple.hpp awaitable.hpp bind_cancellation_slot.hpp cancel_after.hpp co_spawn.hpp
    experimental/awaitable_operators.hpp generic/stream_protocol.hpp io_context.hpp ip/tcp.hpp local/stream_protocol.hpp post.hpp
    read.hpp steady_timer.hpp this_coro.hpp thread_pool.hpp use_awaitable.hpp use_future.hpp write.hpp)
list(TRANSFORM SARAI_PRECOMPILED_HEADERS PREPEND boost/asio/)
list(APPEND SARAI_PRECOMPILED_HEADERS boost/beast/http/message.hpp boost/beast/http/parser.hpp boost/beast/http/string_body.hpp)
list(APPEND SARAI_PRECOMPILED_HEADERS algorithm array charconv chrono cmath deque expected filesystem fstream functional
     map memory optional random ranges set span sstream string string_view utility variant vector
     boost/json.hpp fmt/format.h fmt/ranges.h spdlog/spdlog.h)
if(SARAI_PRECOMPILED)
  sarai_precompiled(sarai_headers LINK ${SARAI_PRECOMPILED_LINK} HEADERS ${SARAI_PRECOMPILED_HEADERS})
endif()
