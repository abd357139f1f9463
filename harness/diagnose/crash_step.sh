# The log of the disk is told where a step begins, and where all that it wrote is on the disk. It stands behind after_step.sh.
before_step() { [ "$tree" = "$looked_tree" ] || { sync -f "$cell" && note "step-$number"; }; }
after_step() {
  look
  [ "$tree" = "$looked_tree" ] || { sync -f "$cell" && note "after-$number"; }
}
note() { dmsetup message disk 0 mark "$1" || die 'the log of the disk takes no mark'; }
