# ---- what came of it, when the script runs alone --------------------------------------------------------------------
# In a cell of the lab nothing of this is run: what was seen is judged there, by more rules than these.
alone() { [ -z "${WHITEOUT_LAB_CELL:-}" ]; }

# bug PATH WHAT: one thing that is not as it should be. Bytes of a name that are not to be printed are shown as ?.
bug() {
  bugs=$((bugs + 1))
  printf %s "BUG: ${1#./}: $2" | tr -c '[:print:]' '?'
  echo
}
# each WHAT: a bug for each line of the input, which is a path as tar writes it.
each() {
  while IFS= read -r path; do bug "$path" "$1"; done
}

# seen NAME PATH...: a tree that was taken, beside the oracle: names, then types, contents, modes, owners, targets; then what is
# found by looking a path up.
seen() {
  name=$1; shift
  [ -e "$out/$name.tar" ] || return 0
  for list in "$name" oracle; do
    sort "$out/$list.names" >"$out/$list.listed"
    sed -n 's/^tar: \(.*\): Cannot \(stat\|open\|read\|readlink\|opendir\).*/\1/p' "$out/$list.err" | sort -u >"$out/$list.closed"
  done
  comm -23 "$out/$name.closed" "$out/oracle.closed" >"$out/differs"
  each "is listed and cannot be opened ($name)" <"$out/differs"
  comm -23 "$out/$name.listed" "$out/oracle.listed" >"$out/differs"
  each "is there and must not be ($name)" <"$out/differs"
  comm -13 "$out/$name.listed" "$out/oracle.listed" >"$out/differs"
  each "must be there and is not ($name)" <"$out/differs"
  tar -C oracle --quoting-style=escape -df "$out/$name.tar" 2>/dev/null |
    grep -Ev ": (Mod time|$ignored) differs$" >"$out/differs"
  while IFS= read -r line; do bug "${line%: *}" "${line##*: }, beside the oracle ($name)"; done <"$out/differs"
  [ "$name" = sealed-view ] || while read -r wanted found path; do
    case $wanted$found in
      yn) bug "$path" "must be found by its name and is not ($name)" ;;
      ny) bug "$path" "is found by its name and must not be ($name)" ;;
    esac
  done <<EOF
$(looked_up "$@")
EOF
  rm -f "$out/differs" "$out/$name.listed" "$out/$name.closed" "$out/oracle.listed" "$out/oracle.closed"
}
# looked_up PATH...: for each path, whether the oracle has it, whether it was found; y or n.
looked_up() {
  number=0
  for path; do
    wanted=n found=n
    if [ -e "oracle/$path" ] || [ -L "oracle/$path" ]; then wanted=y; fi
    if grep -qx "$number" "$out/$name.reached"; then found=y; fi
    printf '%s %s ' "$wanted" "$found"
    printf %s "$path" | tr -c '[:print:]' '?'
    echo
    number=$((number + 1))
  done
}

# steps: exit codes beside those of the oracle, and what was said where that is the point of a step. One line for each.
steps() {
  awk '
    function tell() { if (n != "") { sub(/\n+$/, "", words); gsub(/(^|\n)directory [0-9]+/, "\ndirectory", words)
      sub(/^\n/, "", words); gsub(/\n/, "\\n", words); gsub(/[^ -~]/, "?", words)
      line[tree, n] = code ? "fails" : "succeeds" (words == "" ? "" : ", says " words); bad[tree, n] = code } }
    FNR == 1 { tell(); n = ""; tree++ }
    /^step [0-9]+$/ { tell(); n = $2; words = ""; if (tree == 1) order[++count] = n; next }
    /^exit [0-9]+$/ { code = $2; next }
    { words = words "\n" $0 }
    END { tell(); for (i = 1; i <= count; i++) { n = order[i]
      if ((2, n) in line && line[1, n] != line[2, n])
        print "step " n + 1 ": " line[1, n] "; on a plain directory it " line[2, n] } }
  ' "$out/merged.steps" "$out/oracle.steps"
}

# answers: the programs that refused an image on its journey, each with the last line of its words.
answers() {
  [ ! -e "$out/answers" ] || awk '
    function tell() { if (code) print who ": refused, exit code " code ": " words }
    /^asked / { tell(); who = $0; sub(/^asked [^ ]+ /, "", who); code = 0; words = ""; next }
    /^exit / { code = $2; next }
    /^  / { words = $0; sub(/^ +/, "", words) }
    END { tell() }
  ' "$out/answers"
}

