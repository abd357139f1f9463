#!/bin/sh
# The first process of a cell: makes the world around it, holds the lifeline, runs script.sh. See enclosure.py.
#
# $1: root of the world   $2: folder of the cell   $3: program to place at /mnt/tool or ""
# $4: how to go down: "" or the uid that an unprivileged user is to have   $5, $6: $1 and $2 as words of fstab(5)
# $7: "own" when the cell needs a /dev/fuse of its own, since the user may not open the machine's (0600 on some)
set -eu
root=$1 cell=$2 tool=$3 uid=$4
exec 3<&0 </dev/null
if [ "$root" = / ]; then
  root=
  if [ "$7" = own ]; then
    mount -t tmpfs tmpfs /mnt
    mknod -m 666 /mnt/fuse c 10 229
    mount --bind /mnt/fuse /dev/fuse
    umount -l /mnt
  fi
  mount --bind "$cell" /mnt
else
  # One process for all mounts: "mount -a" reads them from a table. The world is read-only where the kernel lets us.
  dev="/dev $5/dev none rbind"
  if [ "$7" = own ]; then
    dev="tmpfs $5/dev tmpfs mode=755"
  fi
  printf '%s\n' "$5 $5 none bind,ro" "$dev" "proc $5/proc proc" "$6 $5/mnt none bind" >"$cell/../fstab"
  mount -a -T "$cell/../fstab" || :  # in a user namespace a read-only bind may be refused; what must be there is seen here:
  [ -e "$root/proc/self" ] && [ -e "$root/mnt/script.sh" ] || exit 2
  case $dev in tmpfs*)
    cp -a /dev/null /dev/zero /dev/urandom "$root/dev"
    [ ! -e /dev/fuse ] || mknod -m 666 "$root/dev/fuse" c 10 229
  esac
fi
[ -z "$tool" ] || mount --bind "$tool" "$root/mnt/tool"
if [ -n "$root" ]; then
  cd "$root"
  pivot_root . .
  umount -l .
fi
cd /mnt
trap 'exit 143' TERM
{ read -r _ <&3 || :; kill -TERM 1; } &
exec 3<&-
if [ -n "$uid" ]; then
  setpriv --reuid "$uid" --regid "$uid" --clear-groups unshare --user --map-root-user --mount --propagation private sh script.sh &
else
  sh script.sh &
fi
wait $!
