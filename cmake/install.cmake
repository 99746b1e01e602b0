# The helpers beside the binary (installed by src/app): bin/agentcmd finds them at
# ../libexec/agentcmd, in the build tree as in an installation.

install(DIRECTORY ${AGENTCMD_LIBEXEC} DESTINATION libexec USE_SOURCE_PERMISSIONS)
