#!/bin/sh
# The first process of a cell: makes the world around it, holds the lifeline, runs script.sh. See enclosure.py.
#
# $1: root of the world   $2: folder of the cell   $3: program to place at /mnt/tool, or installation to place at /opt/tool, or ""
# $4: how to go down: "" or the uid that an unprivileged user is to have   $5, $6: $1 and $2 as words of fstab(5)
# $7: "own" when the cell needs a /dev/fuse of its own, since the user may not open the machine's (0600 on some);
#     "container" when its programs run containers, and so need a machine of their own around them
# $8: the folder of what cells of a run make alike, to place at /run/kept, or ""
set -eu
root=$1 cell=$2 tool=$3 uid=$4 kind=$7
exec 3<&0 </dev/null
if [ "$root" = / ]; then
  root=
  if [ "$kind" = own ]; then
    mount -t tmpfs tmpfs /mnt
    mknod -m 666 /mnt/fuse c 10 229
    mount --bind /mnt/fuse /dev/fuse
    umount -l /mnt
  fi
  mount --bind "$cell" /mnt
else
  # One process for all mounts: "mount -a" reads them from a table. The world is read-only where the kernel lets us.
  dev="/dev $5/dev none rbind"
  [ -z "$kind" ] || dev="tmpfs $5/dev tmpfs mode=755"
  printf '%s\n' "$5 $5 none bind,ro" "$dev" "proc $5/proc proc" "$6 $5/mnt none bind" >"$cell/../fstab"
  if [ "$kind" = container ]; then
    # crun wants a plain cgroup2 there; the sysfs is that of the cell's own network
    printf '%s\n' "sysfs $5/sys sysfs" "cgroup2 $5/sys/fs/cgroup cgroup2" "tmpfs $5/run tmpfs mode=755" "tmpfs $5/tmp tmpfs mode=1777" \
      >>"$cell/../fstab"
  fi
  mount -a -T "$cell/../fstab" || :  # in a user namespace a read-only bind may be refused; what must be there is seen here:
  [ -e "$root/proc/self" ] && [ -e "$root/mnt/script.sh" ] || exit 2
  case $dev in tmpfs*)
    cp -a /dev/null /dev/zero /dev/urandom "$root/dev"
    [ ! -e /dev/fuse ] || mknod -m 666 "$root/dev/fuse" c 10 229
  esac
fi
if [ "$kind" = container ]; then
  cp -a /dev/full /dev/random /dev/tty "$root/dev"
  mkdir -p "$root/dev/pts" "$root/dev/shm" "$root/run/user/1000"
  mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  for stream in 0/stdin 1/stdout 2/stderr; do ln -s "/proc/self/fd/${stream%/*}" "$root/dev/${stream#*/}"; done
  # what root mounts from an image goes through a loop device; the kernel frees it with the last mount
  for node in /dev/loop-control /dev/loop[0-9]*; do [ ! -e "$node" ] || cp -a "$node" "$root/dev"; done
  chown 1000:1000 "$root/run/user/1000"
  if [ -n "$8" ]; then
    mkdir "$root/run/kept"
    mount --bind "$8" "$root/run/kept"
  fi
  if [ -n "$tool" ]; then
    mount --bind "$tool" "$root/opt/tool"
    conf=etc/singularity/singularity.conf
    # No systemd runs here. OCI mode refuses --config, so a changed copy stands over the installation's file (4.2.0 stops without it).
    sed 's/^systemd cgroups = yes/systemd cgroups = no/' "$tool/$conf" >"$root/run/singularity.conf"
    mount --bind "$root/run/singularity.conf" "$root/opt/tool/$conf"
  fi
elif [ -n "$tool" ]; then
  mount --bind "$tool" "$root/mnt/tool"
fi
if [ -n "$root" ]; then
  cd "$root"
  pivot_root . .
  umount -l .
fi
cd /mnt
[ "$kind" != container ] || busybox ip link set lo up
trap 'exit 143' TERM
{ read -r _ <&3 || :; kill -TERM 1; } &
exec 3<&-
if [ -z "$uid" ]; then
  sh script.sh &
elif [ "$kind" = container ]; then  # these make user namespaces of their own
  setpriv --reuid "$uid" --regid "$uid" --clear-groups sh script.sh &
else
  setpriv --reuid "$uid" --regid "$uid" --clear-groups unshare --user --map-root-user --mount --propagation private sh script.sh &
fi
wait $!
