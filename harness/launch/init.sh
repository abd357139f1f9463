#!/bin/sh
# The first process of a cell: makes the world around it, holds the lifeline, runs script.sh. See enclosure.py.
#
# $1: root of the world   $2: folder of the cell   $3: program to place at /mnt/tool or ""
# $4: how to go down: "" or the uid that an unprivileged user is to have   $5: 1 when the cell needs loop devices
set -eu
root=$1 cell=$2 tool=$3 uid=$4 loop=$5
exec 3<&0 </dev/null
if [ "$root" = / ]; then
  root=
  if [ -n "$uid" ] && [ -e /dev/fuse ]; then  # /dev/fuse is 0600 on some machines: a node of the cell's own
    mount -t tmpfs tmpfs /mnt
    mknod -m 666 /mnt/fuse c 10 229
    mount --bind /mnt/fuse /dev/fuse
    umount -l /mnt
  fi
else
  mount -o bind,ro "$root" "$root" 2>/dev/null || mount --bind "$root" "$root"
  if [ "$LAB_REAL_ROOT" = 1 ]; then  # device nodes of the cell's own; a user namespace may not make them
    mount -t tmpfs -o mode=755 tmpfs "$root/dev"
    devices='/dev/null /dev/zero /dev/urandom'
    [ "$loop" = 0 ] || devices="$devices /dev/loop*"
    if [ -z "$uid" ]; then
      cp -a $devices /dev/fuse "$root/dev" 2>/dev/null || cp -a $devices "$root/dev"
    else  # /dev/fuse is 0600 on some machines
      cp -a $devices "$root/dev"
      [ ! -e /dev/fuse ] || mknod -m 666 "$root/dev/fuse" c 10 229
    fi
  else
    mount --rbind /dev "$root/dev"
  fi
  mount -t proc proc "$root/proc"
fi
mount --bind "$cell" "$root/mnt"
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
