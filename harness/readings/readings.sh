# ---- what readings use ----------------------------------------------------------------------------------------------
# unpack NUMBER LAYER FOLDER: a layer that was given, laid out as a folder. What this user may not make or set is told in NUMBER/laid.
unpack() {
  tar -C "$1/$3" --numeric-owner --xattrs --xattrs-include='*' -xpf "given/$1.$2.tar" 2>>"$out/$1/laid"
}

# reading NUMBER FUNCTION [WORD...]: one of many, in a folder and a subshell of its own. Its exit code stands in "readings" when it ended.
reading() {
  number=$1; shift
  (
    cd "$number" || exit 3
    cell=$PWD here=$here/$number out=$out/$number
    "$@" >>"$out/said" 2>&1 </dev/null
  )
  printf '%s %s\n' "$number" "$?" >>"$out/readings" || die 'the evidence cannot be written'
}

# let_go: whatever is still mounted in the folder of this reading, the last first.
let_go() {
  found=
  while read -r _ _ _ _ where _; do
    case $where in "$here"/*) found="$where
$found" ;; esac
  done </proc/self/mountinfo
  printf %s "$found" | while read -r where; do umount -l "$(printf %b "$where")"; done
}

# show FOLDER: the tree that was made of what was given, without times: equal trees are equal files.
show() {
  tar -C "$1" --quoting-style=escape --format=posix --xattrs --xattrs-include='*' --numeric-owner --mtime=@0 \
    --pax-option=delete=atime,delete=ctime,delete=mtime,globexthdr.name=g,exthdr.name=%f \
    -cvf "$out/view.tar" . >"$out/view.names" 2>"$out/view.err"
  printf 'view %s\n' "$?" >>"$out/taken" || die 'the evidence cannot be written'
}

# packed FILE: the layer that was made of what was given.
packed() { mv "$1" "$out/packed.layer"; }

# lay_canary: beside the folders of the readings, a folder whose content is known. A name that leads out of a tree leads there.
lay_canary() {
  rm -rf canary
  mkdir -p canary/d && echo kept >canary/file && echo kept >canary/d/file || die 'the canary cannot be laid'
  as_laid=$(canary_now)
  case $as_laid in *canary/d/file*) ;; *) die 'the canary cannot be looked at: this needs find' ;; esac
}
canary_now() { find canary -printf '%p %y %m %U %G %s %n %T@ %l\n' 2>&1; }

# look_canary NUMBER: what that reading changed there is evidence, and is laid anew for the next one.
look_canary() {
  found=$(canary_now)
  [ "$found" = "$as_laid" ] && return
  printf '%s\n-- as it was laid:\n%s\n' "$found" "$as_laid" >"out/$1/touched" || die 'the evidence cannot be written'
  lay_canary
}
