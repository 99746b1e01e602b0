# layer(NAME n SOURCES ... HEADERS ... USES ... PRIVATE_USES ... TESTS ...)
#
# One folder is one layer: a static library agentcmd::n, a verified header set, a test binary n_test
# (suites discovered by gtest), and a line in layers.txt, which tests/layers_test.cc compares with the
# #include lines. USES names layers and is transitive; `base` is open to all. PRIVATE_USES names
# third-party targets that no header of the layer mentions.

set_property(GLOBAL PROPERTY AGENTCMD_LAYERS "")

function(layer)
  cmake_parse_arguments(L "" "NAME" "SOURCES;HEADERS;USES;PRIVATE_USES;TESTS;TEST_USES" ${ARGN})
  set(target agentcmd_${L_NAME})
  add_library(${target} STATIC ${L_SOURCES})
  add_library(agentcmd::${L_NAME} ALIAS ${target})
  target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS ${CMAKE_SOURCE_DIR}/src FILES ${L_HEADERS})
  set_target_properties(${target} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  target_link_libraries(${target} PUBLIC agentcmd_options PRIVATE agentcmd_strict ${L_PRIVATE_USES})
  foreach(used IN LISTS L_USES)
    target_link_libraries(${target} PUBLIC agentcmd::${used})
  endforeach()
  if(L_NAME STREQUAL "base")
    target_precompile_headers(${target} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch.h)
  else()
    target_link_libraries(${target} PUBLIC agentcmd::base)
    target_precompile_headers(${target} REUSE_FROM agentcmd_base)
  endif()
  if(L_TESTS)
    add_executable(${L_NAME}_test ${L_TESTS})
    target_link_libraries(${L_NAME}_test PRIVATE ${target} ${L_PRIVATE_USES} ${L_TEST_USES}
                          GTest::gtest_main)
    target_precompile_headers(${L_NAME}_test REUSE_FROM agentcmd_base)
    target_compile_definitions(${L_NAME}_test PRIVATE
      AGENTCMD_TEST_LIBEXEC="${AGENTCMD_LIBEXEC}" AGENTCMD_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    gtest_discover_tests(${L_NAME}_test DISCOVERY_TIMEOUT 60
      PROPERTIES TIMEOUT 300 LABELS ${L_NAME})
  endif()
  list(JOIN L_USES " " uses)
  set_property(GLOBAL APPEND PROPERTY AGENTCMD_LAYERS "${L_NAME}: ${uses}")
endfunction()

function(write_layer_list)
  get_property(layers GLOBAL PROPERTY AGENTCMD_LAYERS)
  list(JOIN layers "\n" text)
  file(WRITE ${CMAKE_BINARY_DIR}/layers.txt "${text}\n")
endfunction()
