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
