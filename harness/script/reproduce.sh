# ---- what of a bundle is run: each cell's script in its own namespaces, and what came of it as an exit code ------------
here=$(CDPATH='' cd -P -- "$(dirname -- "$0")" && pwd) || exit 125
given= only='*' keep= which=
for word; do
  case $word in
    PROGRAM=*)
      given=${word#PROGRAM=}
      case $given in /*) ;; */*) given=$PWD/$given ;; *) given=$(command -v -- "$given" || echo "$given") ;; esac ;;
    ONLY=*) only=${word#ONLY=} ;;
    --keep) keep=yes ;;
    -h | --help) sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -* | *=*) echo "no such word: $word (see --help)" >&2; exit 125 ;;
    *) which=$word ;;
  esac
done
worst=0 ran=

# lack WORDS: something that the machine must have, and has not.
lack() { echo "needs $1"; lacking=yes; }

# need NAME...: whether everything is here. PROGRAM:PACKAGE is a program, and the Debian package that brings it.
need() {
  lacking=
  for one; do
    case $one in
      root) [ "$(id -u)" = 0 ] || lack 'root: it mounts' ;;
      ordinary) [ "$(id -u)" != 0 ] || lack 'an ordinary user: do not run it as root' ;;
      mounts) unshare --mount true 2>/dev/null || lack 'the privilege to mount: in a container, --privileged; in a chroot, a mount of its folder on itself before it is entered' ;;
      userns)
        unshare --user --map-root-user --mount true 2>/dev/null ||
          lack 'user namespaces for this user: see sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns' ;;
      fuse) { [ -r /dev/fuse ] && [ -w /dev/fuse ]; } || lack '/dev/fuse, readable and writable: modprobe fuse' ;;
      overlay) grep -qw overlay /proc/filesystems || lack 'the overlay file system in the kernel: modprobe overlay' ;;
      gnu-tar) tar --version 2>/dev/null | grep -q 'GNU tar' || lack 'GNU tar' ;;
      *) command -v "${one%%:*}" >/dev/null || lack "${one%%:*} (Debian: apt-get install ${one#*:})" ;;
    esac
  done
  [ -z "$lacking" ]
}

# end CODE: the worst of all cells is what it ends with: 1 before 125 before 77 before 0.
end() {
  case $1/$worst in 0/* | */1 | 77/125) ;; *) worst=$1 ;; esac
}

# bisects: whether git bisect runs this; it would take 77 for "bad", and takes 125 for "cannot be tested".
bisects() { [ -e "$(git rev-parse --git-path BISECT_START 2>/dev/null)" ]; }

# try FOLDER AS PROGRAM SECONDS HANGS NEED...: one cell. AS: root, user (of a user namespace), plain, or hands: root, who hands over to an
# ordinary user. HANGS: that it does not end in that time is what is wrong with it.
try() {
  folder=$1 as=$2 program=$3 seconds=$4 hangs=$5; shift 5
  [ -z "$which" ] || [ "$which" = "$folder" ] || return 0
  ran=yes
  echo "$folder:"
  if [ -n "$given" ] && [ -n "$program" ] && [ ! -x "$given" ]; then
    echo "  cannot be tested: there is no program $given"; end 125; return
  fi
  need "$@" >"$scratch/needs" || {
    sed 's/^/  /' "$scratch/needs"
    if bisects; then end 125; else end 77; fi
    return
  }
  if [ -n "$program" ] && [ -z "$given" ]; then
    found=$(command -v -- "$program") || {
      echo "  needs $program: install it, or name one with PROGRAM=/path/of/$program"
      if bisects; then end 125; else end 77; fi
      return
    }
  else
    found=$given
  fi
  if [ "$as" = hands ] && ! setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$scratch"; then
    echo '  needs a folder that an ordinary user may walk to: name one in TMPDIR, such as /var/tmp'
    if bisects; then end 125; else end 77; fi
    return
  fi
  if [ -z "$program" ] && [ "$(stat -f -c %T "$scratch")" = overlayfs ]; then
    echo '  needs a folder that is on no overlay: name one in TMPDIR'
    if bisects; then end 125; else end 77; fi
    return
  fi
  number=$((number + 1))
  mkdir "$scratch/$number" && cp "$here/$folder/script.sh" "$scratch/$number.sh" || exit 125
  set -- sh "$scratch/$number.sh" "$scratch/$number"
  [ -z "$found" ] || set -- "$@" "PROGRAM=$found"
  case $as in
    root | hands) set -- unshare --mount --propagation private "$@" ;;
    user) set -- unshare --user --map-root-user --mount --propagation private "$@" ;;
  esac
  timeout -k 5 "$seconds" "$@" >"$scratch/said" 2>&1 </dev/null
  code=$?
  case $code in
    0) echo '  PASS: as it should be' ;;
    1)
      code=0
      while IFS= read -r line; do
        case ${line#BUG: } in $only) code=1; printf '  %s\n' "$line" ;; esac
      done <"$scratch/said"
      [ $code = 1 ] || echo "  PASS: nothing of what ONLY names" ;;
    124 | 137)
      if [ -n "$hangs" ]; then code=1; echo "  BUG: it did not come to its end in $seconds s"
      else code=125; echo "  cannot be tested: it did not come to its end in $seconds s"; fi ;;
    *) code=125; sed 's/^/  cannot be tested: /' "$scratch/said" ;;
  esac
  end $code
}

base=${TMPDIR:-$here}
if [ ! -w "$base" ]; then base=/var/tmp; fi
scratch=$(mktemp -d "$base/whiteout-lab.XXXXXX") && chmod 755 "$scratch" || exit 125
number=0
# gone: nothing is left; a folder of another user of this namespace is deleted by that user.
gone() {
  if [ -n "$keep" ]; then echo "what was seen is in $scratch"; return; fi
  rm -rf -- "$scratch" 2>/dev/null || unshare --map-auto --map-root-user rm -rf -- "$scratch" 2>/dev/null || echo "left: $scratch" >&2
}
trap gone EXIT
trap 'exit 130' INT TERM HUP
