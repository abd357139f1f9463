# ---- a fault in the daemon: it is killed, or told of an error, at one of its system calls ---------------------------
# It runs under strace, which the cell's folder holds with its libraries, since no world has it; in the first mount alone.
# It stands behind serving.sh.
faulty() {
  if [ -e "$cell/fault/done" ]; then serving "$@"; fi
  : >"$cell/fault/done"
  alone_on_a_processor "$cell/fault/ld.so" --library-path "$cell/fault" "$cell/fault/strace" -D -f -y -qq -s 4096 -e signal=none \
    -o "$out/fault.trace" -e "trace=$fault_call" -e "inject=$fault_call:$fault:when=$fault_when" "$single" "$@"
}
program=faulty
