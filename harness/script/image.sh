# ---- what cells of containers use -----------------------------------------------------------------------------------
# $lab: the folder of the image that the tree under test is; $ordinary: the uid of an ordinary user with subordinate ids.

# skeleton FOLDER: what an image has besides $lab: mount points alone. The world's programs are bound over usr.
skeleton() {
  for name in usr dev proc sys tmp etc mnt root home run var/tmp; do mkdir -p "$1/$name"; done
  for name in bin sbin lib lib64; do ln -s "usr/$name" "$1/$name"; done
  for name in passwd group hosts resolv.conf localtime; do : >"$1/etc/$name"; done
}

# once KEY FILE COMMAND...: a file that cells of a run make alike is made by the first of them, and copied by the others. A script that
# runs alone, or hands over, makes it itself. The lock goes with its holder, whatever way that ends.
once() {
  key=$1 file=$2; shift 2
  if [ -z "${SHARED:-}" ] || [ -n "$who" ]; then "$@"; return; fi
  (
    flock 9
    if [ ! -e "$SHARED/$key" ]; then
      "$@" && cp --sparse=always --reflink=auto "$file" "$SHARED/$key.part" && mv "$SHARED/$key.part" "$SHARED/$key" && rm "$file"
    fi
  ) 9>"$SHARED/$key.lock" && cp --sparse=always --reflink=auto "$SHARED/$key" "$file"
}

# empty_ext3: the file "overlay", an ext3 image that holds upper and work.
empty_ext3() {
  $who mkdir -p empty/upper empty/work && $who truncate -s 16M overlay && $who mke2fs -q -F -t ext3 -b 1024 -J size=1 -d empty overlay
}

# An ordinary user, for a script that is started as root and hands over from one privilege to another.
user="setpriv --reuid $ordinary --regid $ordinary --clear-groups env XDG_RUNTIME_DIR=/run/user/$ordinary"

# go MODE FUNCTION...: a function of this script, run in the container. Whether it began there is seen by the file "entered".
go() {
  rm -f entered
  enter "$@" >>"$out/daemon.log" 2>&1 </dev/null
  code=$?
  [ -e entered ]
}

# fails: what the container that did not start has said, for "asked".
fails() { tail -n 3 "$out/daemon.log"; return "$code"; }

# see NAME PATH...: in the container: the tree as it is there, and which file system shows it.
see() {
  name=$1; shift
  take "$name" "$lab"
  reach "$name" "$lab" "$@"
  cat /proc/self/mountinfo >"$out/$name.mounts"
}

# asked PLACE WHO COMMAND...: a command whose answer is a fact, at the place that it leads to: its exit code and its words are kept, and
# the run goes on.
# A line break stands before, so that words which end without one hide no answer after them.
asked() {
  asking="$1 $2"; shift 2
  "$@" >"$out/answer" 2>&1 </dev/null
  code=$?
  { printf '\nasked %s\nexit %s\n' "$asking" "$code"; sed 's/^/  /' "$out/answer"; } >>"$out/answers"
  rm -f "$out/answer"
  return $code
}

# sealed_as MODE: the layer in sealed.sqfs, and what a container shows of it that is run in this mode.
sealed_as() {
  cp sealed.sqfs "$out/" || die 'the evidence cannot be written'
  say 'container, sealed'
  go "$1" look sealed-view || asked sealed-view "a run of the sealed image" fails
}

# blob FILE: put a file among the blobs of the layout; $digest and $size say where it is.
blob() {
  digest=$(sha256sum <"$1"); digest=${digest%% *}
  size=$(wc -c <"$1")
  mv "$1" "layout/blobs/sha256/$digest"
}

# layout LAYER...: an OCI archive, base.tar, whose image has each folder as a layer; the lowest first.
layout() {
  mkdir -p layout/blobs/sha256
  layers='' diffs=''
  for folder; do
    tar -C "$folder" --format=posix --numeric-owner --owner=0 --group=0 --xattrs --xattrs-include='*' -cf layer.tar . ||
      die "a layer cannot be packed"
    blob layer.tar
    layers="$layers${layers:+,}{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"sha256:$digest\",\"size\":$size}"
    diffs="$diffs${diffs:+,}\"sha256:$digest\""
  done
  printf '{"architecture":"amd64","os":"linux","config":{"Cmd":["/bin/sh"],"Env":["PATH=/usr/sbin:/usr/bin"]},"rootfs":{"type":"layers","diff_ids":[%s]}}' \
    "$diffs" >config
  blob config
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[%s]}' \
    "$digest" "$size" "$layers" >manifest
  blob manifest
  printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"latest"}}]}' \
    "$digest" "$size" >layout/index.json
  echo '{"imageLayoutVersion":"1.0.0"}' >layout/oci-layout
  tar -C layout -cf base.tar oci-layout index.json blobs || die "the archive cannot be packed"
}

# registry_up, registry_down: a registry on the loopback of the cell's own network.
registry_up() {
  printf 'version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: %s/registry}}\nhttp: {addr: 127.0.0.1:5000}\n' \
    "$cell" >registry.yml
  : >registry.log
  docker-registry serve registry.yml >registry.log 2>&1 </dev/null &
  registry=$!
  until grep -q 'listening on' registry.log; do
    kill -0 $registry 2>/dev/null || die "docker-registry: $(tail -n 2 registry.log)"
    sleep 0.01
  done
}
registry_down() { kill $registry; wait $registry; } 2>/dev/null

# copied_as STATE: the image as it is now, so that its own words about its layers can be read.
copied_as() { cp --sparse=always --reflink=auto image.sif "$out/$1.sif"; }

# manifest TAG FILE: what the registry holds of an image: its manifest.
manifest() {
  store=registry/docker/registry/v2
  digest=$(cat "$store/repositories/lab/image/_manifests/tags/$1/current/link") && cp "$(data "$digest")" "$out/$2"
}
# pushed TAG: the same, and the uppermost layer.
pushed() {
  manifest "$1" pushed.manifest || return
  digest=$(grep -o 'sha256:[0-9a-f]*' "$out/pushed.manifest" | tail -n 1)
  cp "$(data "$digest")" "$out/pushed.layer"
}
data() { hex=${1#sha256:}; printf '%s/blobs/sha256/%.2s/%s/data' "$store" "$hex" "$hex"; }
