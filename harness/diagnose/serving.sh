# The n-th call of a daemon is the same one in each run where one thread serves, and where what was written before a step has come to it.
# Release 2 of fuse-overlayfs has a thread for each processor that it may use, and the kernel tells it late of what was written.
single=$program
alone_on_a_processor() {
  cpu=$(taskset -cp $$) || exit
  exec taskset -c "${cpu##*[-,: ]}" "$@"
}
serving() { alone_on_a_processor "$single" "$@"; }
program=serving
before_step() { [ "$tree" = "$looked_tree" ] || sync -f .; }
