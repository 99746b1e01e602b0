# One compiler, one set of warnings, one place for sanitizers (docs/decisions/0001).

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR
    "g++ ${CMAKE_CXX_COMPILER_VERSION} destroys temporaries twice in statements with co_await. "
    "Use clang-19: cmake --preset release, or make.")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 17)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(AGENTCMD_LIBEXEC ${CMAKE_BINARY_DIR}/libexec/agentcmd)

set(AGENTCMD_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=")
option(AGENTCMD_WERROR "Treat warnings as errors" OFF)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# All code.
add_library(agentcmd_options INTERFACE)
target_compile_options(agentcmd_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wimplicit-fallthrough
  -Wnull-dereference -Wformat=2 -Wno-missing-designated-field-initializers
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual>
  $<$<BOOL:${AGENTCMD_WERROR}>:-Werror>)
# ccache can only reuse a precompiled header whose timestamps are left out.
target_compile_options(agentcmd_options INTERFACE
  $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Xclang -fno-pch-timestamp>)
# CMake also names the header itself, by an option whose path ccache does not make relative, so that
# no two checkouts would share an object.
set(CMAKE_CXX_COMPILE_OPTIONS_USE_PCH -Xclang -include-pch -Xclang <PCH_FILE>)
target_include_directories(agentcmd_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(agentcmd_options INTERFACE AGENTCMD_VERSION="${PROJECT_VERSION}")
if(AGENTCMD_SANITIZE)
  # libsoci does not export the typeinfo that the check of virtual tables refers to.
  string(REPLACE "undefined" "undefined -fno-sanitize=vptr" sanitizers ${AGENTCMD_SANITIZE})
  separate_arguments(sanitizers)
  add_compile_options(-fsanitize=${sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${sanitizers})
endif()

# Product code only: gtest itself needs global constructors.
add_library(agentcmd_strict INTERFACE)
target_compile_options(agentcmd_strict INTERFACE
  $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Wglobal-constructors -Wexit-time-destructors>)
