#!/bin/sh
# Inside a guest kernel: the disk as each crash left it, one behind the other on one device, is mounted (which replays its journal),
# looked at below the overlay, and through it. The file "states" says how many, and how many sectors each has.
. /mnt/guest.sh
load dm-mod overlay
read -r count size </mnt/states
cell=/run/disk/cell out=/mnt/out
. /mnt/prelude.sh
. /mnt/stack.sh
mkdir /run/disk
number=0
while [ "$number" -lt "$count" ]; do
  dmsetup create state --table "0 $size linear /dev/ubda $((number * size))" || give_up 'a state cannot be looked at'
  mkdir "/mnt/out/$number"
  (
    out=/mnt/out/$number
    mount -t ext4 /dev/mapper/state /run/disk 2>>"$out/daemon.log" || refuse "the file system below it: $(tail -n 1 "$out/daemon.log")"
    cd "$cell" || refuse 'the file system below it has lost the folder'
    take upper upper
    take work work
    mount_stack
    take remount merged
    unmount_stack
  )
  while umount /run/disk 2>/dev/null; do :; done
  dmsetup remove state || give_up 'a state is not let go of'
  number=$((number + 1))
done
exit 0
