# ---- a fault in the daemon: it is killed, or told of an error, at one of its system calls ---------------------------
# It runs under strace, which the cell's folder holds with its libraries, since no world has it; in the first mount alone.
real=$program
faulty() {
  if [ -e "$cell/fault/done" ]; then exec "$real" "$@"; fi
  : >"$cell/fault/done"
  exec "$cell/fault/ld.so" --library-path "$cell/fault" "$cell/fault/strace" -D -f -y -qq -s 4096 -e signal=none \
    -o "$out/fault.trace" -e "trace=$fault_call" -e "inject=$fault_call:$fault:when=$fault_when" "$real" "$@"
}
program=faulty
# The plain directory is looked at after each step: what must be there where a step was cut short.
step() {
  number=$1; shift
  printf 'step %s\n' "$number" >>"$out/$tree.steps" || die 'the evidence cannot be written'
  "$@" >>"$out/$tree.steps" 2>&1 </dev/null
  came=$?
  printf '\nexit %s\n' "$came" >>"$out/$tree.steps" || die 'the evidence cannot be written'
  [ "$tree" != oracle ] || tar -C "$cell/oracle" --format=posix --xattrs --xattrs-include='*' --numeric-owner -cf "$out/after-$number.tree" .
}
