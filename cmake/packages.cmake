# Every third-party library, found once. Which folder may include which: docs/decisions/0008.

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(tl-expected REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(CURL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
find_package(valijson QUIET)

find_package(PkgConfig REQUIRED)
pkg_check_modules(JSC REQUIRED IMPORTED_TARGET javascriptcoregtk-4.1)

# Debian ships SOCI without a CMake configuration.
find_library(SOCI_CORE soci_core REQUIRED)
find_library(SOCI_SQLITE3 soci_sqlite3 REQUIRED)
find_path(SOCI_INCLUDE soci/soci.h REQUIRED)
add_library(soci INTERFACE)
target_include_directories(soci SYSTEM INTERFACE ${SOCI_INCLUDE})
target_link_libraries(soci INTERFACE ${SOCI_SQLITE3} ${SOCI_CORE} SQLite::SQLite3)
# SOCI hides the type information of some classes that its headers use; the check of the dynamic
# type would need it to link.
if(AGENTCMD_SANITIZE)
  target_compile_options(soci INTERFACE -fno-sanitize=vptr)
endif()
