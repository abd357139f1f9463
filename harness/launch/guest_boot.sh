#!/bin/sh
# The world's own kernel, as a program (User-mode Linux): its root is the cell's, its disks are files of the cell's folder.
# The file "boot" names what is to run in it, and the disks. A kernel that panics ends.
read -r inside disks <boot
set --
for disk in $disks; do set -- "$@" "ubd$#=/mnt/$disk"; done
mkdir -p out || exit 3
TMPDIR=/mnt HOME=/mnt exec "$(cat kernel)" mem=256M uml_dir=/mnt umid=guest "$@" rootfstype=hostfs rootflags=/ rw "init=/mnt/$inside" \
  panic=-1 con=null con0=null,fd:1 quiet >console 2>&1 </dev/null
