# bin/agentcmd finds its helpers at ../libexec/agentcmd, in the build tree as in an installation.

install(PROGRAMS ${CMAKE_BINARY_DIR}/bin/agentcmd DESTINATION bin)
install(DIRECTORY ${AGENTCMD_LIBEXEC} DESTINATION libexec USE_SOURCE_PERMISSIONS)
