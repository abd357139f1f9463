# ---- what every cell uses -------------------------------------------------------------------------------------------
# say PHASE: where the script is; the last line tells where a run that did not end was stopped.
say() { printf '%s\n' "$1" >>"$out/phases" || die 'the evidence cannot be written'; }

# die WORDS: the machine did not do its part; nothing is judged.
die() { printf '%s\n' "$1" >"$out/broken"; exit 3; }

# refuse WORDS: the tool does not mount this, and says so: an answer like others, which is judged.
refuse() { printf '%s\n' "$1" >"$out/refused"; exit 5; }

# step NUMBER COMMAND...: one step in the current folder; its words and its exit code are kept, and the run goes on.
step() {
  number=$1; shift
  printf 'step %s\n' "$number" >>"$out/$tree.steps" || die 'the evidence cannot be written'
  "$@" >>"$out/$tree.steps" 2>&1 </dev/null
  printf '\nexit %s\n' "$?" >>"$out/$tree.steps" || die 'the evidence cannot be written'
}
# on TREE STEPS [FOLDER]: the steps, done in the folder of a tree; a tree that cannot be entered has none.
on() {
  tree=$1
  cd "${3:-$1}" || return
  "$2"
  cd "$cell"
}
write() { printf %s "$2" >"$1"; }
append() { printf %s "$2" >>"$1"; }
rename() { perl -e 'rename $ARGV[0], $ARGV[1] or do { print STDERR "rename: $!\n"; exit 1 }' "$1" "$2"; }
names() { ls -Ab "$1"; }

# $here: the cell's folder as the kernel writes it in mountinfo, with white space and backslashes as octal numbers.
here= rest=$cell
while [ -n "$rest" ]; do
  tail=${rest#?}
  one=${rest%"$tail"}
  case $one in
    ' ') one='\040' ;;
    '	') one='\011' ;;
    '
') one='\012' ;;
    '\') one='\134' ;;
  esac
  here=$here$one rest=$tail
done

# mounted FOLDER: whether something is mounted on this folder of the cell, asked of the kernel without a process.
mounted() {
  while read -r _ _ _ _ where _; do
    [ "$where" != "$here/$1" ] || return 0
  done </proc/self/mountinfo
  return 1
}

# table: what is mounted, as the kernel says it.
table() {
  while read -r line; do printf '%s\n' "$line"; done </proc/self/mountinfo >"$out/mounts"
}

# await FOLDER PID: until the daemon has mounted, or is gone.
await() {
  until mounted "$1"; do
    kill -0 "$2" 2>/dev/null || return 1
    sleep 0.004
  done
}

# take NAME FOLDER: the tree as a PAX tar with every xattr that can be read, and the names that readdir gave: those that were
# packed in NAME.names, those that could not be looked at or opened in NAME.err; that it came to its end, and how, in "taken".
take() {
  tar -C "$2" --quoting-style=escape --format=posix --xattrs --xattrs-include='*' --numeric-owner \
    -cvf "$out/$1.tar" . >"$out/$1.names" 2>"$out/$1.err"
  printf '%s %s\n' "$1" "$?" >>"$out/taken" || die 'the evidence cannot be written'
  # what shares an inode and is no regular file stands in a tar as if it did not: link count, inode, path
  if [ "$1" = upper ]; then (cd "$2" && find . ! -type d ! -type f -links +1 -printf '%n %i %p\0' >"$out/$1.links" 2>>"$out/parts.log"); fi
}

# reach NAME FOLDER PATH...: which paths of the scenario are found by looking them up, whatever readdir says; by their number.
reach() {
  name=$1 folder=$2 number=0; shift 2
  for path; do
    if [ -e "$folder/$path" ] || [ -L "$folder/$path" ]; then printf '%s\n' "$number"; fi
    number=$((number + 1))
  done >"$out/$name.reached"
}

# left FOLDER: what the tool left in its work folder.
left() {
  for path in "$1"/* "$1"/*/*; do
    if [ -e "$path" ]; then printf '%s\n' "$path"; fi
  done >"$out/work.left"
}
