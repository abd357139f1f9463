r"""The codes: one source for ``explain``, the report and the documentation. A code never changes its meaning; new ones are added.

``WL1..`` speak of what lies in the upper, ``WL2..`` of what a reader sees, ``WL3..`` of layers and images.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent


@dataclass(frozen=True)
class Code:
    """What a finding means.

    ``says`` one sentence; ``why`` why it is bad; ``example`` a few lines that show it; ``affected`` who trips over it;
    ``remedy`` what to do. ``why``, ``affected`` and ``remedy`` are one paragraph each; ``example`` is shown as it stands.
    """

    code: str
    name: str
    says: str
    why: str
    example: str
    affected: str
    remedy: str


def _code(code: str, name: str, says: str, *, why: str, example: str, affected: str, remedy: str) -> Code:
    """A row, with the line breaks of its paragraphs taken out."""
    return Code(code, name, says, _flat(why), dedent(example).strip("\n"), _flat(affected), _flat(remedy))


def _flat(paragraph: str) -> str:
    return " ".join(paragraph.split())


_ROWS = (
    _code(
        "WL101", "marker-of-a-marker", "A whiteout whose deleted name is itself a marker name.",
        why="""
            Nobody can have a file of that name, so the whiteout deletes nothing. It is litter that lives: a
            tool that translates encodings turns the device .wh..opq into a file .wh..wh..opq, and where one
            of that name is already there, the layer then holds one path twice.
        """,
        example="""
            $ mkdir merged/a/new
            upper/a/new/                trusted.overlay.opaque=y
            upper/a/new/.wh..wh..opq    regular file: the mark that was meant
            upper/a/new/.wh..opq        character device 0:0: a whiteout of ".wh..opq", which nobody has
        """,
        affected="""
            Whoever packs the upper: SingularityCE's overlay seal followed by a push as tar, and podman and
            docker, which then refuse the image with "duplicates of file paths not supported"; craft-parts
            and continuity step around the same file.
        """,
        remedy="""
            Remove the character devices 0:0 named .wh..opq before packing: their directory is opaque by its
            other marks. With fuse-overlayfs, use a release that does not write them: the comparison in the
            report names it.
        """,
    ),
    _code(
        "WL102", "whiteout-in-opaque", "A whiteout in a directory that is opaque already.",
        why="""
            An opaque directory shows nothing from below, nor does anything in it at any depth, so the
            whiteout has nothing to hide. It is not
            harmless: the kernel's overlay lists such a name in readdir and answers stat with "no such
            file".
        """,
        example="""
            $ rm -rf merged/a; mkdir -p merged/a/b; mv merged/a/b merged/b
            upper/a/       trusted.overlay.opaque=y
            upper/a/b      character device 0:0
        """,
        affected="""
            Readers of the upper by the kernel's overlay: ls shows the name with question marks, and find,
            tar and rm -r stop with an error.
        """,
        remedy="""
            Remove the whiteout: the opaque mark says all that it could. A tool should ask for the mark
            before it writes a whiteout.
        """,
    ),
    _code(
        "WL103", "needless-whiteout", "A whiteout that hides nothing in any lower layer.",
        why="""
            The name was made and deleted, or renamed, in the upper alone. The whiteout costs an entry in
            every layer made of it, and it is a trap: when a lower layer is changed and gets the name, the
            file is missing without anybody having deleted it.
        """,
        example="""
            $ echo x > merged/d/f.tmp; mv merged/d/f.tmp merged/d/f
            upper/d/f        regular file
            upper/d/f.tmp    character device 0:0, and no lower layer has d/f.tmp
        """,
        affected="""
            Image builders, whose layers grow by one entry for each temporary file; importers that treat a
            whiteout of nothing as an error.
        """,
        remedy="Remove the whiteout. A tool should look for the name in the lower layers before it writes one.",
    ),
    _code(
        "WL104", "name-and-whiteout", "A name and its AUFS whiteout stand side by side.",
        why="""
            Within one layer the two statements contradict each other. The OCI specification says that a
            whiteout hides lower layers only, so the name is there; but readers differ, and some delete it.
        """,
        example="""
            upper/f        regular file
            upper/.wh.f    regular file: "f is gone"
        """,
        affected="""
            Users of fuse-overlayfs, where the file is gone after a remount; importers, which keep or delete
            it by the order of the archive.
        """,
        remedy="""
            Remove .wh.NAME where NAME is in the same directory. A tool must remove the whiteout when it
            makes the name again.
        """,
    ),
    _code(
        "WL105", "mixed-encodings",
        "One upper holds deletions, or opaque marks, in encodings that no single reader honours together.",
        why="""
            Every reader that takes the upper sees a part of the deletions and misses the others. No choice
            of tool shows the tree that was written, apart from the one that wrote it.
        """,
        example="""
            upper/a          character device 0:0                a is gone, says the kernel
            upper/d1/        user.fuseoverlayfs.opaque=y         opaque for fuse-overlayfs alone
            upper/d2/        trusted.overlay.opaque=y            opaque for the kernel as root
        """,
        affected="""
            Whoever hands an upper from one tool, or from one privilege, to another: SingularityCE,
            apptainer, podman's storage.
        """,
        remedy="""
            Write the upper with one tool and one privilege, or convert it to one encoding before it is read
            by another.
        """,
    ),
    _code(
        "WL106", "needless-opaque", "An opaque mark with nothing below it to hide.",
        why="""
            No lower layer has the name. The mark changes nothing today, but a layer is used above other
            layers tomorrow: when one of them has the directory, its content is hidden, although nobody
            replaced it.
        """,
        example="""
            $ mkdir merged/cache; touch merged/cache/x
            upper/cache/     trusted.overlay.opaque=y, and no lower layer has "cache"
        """,
        affected="""
            Image builders that rebase a layer on a newer base, and users of caches that combine layers:
            files of the new base are missing.
        """,
        remedy="""
            Remove the mark where no lower layer has the directory. For a tool: mark a new directory opaque
            only over a whiteout. With the kernel, the mark comes with options such as metacopy=on and
            redirect_dir=on.
        """,
    ),
    _code(
        "WL107", "unportable-xattr", "A private xattr that changes what other readers see.",
        why="""
            overlay.redirect says that a directory's content lies under another name, overlay.metacopy that
            a file's content lies in a lower layer. Only the kernel's overlay, mounted with the same
            options, follows them; to all others the directory is empty, and the file has no content.
        """,
        example="""
            $ mount -t overlay -o redirect_dir=on,... ; mv merged/d merged/d2
            upper/d     character device 0:0
            upper/d2/   trusted.overlay.redirect=d, and no entry in it
        """,
        affected="""
            Image builders and packers: the layer lacks the moved directory's files, in silence.
            fuse-overlayfs, which knows neither.
        """,
        remedy="""
            Mount with redirect_dir=off (or nofollow) and metacopy=off where the upper is to become a layer;
            moby and containerd do.
        """,
    ),
    _code(
        "WL108", "unreadable-mark", "A mark in an encoding that a reader does not honour.",
        why="""
            The writer took the deletion down in a form which another reader of the same upper takes for an
            ordinary file, or cannot see. For that reader the deleted content is there again. The message
            names the reader and what it would show.
        """,
        example="""
            $ rm -rf merged/d; mkdir merged/d             fuse-overlayfs, not privileged
            upper/d/                user.fuseoverlayfs.opaque=y
            upper/d/.wh..wh..opq    regular file
            the kernel's overlay with userxattr reads user.overlay.opaque alone: d shows its old files
        """,
        affected="""
            Whoever opens the upper with another tool or privilege than it was written with: an ext3 overlay
            of SingularityCE read by the kernel.
        """,
        remedy="""
            Always read it with the tool that wrote it, or convert the mark: to user.overlay.opaque for the
            kernel in a user namespace.
        """,
    ),
    _code(
        "WL201", "resurrected", "A deleted name is visible again.",
        why="""
            A file that users deleted, and were told is deleted, is back: secrets, stale configuration, old
            libraries beside new ones.
        """,
        example="""
            $ echo new > merged/d/f.new; mv merged/d/f.new merged/d/f; rm merged/d/f
            $ ls merged/d
            f                     the lower layer's
        """,
        affected="""
            Every user of the mount, at once or after the next remount; package managers most, since they
            replace and remove.
        """,
        remedy="""
            Run the script of the cell with the versions in question; the report says from which version on
            it is right. Delete again after a remount.
        """,
    ),
    _code(
        "WL202", "lost", "A name that must be there is not.",
        why="""
            Data that users wrote, or that a lower layer has, cannot be reached: it is hidden by a marker
            that should not be there.
        """,
        example="""
            lower/d/  opaque in a middle layer, with "keep" in it
            $ touch merged/d/new
            upper/d/  the mark was copied up with the directory: "keep" is hidden
        """,
        affected="Every user of the mount. The data is mostly still in a layer, below the marker.",
        remedy="""
            Look at the upper for a whiteout or an opaque mark above the lost name, and remove it while
            nothing is mounted.
        """,
    ),
    _code(
        "WL203", "phantom", "A name is listed and cannot be opened, or the other way round.",
        why="""
            readdir and lookup disagree. Programs that list a directory and then open what they found stop
            with an error, rm -r among them.
        """,
        example="""
            $ ls -l merged/a
            ls: cannot access 'merged/a/b': No such file or directory
            -????????? ? ? ? ?            ? b
        """,
        affected="find, tar, rsync, rm -r, and all that walk trees.",
        remedy="""
            Look for a whiteout in an opaque directory (WL102) or an xattr whiteout outside a directory
            marked opaque=x, and remove it.
        """,
    ),
    _code(
        "WL204", "marker-visible", "A marker is shown to users as a file.",
        why="""
            What one tool wrote for itself reaches users as a file, a device or an xattr. It is copied with
            the tree, ends up in images, and shows that the deletion it stands for was not understood.
        """,
        example="""
            layer written with AUFS names, mounted by the kernel's overlay:
            merged/.wh.f      a file that users see
            merged/f          the file that it should have deleted
        """,
        affected="Users of the mount, and whoever copies or packs it.",
        remedy="Convert the layer to the encoding that the reader honours before it is mounted.",
    ),
    _code(
        "WL205", "changed", "Type, content, mode, owner, link or xattr differs from the oracle.",
        why="""
            The name is right and the thing is not: the file system did something else than the same steps
            do on a plain directory.
        """,
        example="""
            $ cp -a merged/a merged/b
            merged/b: mode is 0700, must be 0755
        """,
        affected="Users of the mount; which of them depends on what differs, and the message says it.",
        remedy="See the message for what differs, and the report's table for the versions in which it is right.",
    ),
    _code(
        "WL206", "unstable", "The view after a remount is not the view before.",
        why="""
            The running daemon knew something that it did not write down. All looks well until the mount is
            made anew, at the next start of the container, and then files are back or gone.
        """,
        example="""
            $ rm -r merged/a; mkdir merged/a; ls merged/a        nothing, as it should be
            $ umount merged; mount again; ls merged/a
            f                                                    the upper has no opaque mark on a
        """,
        affected="""
            Long-lived containers and overlays that are mounted again and again; builds that unmount between
            their steps.
        """,
        remedy="Treat the upper as the truth: check it with `whiteout-lab inspect` before it is used again.",
    ),
    _code(
        "WL207", "step-result", "A step succeeded or failed where the oracle did not.",
        why="""
            A system call gave another answer than on a plain directory: programs fail that are right, or go
            on where they should stop.
        """,
        example="""
            $ rename("d", "e")
            EXDEV: Invalid cross-device link          a lower layer has d, and redirect_dir is off
        """,
        affected="Programs that do the step: package managers and installers, git, and builds.",
        remedy="""
            See the message for the step and its error. EXDEV on directories is documented behaviour: mv
            copies, rename(2) does not.
        """,
    ),
    _code(
        "WL208", "died", "The file system's daemon died, or hung past its limit.",
        why="The mount is gone under its users: every access fails with ENOTCONN, and what was not written is lost.",
        example="""
            $ rm merged/NAME_OF_255_BYTES
            rm: cannot remove '...': Software caused connection abort
            $ ls merged
            ls: cannot access 'merged': Transport endpoint is not connected
        """,
        affected="Every user of the mount.",
        remedy="""
            The daemon's own log is in the recording (daemon.log). Attach it and the cell's script to a
            report for the daemon's project.
        """,
    ),
    _code(
        "WL209", "mount-refused", "The tool refuses to mount the stack, or mounts one that it must refuse.",
        why="""
            Layers that one tool takes another does not take, or not in every version and with every option:
            the container does not start. The reverse is worse: a stack that cannot be shown as it was meant
            is mounted all the same, and users see another tree.
        """,
        example="""
            $ mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w,metacopy=on,userxattr merged
            mount: merged: wrong fs type, bad option, bad superblock on overlay
            dmesg: overlayfs: conflicting options: userxattr,metacopy=on
        """,
        affected="Whoever starts a container over such layers with such options.",
        remedy="""
            The message has the tool's own words; for the kernel's overlay dmesg has more. Where the refusal
            is right, the scenario says so with the key `refuses`.
        """,
    ),
    _code(
        "WL301", "duplicate-path", "Two entries with one path in a layer.",
        why="""
            A layer is a set of changes, and one path may stand once. Importers refuse such a layer, or one
            entry wins by their order.
        """,
        example="""
            tar -t:  d/.wh..wh..opq
                     d/.wh..wh..opq        one from the file, one converted from the device .wh..opq
        """,
        affected="""
            podman and docker: "duplicates of file paths not supported"; containerd refuses too.
        """,
        remedy="""
            Make the layer again from an upper in which every deletion is said once. For the founding case
            removing the devices .wh..opq (WL101) is not enough where a directory carries both the xattr
            trusted.overlay.opaque and the file .wh..wh..opq: each becomes a .wh..wh..opq in the tar.
        """,
    ),
    _code(
        "WL302", "mark-lost", "Sealing or converting dropped or changed a mark.",
        why="""
            The layer no longer says what the upper said: deleted files are back in the image for everybody,
            and the packer ended with success.
        """,
        example="""
            upper/d/     trusted.overlay.opaque=y
            $ mksquashfs upper layer.sqfs          not privileged: "Ignoring" the xattr, exit code 0
            layer/d/     no mark: the old files show through
            upper/.wh.f  packed into a squashfs layer as it is: a file there, and f shows through
        """,
        affected="Whoever packs without privilege, or with a tar that keeps user.* alone, or an upper of fuse-overlayfs as it is.",
        remedy="""
            Pack with the privilege that the upper was written with; GNU tar needs --xattrs
            --xattrs-include='*'. Compare layer and upper.
        """,
    ),
    _code(
        "WL303", "link-to-marker", "A hard link in a layer points to a marker.",
        why="""
            The kernel hard-links its whiteouts together, and a packer that keeps links writes the second
            one as a link to the first. Importers know a whiteout by its name and type, and take the link
            for a file, or look for a target that was never unpacked.
        """,
        example="""
            tar -tv:  -rw-r--r-- .wh.a
                      hrw-r--r-- .wh.b link to .wh.a
        """,
        affected="Packers such as composefs and cvmfs, and importers of their layers.",
        remedy="Write each whiteout as an entry of its own: no links between markers.",
    ),
    _code(
        "WL304", "refused", "An importer refuses the layer.",
        why="The image cannot be used at all with that tool.",
        example="""
            $ podman pull ...
            Error: duplicates of file paths not supported
        """,
        affected="Users of the importer that is named.",
        remedy="""
            The message holds the importer's own words. Look at the other findings of the layer: they mostly
            name the cause.
        """,
    ),
    _code(
        "WL305", "misread", "An importer takes the layer, and its tree is not the oracle's.",
        why="""
            The same image is another tree in another tool, and nobody was told: deleted files are there, or
            files are missing.
        """,
        example="""
            layer:     x, then .wh.x
            oracle:    x is there (a whiteout hides lower layers only)
            importer:  x is gone
        """,
        affected="Users of the importer that is named.",
        remedy="Write the layer so that all readers agree: explicit whiteouts, first in the archive, each path once.",
    ),
    _code(
        "WL306", "not-the-spec", "A layer breaks the OCI image specification.",
        why="What the specification does not define, each importer decides for itself.",
        example="""
            an entry named ".wh." and nothing more
            a whiteout that is a device, or a file with content
        """,
        affected="Users of the strict importers, at once; of the others, some day.",
        remedy="""
            The message names the sentence of the specification (layer.md). Make the layer again without the
            entry.
        """,
    ),
    _code(
        "WL307", "duplicate-when-converted",
        "Two marks of a layer become one path twice when it is converted to an OCI tar layer.",
        why="""
            In a squashfs layer a directory can be marked in several ways at once, and each of them is
            harmless. The conversion writes every mark as a file of the same name, so that the tar layer
            holds one path twice (WL301), and the image cannot be pulled any more.
        """,
        example="""
            layer.sqfs/d/                 trusted.overlay.opaque=y
            layer.sqfs/d/.wh..wh..opq     regular file
            layer.sqfs/d/.wh..opq         character device 0:0
            $ singularity push --layer-format tar ...      each becomes d/.wh..wh..opq
        """,
        affected="""
            Whoever pushes the image as tar layers: podman and docker then refuse it with "duplicates of
            file paths not supported". As squashfs layers it can be used.
        """,
        remedy="""
            Before sealing, leave one mark on each directory of the upper: remove the devices .wh..opq, and
            the files .wh..wh..opq where the directory carries trusted.overlay.opaque.
        """,
    ),
    _code(
        "WL308", "packed-otherwise", "The tree that a packed layer makes is not the one that the upper means.",
        why="""
            The packer ended with success, and the image is another tree than the container was: a file, its
            owner, its mode, its links or an xattr is lost, or a mark of the upper lies in the image as a file.
        """,
        example="""
            upper/f      user.a=1
            $ tar -C upper -cf layer.tar .         keeps no xattrs
            layer/f      no xattr
        """,
        affected="Everybody who gets the layer.",
        remedy="Pack with a program, or with options, that keep what the message names; or by whiteout-lab seal.",
    ),
    _code(
        "WL309", "taken-against-the-spec", "An importer takes a layer that the specification says is invalid.",
        why="""
            The image specification says of a few layers that they are invalid. Who takes one has to guess what it
            means, and the next one guesses otherwise.
        """,
        example="""
            layer/.wh.       the prefix and nothing more
            $ podman pull oci:image                exits with 0
        """,
        affected="Whoever ships such a layer, and sees it refused elsewhere.",
        remedy="Take the entry out of the layer.",
    ),
    _code(
        "WL310", "reached-outside", "An importer changed something outside of the tree that it was to make.",
        why="""
            What a layer says may lead out of the tree: names that go up, absolute names, links. Whoever follows them
            writes where the image's maker wants it to. The layers here lead to a folder that is there to be seen.
        """,
        example="""
            layer/../../canary/file
            canary/file                            changed
        """,
        affected="Whoever takes images of strangers.",
        remedy="Tell the importer's authors first, and nobody else.",
    ),
    _code(
        "WL401", "half-done", "After a fault the tree is neither the one before a step nor the one after it.",
        why="""
            One step of a user's is several system calls of the daemon's, or several changes of a kernel's to the disk. Where it
            is killed or the machine crashes between two of them, or one of them fails, a step that is one system call must be
            done or not done, since programs stand on that: a whiteout that is removed before what takes its place is there
            brings back what was deleted, and a file that is taken away before the new one has its name is lost.
        """,
        example="""
            mkdir a                                a was deleted; in lower layers there is one
              unlinkat(upper, "a")                 the whiteout
              killed, or: renameat(work, "7", upper, "a") = ENOSPC
            a                                      the deleted one is there again
        """,
        affected="Whoever loses power, memory or room on the disk: containers that are killed, full disks.",
        remedy="The daemon must put the new entry in the place of the whiteout by one rename.",
    ),
    _code(
        "WL402", "unsaid", "After an error a step says that it failed and is done, or that it is done and is not.",
        why="""
            Who is told that a step failed does it again, or goes another way: mkdir says EIO, and the directory is there. Who is
            told that it is done does not look again.
        """,
        example="""
            mkdir a/new                            Input/output error
              mknodat(upper, "a/new/.wh..opq") = EIO, the last of its calls
            a/new                                  is there
        """,
        affected="Whoever writes while a disk is full or fails.",
        remedy="The daemon must undo what it did, or hold a mark that is not needed for no reason to fail.",
    ),
    _code(
        "WL403", "not-again", "After a fault the same layers are not mounted again.",
        why="""
            What is left in upper and work folder after a crash is what the next mount finds: it must take it, or whoever uses the
            container has to mend it by hand.
        """,
        example="""
            killed in the middle of a step
            fuse-overlayfs -o lowerdir=…,upperdir=upper,workdir=work merged
              cannot read directory
        """,
        affected="Whoever mounts after a crash.",
        remedy="Empty the work folder, and report it with the upper.",
    ),
)  # fmt: skip

CODES: dict[str, Code] = {row.code: row for row in _ROWS}
