# ---- what packers of containers use ---------------------------------------------------------------------------------
# lay FOLDER FOLDER: the content of one as that of the other, with all that tar can carry.
lay() {
  find "$2" -mindepth 1 -delete &&
    tar -C "$1" --format=posix --numeric-owner --xattrs --xattrs-include='*' -cf - . |
    tar -C "$2" --numeric-owner --xattrs --xattrs-include='*' -xpf - || die "$1 cannot be laid in $2"
}

# lay_all LOWERS UPPER: the layers, where the program keeps its own: the lowers as mount(8) names them, the uppermost first.
lay_all() {
  count=0
  for folder in lower/*; do count=$((count + 1)); done
  IFS=:
  for folder in $1; do
    [ $count = 0 ] || lay "lower/$count" "$folder"
    count=$((count - 1))
  done
  unset IFS
  lay upper "$2"
}

# put FILE: put it among the blobs of the image that is made; $digest and $size say where it is.
put() {
  digest=$(sha256sum <"$1") && digest=${digest%% *} && size=$(wc -c <"$1") && mv "$1" "base/blobs/sha256/$digest" ||
    die 'no image can be made'
}

# base: base.tar, an image that has a layer for each lower, with nothing in it but its root. For podman and for docker.
base() {
  mkdir -p base/blobs/sha256 root
  count=0 layers='' diffs='' files='' history=''
  oci=application/vnd.oci.image
  for folder in lower/*; do
    count=$((count + 1))
    tar -C root --numeric-owner --owner=0 --group=0 --mode=755 --mtime=@$count -cf layer .
    put layer
    layers="$layers${layers:+,}{\"mediaType\":\"$oci.layer.v1.tar\",\"digest\":\"sha256:$digest\",\"size\":$size}"
    diffs="$diffs${diffs:+,}\"sha256:$digest\"" files="$files${files:+,}\"blobs/sha256/$digest\""
    history="$history${history:+,}{\"created_by\":\"lower $count\"}"  # podman 3 counts them
  done
  printf '{"architecture":"amd64","os":"linux","config":{"Cmd":["/bin/sh"]},"rootfs":{"type":"layers","diff_ids":[%s]},"history":[%s]}' \
    "$diffs" "$history" >config
  put config
  printf '[{"Config":"blobs/sha256/%s","RepoTags":["localhost/base:latest"],"Layers":[%s]}]' "$digest" "$files" >base/manifest.json
  printf '{"schemaVersion":2,"mediaType":"%s.manifest.v1+json","config":{"mediaType":"%s.config.v1+json","digest":"sha256:%s","size":%s},"layers":[%s]}' \
    $oci $oci "$digest" "$size" "$layers" >manifest
  put manifest
  printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"latest"}}]}' \
    $oci "$digest" "$size" >base/index.json
  echo '{"imageLayoutVersion":"1.0.0"}' >base/oci-layout
  tar -C base -cf base.tar oci-layout index.json manifest.json blobs || die 'no image can be made'
}

# top LAYOUT: the uppermost layer of an OCI layout's only image is what was packed; it may be compressed.
top() {
  manifest=$(grep -o 'sha256:[0-9a-f]*' "$1/index.json" | head -n 1)
  digest=$(sed 's/.*"layers":\[//; s/\].*//' "$1/blobs/sha256/${manifest#*:}" | grep -o 'sha256:[0-9a-f]*' | tail -n 1)
  packed "$1/blobs/sha256/${digest#*:}"
}