# whiteout FILE: whether it is a character device 0:0.
whiteout() { [ -c "$1" ] && [ "$(stat -c %t:%T "$1")" = 0:0 ]; }
# opaque FOLDER: whether it hides what lies below, by a file or by an xattr.
opaque() {
  [ -e "$1/.wh..wh..opq" ] ||
    getfattr -h -d -m '^(trusted|user)\.(overlay|fuseoverlayfs)\.opaque$' "./$1" 2>/dev/null | grep -q '="y"$'
}
# hidden PATH: whether a lower layer shows something under this path, the uppermost layer first.
hidden() {
  for layer in $layers; do
    rest=$1 at=$layer
    while :; do
      one=${rest%%/*}
      if whiteout "$at/$one" || [ -e "$at/.wh.$one" ]; then return 1; fi
      if [ ! -e "$at/$one" ] && [ ! -L "$at/$one" ]; then
        if opaque "$at"; then return 1; fi
        break
      fi
      [ "$one" != "$rest" ] || return 0
      [ -d "$at/$one" ] || return 1
      at=$at/$one rest=${rest#*/}
    done
  done
  return 1
}
# marks FOLDER INSIDE: whiteouts in the upper, folder by folder. INSIDE: yes below an opaque folder.
marks() {
  [ "$2" = yes ] || ! opaque "$1" || set -- "$1" yes
  for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    base=${entry##*/}
    if [ -L "$entry" ]; then continue; fi
    if whiteout "$entry"; then
      gone=$entry
      case $base in .wh.* | .opq) hidden "${gone#"$upper"/}" || bug "${entry#"$upper"/}" "a device 0:0 deletes $base, which is a marker's own name" ; continue ;; esac
    elif [ -f "$entry" ] && case $base in .wh..wh.*) false ;; .wh.?*) ;; *) false ;; esac then
      gone=${entry%/*}/${base#.wh.}
      if { [ -e "$gone" ] || [ -L "$gone" ]; } && ! whiteout "$gone"; then
        bug "${entry#"$upper"/}" "stands beside the name that it says is gone"
      fi
    elif [ -d "$entry" ]; then
      marks "$entry" "$2"
      continue
    else
      continue
    fi
    [ "$2" = no ] || bug "${entry#"$upper"/}" "a whiteout below an opaque directory"
    hidden "${gone#"$upper"/}" || bug "${entry#"$upper"/}" "a whiteout that hides nothing: no lower layer has the name"
  done
}

# verdict UPPER PATH...: everything; UPPER is the folder that was written to, or "" where that is no folder here.
# $layers: the folders below it, the uppermost first. $ignored: what of a tree is no evidence.
verdict() {
  upper=$1; shift
  bugs=0
  for name in view remount readonly sealed-view; do seen "$name" "$@"; done
  { steps; answers; } >"$out/differs"
  while IFS= read -r line; do bug "${line%%: *}" "${line#*: }"; done <"$out/differs"
  [ -z "$refusal" ] || bug . "is mounted, which the tool must refuse"
  while read -r code; do [ "$code" -eq 0 ] || bug daemon.log "the program ended with exit code $code"; done 2>/dev/null <"$out/daemon.exit"
  [ -z "$upper" ] || [ ! -d "$upper" ] || marks "$upper" no
  rm -f "$out/differs"
}

# ended: the last words of a script that runs alone, and its exit code.
ended() {
  code=$?
  trap - EXIT
  case $code in
    0) if [ -z "${bugs:-}" ]; then echo "not everything was done: see $out" >&2; exit 3; fi ;;
    4) bugs=1; echo "BUG: the program died before it had mounted" ;;
    5)
      code=1 result=BUG
      if [ -n "$refusal" ] && ! grep -qx 'steps 1' "$out/phases"; then code=0 result='as it should be'; fi
      printf %s "$result: it is not mounted: $(cat "$out/refused")" | tr -c '[:print:]' ' '; echo
      exit "$code" ;;
    *) echo "the machine did not do its part (exit code $code): $(cat "$out/broken" 2>/dev/null)" >&2; exit 3 ;;
  esac
  [ "$bugs" -eq 0 ] || exit 1
  echo 'as it should be'
  exit 0
}
