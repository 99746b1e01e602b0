#!/bin/sh
# Prints what differs and fails.
failed=0
expect() {
  got=$(sh bin/slug "$1")
  [ "$got" = "$2" ] && return
  echo "slug '$1' prints '$got', expected '$2'"
  failed=1
}
expect "Hello World" "hello-world"
expect "What's new?" "whats-new"
expect "A  wide   gap" "a-wide-gap"
exit $failed
