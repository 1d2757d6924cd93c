# One target per folder of src/. Its links state its real includes: an arrow that is not drawn here does not compile,
# since every module's headers are reached only through its own target.

add_library(sarai_warnings INTERFACE)
target_compile_options(sarai_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
                       -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 16 sees a dangling pointer in Asio's coroutine frames where there is none.
  target_compile_options(sarai_warnings INTERFACE -Wno-dangling-pointer -Wno-mismatched-new-delete)
endif()
if(SARAI_WERROR)
  target_compile_options(sarai_warnings INTERFACE -Werror)
endif()

add_library(sarai_options INTERFACE)
target_link_libraries(sarai_options INTERFACE sarai_warnings)
if(SARAI_SANITIZE)
  target_compile_options(sarai_options INTERFACE -fsanitize=${SARAI_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(sarai_options INTERFACE -fsanitize=${SARAI_SANITIZE})
  if(SARAI_SANITIZE STREQUAL "address")
    target_compile_options(sarai_options INTERFACE -fsanitize=undefined -fno-sanitize-recover=undefined)
    target_link_options(sarai_options INTERFACE -fsanitize=undefined)
  endif()
endif()

# sarai_module(NAME [DEPENDS module…] [LINK target…]): a static library of every .cpp in the current folder.
# Include paths are "module/header.hpp"; each module exports only its own folder, through a link farm.
function(sarai_module name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  set(farm ${PROJECT_BINARY_DIR}/include/${name})
  file(MAKE_DIRECTORY ${farm})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${farm}/${name} SYMBOLIC)
  if(sources)
    add_library(sarai_${name} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(sarai_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(sarai::${name} ALIAS sarai_${name})
  target_include_directories(sarai_${name} ${scope} ${farm})
  target_link_libraries(sarai_${name} ${scope} sarai_options ${ARG_LINK})
  foreach(dependency ${ARG_DEPENDS})
    target_link_libraries(sarai_${name} ${scope} sarai::${dependency})
  endforeach()
endfunction()
