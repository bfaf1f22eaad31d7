# What is worth the time on an older kernel that has cgroup v2 alone. Read by script/test-vm and by the guest.

# Native tests: NAME of build/test/native/test_NAME, or NAME:FILTER.
native=(sys cgroup runtime monitor 'seccomp:SeccompInstall.*:*AChildUnderDockersProfile*')

# Test files. One that needs an ordinary user finds one there: see make_user in test/vm/run-tests.
suites=(
  test/system/cgroup-v2.test.ts
  test/system/limits.test.ts
  test/system/storage-size.test.ts
  test/system/rootless-limits.test.ts
  test/runtime/launch.test.ts
  test/runtime/exec.test.ts
  test/runtime/state.test.ts
  test/containers/run.test.ts
  test/containers/containers.test.ts
  test/containers/killed-monitor.test.ts
  test/oci-runtime/lifecycle.test.ts
  test/oci-runtime/resources.test.ts
  test/oci-runtime/spec-resources.test.ts
  test/oci-runtime/hooks.test.ts
  test/oci-runtime/crash.test.ts
  test/bindings/cgroup.test.ts
  test/bindings/probe.test.ts
  test/security/cve-2019-5736.test.ts
  test/security/mount-target-links.test.ts
)

# choose_tests [native:NAME[:FILTER] | FILE]...: these instead, when there are any.
choose_tests() {
  local test
  [ "$#" -gt 0 ] || return 0
  native=() suites=()
  for test in "$@"; do
    case "$test" in
      native:*) native+=("${test#native:}") ;;
      *) suites+=("$test") ;;
    esac
  done
}
