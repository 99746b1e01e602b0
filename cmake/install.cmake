# The helpers beside the binary (installed by src/app): bin/agentcmd finds them at
# ../libexec/agentcmd, in the build tree as in an installation.

install(DIRECTORY ${AGENTCMD_LIBEXEC} DESTINATION libexec USE_SOURCE_PERMISSIONS)

# What is installed, without the tests: make builds this.
add_custom_target(product DEPENDS
  agentcmd agentcmd-worker agentcmd-supervise agentcmd-scripted-agent sdk)
