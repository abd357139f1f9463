#!/bin/sh
# Makes .venv and sees to the system packages. Usage: harness/setup.sh [hand|test|bench]
#
# hand: somebody typed it, and is told what to type next. test, bench: what these need comes too.
#
# As root on Debian or Ubuntu, missing packages are installed; otherwise one line to type is printed, with all of them, and what can run
# without them runs. A second call finds everything in place: it starts no package manager and needs no network.
set -eu
cd "$(dirname "$0")/.."
export DEBIAN_FRONTEND=noninteractive PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONNOUSERSITE=1
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
purpose=${1:-run}

tell() { printf '%s\n' "setup: $*" >&2; }
there() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" = 0 ]; }
distribution() { (. /etc/os-release 2>/dev/null && printf %s "${ID:-}") || :; }

# --- which Python ------------------------------------------------------------------------------------------------------------

recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
complete() { recent "$1" && "$1" -c 'import venv, ensurepip' >/dev/null 2>&1; }
find_python() {
    for candidate in python3 python3.13 python3.12 python3.11 python3.14; do
        if there "$candidate" && "$1" "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
}

# The package that brings what is missing: venv for a Python that is recent enough, or a whole newer Python.
python_packages() {
    half=$(find_python recent)
    if [ -n "$half" ]; then
        "$half" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])'
        return
    fi
    for version in 3.13 3.12 3.11; do
        if there apt-cache && [ -n "$(apt-cache show "python$version" 2>/dev/null)" ]; then
            echo "python$version python$version-venv"
            return
        fi
    done
    there python3 || echo "python3 python3-venv"
}

# --- which system packages ---------------------------------------------------------------------------------------------------

