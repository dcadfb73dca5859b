# shellcheck shell=bash
# TAP for tests written in shell. Source it, call the functions below, end with tap_done.
#
#   check "what is true" command args…      one point: ok if the command succeeds
#   check_not "what is refused" command …   one point: ok if it fails
#   is "what" "$got" "$expected"            one point: ok if equal
#   skip "what" "why"                       one point, skipped (a failure in CI)
#   skip_all "why"                          ends the test, everything skipped
#   bail "why"                              ends the test at once as failed
#   wait_for SECONDS "what" command …       polls until the command succeeds; status 1 at the deadline
#   at_exit command …                       runs at the end, last one first, whatever happens
#   diag "text"                             a comment in the output

tap_count=0
tap_failed=0
tap_cleanups=()

diag () { printf '# %s\n' "$@"; }

tap_result () {
  tap_count=$((tap_count + 1))
  if [ "$1" = 0 ]; then
    printf 'ok %d - %s\n' "$tap_count" "$2"
  else
    printf 'not ok %d - %s\n' "$tap_count" "$2"
    tap_failed=1
  fi
}

# Runs a command with its output as TAP comments, shown only when it matters.
tap_run () {
  local output status=0
  output=$("$@" 2>&1) || status=$?
  tap_output=$output
  return $status
}

check () {
  local what=$1 status=0
  shift
  tap_run "$@" || status=$?
  tap_result $status "$what"
  [ $status = 0 ] || printf '%s\n' "command: $*" "status: $status" "$tap_output" | sed 's/^/# /'
}

check_not () {
  local what=$1 status=0
  shift
  tap_run "$@" || status=$?
  if [ $status != 0 ]; then
    tap_result 0 "$what"
  else
    tap_result 1 "$what"
    printf '%s\n' "should have failed: $*" "$tap_output" | sed 's/^/# /'
  fi
}

is () {
  if [ "$2" = "$3" ]; then
    tap_result 0 "$1"
  else
    tap_result 1 "$1"
    printf '%s\n' "got:      $2" "expected: $3" | sed 's/^/# /'
  fi
}

skip () {
  tap_count=$((tap_count + 1))
  printf 'ok %d - %s # SKIP %s\n' "$tap_count" "$1" "$2"
}

skip_all () {
  printf '1..0 # SKIP %s\n' "$1"
  exit 77
}

bail () {
  printf 'Bail out! %s\n' "$1"
  exit 1
}

tap_done () {
  printf '1..%d\n' "$tap_count"
  exit $tap_failed
}

wait_for () {
  local seconds=$1 what=$2 deadline now
  shift 2
  deadline=$((${EPOCHREALTIME/[.,]/} + seconds * 1000000))
  until "$@" >/dev/null 2>&1; do
    now=${EPOCHREALTIME/[.,]/}
    if [ "$now" -ge $deadline ]; then
      diag "waited ${seconds} s in vain for: $what"
      return 1
    fi
    # 50 ms between looks. The descriptor never has data: this is a wait without a process.
    read -r -t 0.05 -u "$tap_never" || true
  done
}

at_exit () { tap_cleanups+=("$(printf '%q ' "$@")"); }

tap_cleanup () {
  local i
  for ((i = ${#tap_cleanups[@]} - 1; i >= 0; i--)); do
    eval "${tap_cleanups[i]}" || true
  done
}

exec {tap_never}<> <(:)
trap tap_cleanup EXIT
trap 'exit 130' INT TERM
