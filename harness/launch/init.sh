#!/bin/sh
# The first process of a cell: makes the world around it, holds the lifeline, runs script.sh. See enclosure.py.
#
# It is told by words NAME=VALUE, each of which it must get:
#   root         where the root of the cell is put together
#   cell         the folder of the cell, and inside, where that stands in the root
#   mounts       what to mount, as lines of fstab(5)
#   dev          "" when mounts says all of /dev; "own" when the cell needs a /dev/fuse of its own, since the user may not open the
#                machine's (0600 on some); "loop" when it needs loop devices; "container" when its programs run containers, and so
#                need a machine of their own around them
#   uid          the one that an unprivileged user is to have, or "" for root
#   tool         for containers: an installation to place at installed_at, or "" (a single program is in mounts)
#   shared       for containers: the folder of what cells of a run make alike, to place at shared_at, or ""
#   ordinary     for containers: the user who has subordinate ids, and whose runtime folder is runtime
set -eu
for word; do
  value=${word#*=}
  case $word in
    root=*) root=$value ;;
    cell=*) cell=$value ;;
    inside=*) inside=$value ;;
    mounts=*) mounts=$value ;;
    dev=*) dev=$value ;;
    uid=*) uid=$value ;;
    tool=*) tool=$value ;;
    installed_at=*) installed_at=$value ;;
    shared=*) shared=$value ;;
    shared_at=*) shared_at=$value ;;
    ordinary=*) ordinary=$value ;;
    runtime=*) runtime=$value ;;
    *)
      echo "init.sh knows nothing of ${word%%=*}" >&2
      exit 2
      ;;
  esac
done
exec 3<&0 </dev/null
for node in null zero full random urandom fuse; do : >"$cell/../dev/$node"; done
printf '%s\n' "$mounts" >"$cell/../fstab"
# One process for all mounts. In a user namespace some may be refused; what must be there is seen here:
mount -a -T "$cell/../fstab" || :
[ -e "$root/proc/self" ] && [ -e "$root$inside/script.sh" ] || exit 2
read -r _ outer _ </proc/self/uid_map
if [ "$outer" = 0 ] && true 2>/dev/null >"$root/.written"; then
  rm "$root/.written"
  echo 'the root of the cell could not be made read-only' >&2
  exit 2
fi
if [ -n "$dev" ]; then
  cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom "$root/dev"
  [ ! -e /dev/fuse ] || mknod -m 666 "$root/dev/fuse" c 10 229
fi
case $dev in loop | container)
  # What root mounts from an image goes through a loop device; the kernel frees it with the last mount. One that is somebody's is not
  # here: its name leads to a free one, since programs that look for a free one stop at a name that is not there.
  [ ! -e /dev/loop-control ] || cp -a /dev/loop-control "$root/dev"
  used='' free=''
  for node in /dev/loop[0-9]*; do
    case $node in *p*p*) continue ;; esac
    if [ -e "/sys/block/${node#/dev/}/loop" ]; then used="$used $node"; elif [ -e "$node" ]; then cp -a "$node" "$root/dev"; free=$node; fi
  done
  for node in $used; do [ -z "$free" ] || cp -a "$free" "$root$node"; done
esac
if [ "$dev" = container ]; then
  cp -a /dev/tty "$root/dev"
  mkdir -p "$root/dev/pts" "$root/dev/shm" "$root$runtime"
  mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  for stream in 0/stdin 1/stdout 2/stderr; do ln -s "/proc/self/fd/${stream%/*}" "$root/dev/${stream#*/}"; done
  mount -o remount,ro "$root/dev"  # so that no step puts another node there
  chown "$ordinary:$ordinary" "$root$runtime"
  if [ -n "$shared" ]; then
    mkdir "$root$shared_at"
    mount --bind "$shared" "$root$shared_at"
  fi
  if [ -n "$tool" ]; then
    mount -o bind,ro "$tool" "$root$installed_at"
    conf=etc/singularity/singularity.conf
    # No systemd runs here. OCI mode refuses --config, so a changed copy stands over the installation's file (4.2.0 stops without it).
    sed 's/^systemd cgroups = yes/systemd cgroups = no/' "$tool/$conf" >"$root/run/singularity.conf"
    mount --bind "$root/run/singularity.conf" "$root$installed_at/$conf"
  fi
fi
cd "$root"
pivot_root . .
umount -l .
cd "$inside"
[ "$dev" != container ] || busybox ip link set lo up
ulimit -f 4194304  # in 512 bytes: an endless file that a step copies does not fill the disk
lost=-sys_module,-sys_boot,-sys_rawio,-sys_time,-sys_tty_config,-sys_pacct,-syslog,-mac_admin,-mac_override,-audit_control,-wake_alarm
trap 'exit 143' TERM
{ read -r _ <&3 || :; kill -TERM 1; } &
exec 3<&-
if [ -z "$uid" ] && [ "$dev" != container ]; then  # what no overlay needs of root's privileges
  setpriv --bounding-set "$lost" sh script.sh &
elif [ -z "$uid" ]; then
  sh script.sh &
elif [ "$dev" = container ]; then  # these make user namespaces of their own
  setpriv --reuid "$uid" --regid "$uid" --clear-groups sh script.sh &
else
  setpriv --reuid "$uid" --regid "$uid" --clear-groups unshare --user --map-root-user --mount --propagation private sh script.sh &
fi
wait $!
