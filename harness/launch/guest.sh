# ---- inside of a guest kernel: what every script there begins with ---------------------------------------------------
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/ DM_DISABLE_UDEV=1
mount -t proc proc /proc && mount -t sysfs sysfs /sys && mount -t tmpfs tmpfs /run || exit
[ -c /dev/null ] || mount -t devtmpfs devtmpfs /dev

# power_off CODE: the end of the guest; its files are written, and where this came to pass is told in out/guest.
power_off() {
  echo "$1" >/mnt/out/guest
  sync
  perl -e 'syscall(169, 0xfee1dead, 672274793, 0x4321fedc)'  # reboot(2), RB_POWER_OFF: there is no init to ask
}
trap 'power_off $?' EXIT

# give_up WORDS: the machine did not do its part.
give_up() { printf '%s\n' "$1" >/mnt/out/broken; exit 3; }

# load MODULE...: what the kernel has as modules; what it has built in is there already.
load() {
  for module; do
    for file in /usr/lib/uml/modules/"$(uname -r)"/kernel/drivers/md/"$module".ko* /usr/lib/uml/modules/"$(uname -r)"/kernel/fs/*/"$module".ko*; do
      [ ! -e "$file" ] || insmod "$file" || give_up "the guest kernel does not load $file"
    done
  done
}
