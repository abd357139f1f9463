#!/bin/sh
# Inside a guest kernel: the cell, on a disk of which every write is kept (the kernel's dm-log-writes), and on which a change of
# names is written before the call returns (dirsync): each of them is then a commit of its own in the file system's journal.
. /mnt/guest.sh
load dm-mod dm-log-writes overlay
size=$(blockdev --getsz /dev/ubda)
dmsetup create disk --table "0 $size log-writes /dev/ubda /dev/ubdb" || give_up 'the guest kernel has no dm-log-writes'
mke2fs -q -t ext4 -b 1024 -J size=1 -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 /dev/mapper/disk || give_up 'mke2fs failed'
mkdir /run/disk
mount -t ext4 -o dirsync,nodiscard /dev/mapper/disk /run/disk || give_up 'the guest kernel does not mount ext4'
mkdir /run/disk/cell /run/disk/cell/out
mount --bind /mnt/out /run/disk/cell/out  # what is written there is no business of the disk
WHITEOUT_LAB_CELL=1 sh /mnt/cell.sh /run/disk/cell
umount /run/disk/cell/out && umount /run/disk && dmsetup remove disk || give_up 'the disk is not let go of'
exit 0
