# A folder of the cell's, $looked_at, is looked at after each step in the tree $looked_tree.
step() {
  number=$1; shift
  printf 'step %s\n' "$number" >>"$out/$tree.steps" || die 'the evidence cannot be written'
  before_step
  "$@" >>"$out/$tree.steps" 2>&1 </dev/null
  printf '\nexit %s\n' "$?" >>"$out/$tree.steps" || die 'the evidence cannot be written'
  after_step
}
before_step() { :; }
after_step() { look; }
look() {
  [ "$tree" != "$looked_tree" ] || tar -C "$cell/$looked_at" --format=posix --xattrs --xattrs-include='*' --numeric-owner -cf "$out/after-$number.tree" .
}