# Where .venv lies belongs to it: a virtual environment cannot be moved.
stamp=.venv/.stamp
current=$({ pwd -P; cat pyproject.toml constraints.txt; } | sha256sum)
in_place() { [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$current" ] && .venv/bin/python -c '' 2>/dev/null; }

missing_packages() {
    in_place || [ -n "$(find_python complete)" ] || python_packages
    while read -r program package; do
        there "$program" || echo "$package"
    done <<END
unshare util-linux
mount mount
setfattr attr
fusermount3 fuse3
mke2fs e2fsprogs
fuse2fs fuse2fs
tar tar
perl perl-base
mmdebstrap mmdebstrap
gpg gpg
strace strace
END
    if [ "$purpose" = bench ] && ! there bsdtar; then echo libarchive-tools; fi
    # The readers of images are held against what these make and read.
    if [ "$purpose" = test ] && ! there mksquashfs; then echo squashfs-tools; fi
    if [ "$purpose" = test ] && ! there sqfs2tar; then echo squashfs-tools-ng; fi
    [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || echo debian-archive-keyring
    # The report is tested in the distribution's own Chromium; Ubuntu has it as a snap alone, which cannot be driven.
    if [ "$purpose" = test ] && [ "$(distribution)" = debian ] && ! there chromium; then echo chromium; fi
}

install_packages() {
    # shellcheck disable=SC2086
    apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends $1 >&2 ||
        { apt-get update >&2 && apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends $1 >&2; }
}

see_what_is_missing() {
    missing=$(missing_packages | sort -u | tr '\n' ' ')
    missing=${missing% }
}

see_what_is_missing
asked=
# Twice at most: which packages bring a Python that is recent enough is known once the index has been read.
while [ -n "$missing" ] && [ "$missing" != "$asked" ] && is_root && there apt-get; do
    tell "installing $missing"
    asked=$missing
    install_packages "$missing" || tell "they could not all be installed: see above; going on without"
    see_what_is_missing
done
if [ -n "$missing" ]; then
    if there apt-get && is_root; then
        tell "still missing; what needs them is skipped. To try again, type:"
        tell "    apt-get update && apt-get install -y $missing"
    elif there apt-get; then
        tell "some system packages are missing; what needs them is skipped. To install all of them, type:"
        tell "    sudo apt-get install -y $missing"
    else
        tell "some programs are missing; what needs them is skipped. Install them (Debian's names): $missing"
    fi
fi

# --- Debian's keys -----------------------------------------------------------------------------------------------------------

# Ubuntu's keyring of Debian is older than Debian's suites. Debian's own package has the newer keys; it is taken from the newest suite that
# the keys which are here vouch for. Those of Ubuntu 22.04 know bullseye alone, whose package has the key by which trixie is signed too.
newest=trixie
keys_are_old() {
    [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] &&
        ! ls /usr/share/keyrings/debian-archive-$newest-automatic.* >/dev/null 2>&1
}
bring_keys() {
    for suite in $newest bookworm bullseye; do
        folder=$(mktemp -d)
        if mmdebstrap --quiet --variant=extract --mode=chrootless --skip=check/chrootless --include=debian-archive-keyring \
            --aptopt='Acquire::http::Timeout "20"' \
            --setup-hook='! [ -f "$1/etc/apt/sources.list" ] || sed -i -e "/-security /d" -e "/-updates /d" "$1/etc/apt/sources.list"' \
            --extract-hook="cp \"\$1\"/var/cache/apt/archives/debian-archive-keyring_*.deb $folder" \
            "$suite" "$folder/root" ${WHITEOUT_LAB_MIRROR:+"$WHITEOUT_LAB_MIRROR"} >/dev/null 2>&1 &&
            dpkg --install "$folder"/*.deb >/dev/null 2>&1; then
            tell "brought Debian's keys, as $suite has them"
            rm -rf "$folder"
            return
        fi
        rm -rf "$folder"
    done
    return 1
}

if is_root && there dpkg && there mmdebstrap; then
    for _ in 1 2 3; do
        if keys_are_old; then bring_keys || break; fi
    done
fi
if keys_are_old; then
    tell "Debian's keys here are older than its suite $newest: worlds of it and of sid are skipped. To bring newer ones, type:"
    tell "    sudo make setup"
fi

tell_next() {
    [ "$purpose" = hand ] || return 0
    tell "next, type one of:"
    tell "    make reproduce                             every scenario on every tool that can be had here, and a report"
    tell "    .venv/bin/whiteout-lab doctor              what this machine can run, and the remedy for what it cannot"
    tell "    .venv/bin/whiteout-lab run ghost-marker    one scenario on the tools that are here"
}

# --- the virtual environment -------------------------------------------------------------------------------------------------

if in_place; then
    tell_next
    exit 0
fi
python=$(find_python complete)
if [ -z "$python" ]; then
    tell "no Python 3.11 or later with venv was found: nothing can run without it"
    tell "    remedy: install one (Ubuntu 22.04: apt-get install python3.11-venv, from universe and jammy-updates), or put its folder first in PATH"
    exit 3
fi
if [ -L .venv ]; then # what is made anew there would be emptied first, wherever it is
    tell "$(pwd)/.venv is a symbolic link: it may be somebody else's"
    tell "    remedy: delete the link"
    exit 3
fi
if ! { mkdir -p .venv && [ -w .venv ]; }; then
    tell "$(pwd)/.venv cannot be written to: it belongs to $(stat -c %U .venv 2>/dev/null || echo another user)"
    tell "    remedy: delete it as that user, or work in a clone of your own"
    exit 3
fi
tell "making .venv with $("$python" --version) (once)"
rm -f "$stamp"
"$python" -m venv --clear .venv
if ! .venv/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'; then
    tell "the Python packages could not be installed: see above"
    tell "    remedy: connect to the network (or set PIP_INDEX_URL or PIP_FIND_LINKS to where they are), then try again"
    exit 3
fi
printf '%s\n' "$current" >"$stamp"
# Root in somebody's clone: the owner must be able to renew it.
if is_root; then chown -R --reference=. .venv ./*.egg-info 2>/dev/null || :; fi
tell_next
